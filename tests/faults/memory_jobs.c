// Reading, converting, evaluating, generating, embedding.
#include "memory_jobs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/chat.h"
#include "rk/convert.h"
#include "rk/embed.h"
#include "rk/eval.h"
#include "rk/extract.h"
#include "rk/generate.h"
#include "rk/logits_file.h"
#include "rk/probe.h"
#include "rk/state_file.h"
#include "rk/vector_stats.h"
#include "support/scratch.h"

// What most jobs open. All NULL: nothing yet.
typedef struct machine {
    rk_pool *pool;
    rk_model *model;
    rk_context *context;
    rk_state *state;
    rk_tokenizer *tokenizer;
} machine;

static const char tiny[] = RK_TEST_DATA "/models/v4.pth";
static const char tiny7[] = RK_TEST_DATA "/models/v7.pth";
static const char talker[] = RK_MODELS "/demo/demo-rwkv7.pth"; // tokens are bytes

static rk_status open_machine(machine *m, const char *path, const char *strategy, rk_error *err) {
    const rk_model_options options = {.strategy = strategy};
    rk_status status = rk_model_open(&m->model, path, &options, err);
    if (status == RK_OK) status = rk_context_new(&m->context, m->model, NULL, err);
    if (status == RK_OK) status = rk_state_new(&m->state, m->model, 2, err);
    if (status == RK_OK && rk_model_describe(m->model)->dims.n_vocab == 256) {
        status = rk_tokenizer_open(&m->tokenizer, 256, err);
    }
    return status;
}

static void close_machine(machine *m) {
    rk_tokenizer_close(&m->tokenizer);
    rk_state_free(&m->state);
    rk_context_free(&m->context);
    rk_model_close(&m->model);
    rk_pool_free(&m->pool);
}

// ---- weights files

static rk_status read_all(const char *path, rk_error *err) {
    rk_checkpoint *file = NULL;
    rk_status status = rk_checkpoint_open(&file, path, err);
    for (size_t i = 0; status == RK_OK && i < rk_checkpoint_count(file); i++) {
        float row[4096];
        size_t n_rows, n_columns;
        if (!rk_shape_matrix(&n_rows, &n_columns, &rk_checkpoint_tensor(file, i)->shape)) continue;
        if (n_columns > sizeof row / sizeof row[0]) continue;
        status = rk_checkpoint_read_floats(file, i, 0, 1, row, err);
    }
    rk_checkpoint_close(&file);
    return status;
}

static rk_status read_zip(rk_error *err) {
    return read_all(tiny, err);
}

static rk_status read_legacy(rk_error *err) {
    return read_all(RK_TEST_DATA "/zoo/legacy_views.pth", err);
}

static rk_status read_safetensors(rk_error *err) {
    return read_all(RK_TEST_DATA "/foreign/fla.safetensors", err);
}

static rk_status read_deflated(rk_error *err) {
    return read_all(RK_TEST_DATA "/zoo/deflated.pth", err);
}

// ---- converting

static rk_status convert(rk_dtype dtype, const char *in, const char *out,
                         const rk_convert_options *options, rk_error *err) {
    rk_convert_options all = options == NULL ? (rk_convert_options){0} : *options;
    all.dtype = dtype;
    all.no_sync = true;
    return rk_convert(in, test_scratch_path(out), &all, NULL, err);
}

static rk_status convert_to_fp16(rk_error *err) {
    return convert(RK_DTYPE_F16, tiny, "fp16.bin", NULL, err);
}

static rk_status quantize_by_search(rk_error *err) {
    rk_imatrix *imatrix = NULL;
    rk_status status = rk_imatrix_load(&imatrix, test_scratch_path("imatrix.npz"), err);
    const rk_convert_options options = {.imatrix = imatrix, .method = RK_METHOD_SEARCH};
    if (status == RK_OK) status = convert(RK_DTYPE_Q4_1, tiny, "q4.bin", &options, err);
    rk_imatrix_free(&imatrix);
    return status;
}

static rk_status merge_adapter(rk_error *err) {
    const rk_adapter adapter = {RK_MODELS "/demo/demo-lora.pth", 16, 1, NULL};
    const rk_convert_options options = {.adapters = &adapter, .n_adapters = 1};
    return convert(RK_DTYPE_Q8_0, RK_MODELS "/demo/demo-rwkv4.pth", "merged.bin", &options, err);
}

// Shards, and a PiSSA pair, which has a file of its beginning.
static const rk_adapter small_adapters[] = {
    {RK_TEST_DATA "/adapters/bone.safetensors", NAN, 1, NULL},
    {RK_TEST_DATA "/adapters/miss.safetensors", NAN, 1, NULL},
    {RK_TEST_DATA "/adapters/pissa.safetensors", NAN, 1,
     RK_TEST_DATA "/adapters/pissa-init.safetensors"},
};
enum { N_SMALL_ADAPTERS = sizeof small_adapters / sizeof small_adapters[0] };
static const char small_base[] = RK_TEST_DATA "/adapters/base.safetensors";

static rk_status merge_shards(rk_error *err) {
    const rk_convert_options options = {.output = RK_OUTPUT_SAFETENSORS,
                                        .adapters = small_adapters,
                                        .n_adapters = N_SMALL_ADAPTERS};
    return convert(RK_DTYPE_F32, small_base, "shards.safetensors", &options, err);
}

static rk_status subtract_shards(rk_error *err) {
    const rk_convert_options options = {
        .adapters = small_adapters, .n_adapters = N_SMALL_ADAPTERS, .subtract = true};
    return convert(RK_DTYPE_F32, small_base, "subtracted.bin", &options, err);
}

static rk_status extract_adapter(rk_error *err) {
    const rk_extract_options options = {.rank = 3, .no_sync = true};
    return rk_extract_adapter(test_scratch_path("tuned.safetensors"), small_base,
                              test_scratch_path("extracted.safetensors"), &options, NULL, err);
}

// What extract_adapter compares.
static rk_status tune(rk_error *err) {
    const rk_convert_options options = {
        .output = RK_OUTPUT_SAFETENSORS, .adapters = small_adapters, .n_adapters = 1};
    return convert(RK_DTYPE_F32, small_base, "tuned.safetensors", &options, err);
}

// ---- evaluating

static rk_status evaluate(const char *path, const char *strategy, rk_error *err) {
    static const uint32_t tokens[] = {1, 2, 3, 4, 5};
    machine m = {0};
    float *logits = NULL;
    rk_status status = open_machine(&m, path, strategy, err);
    if (status == RK_OK) {
        const size_t n_vocab = rk_model_describe(m.model)->dims.n_vocab;
        logits = calloc(n_vocab, sizeof *logits);
        if (logits == NULL) {
            *err = (rk_error){.code = RK_ERR_MEMORY, .message = "no memory for logits"};
            status = RK_ERR_MEMORY;
        } else {
            status = rk_eval(m.context, m.state, tokens, 5, RK_LOGITS_LAST, logits, err);
        }
    }
    free(logits);
    close_machine(&m);
    return status;
}

static rk_status evaluate_rwkv4(rk_error *err) {
    return evaluate(tiny, "cpu fp32", err);
}

static rk_status evaluate_rwkv7_quantized(rk_error *err) {
    return evaluate(tiny7, "cpu Q5_1", err);
}

static rk_status evaluate_with_threads(rk_error *err) {
    rk_pool *pool = NULL;
    rk_model *model = NULL;
    const rk_pool_options two = {.n_threads = 2};
    rk_status status = rk_pool_new(&pool, &two, err);
    const rk_model_options options = {.pool = pool};
    if (status == RK_OK) status = rk_model_open(&model, tiny, &options, err);
    rk_model_close(&model);
    rk_pool_free(&pool);
    return status;
}

static rk_status keep_state(rk_error *err) {
    machine m = {0};
    rk_status status = open_machine(&m, tiny7, NULL, err);
    if (status == RK_OK) status = rk_state_save(m.state, 0, test_scratch_path("state"), err);
    if (status == RK_OK) status = rk_state_load(m.state, 1, test_scratch_path("state"), err);
    close_machine(&m);
    return status;
}

static rk_status score(rk_error *err) {
    static const uint32_t tokens[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const rk_passage passage = {.tokens = tokens, .n_tokens = 8, .first_scored = 1};
    rk_token_score scores[7];
    machine m = {0};
    rk_scorer *scorer = NULL;
    rk_logits_writer *writer = NULL;
    rk_loss loss;
    rk_status status = open_machine(&m, tiny, NULL, err);
    if (status == RK_OK) {
        status = rk_logits_writer_create(&writer, test_scratch_path("logits"), m.model, &passage, 1,
                                         "test", "tiny", err);
    }
    const rk_scorer_options options = {.writer = writer};
    if (status == RK_OK) status = rk_scorer_new(&scorer, m.context, &options, err);
    if (status == RK_OK) status = rk_scorer_run(scorer, &passage, 1, 0, NULL, scores, err);
    if (status == RK_OK) status = rk_summarize_losses(&loss, scores, 7, NULL, err);
    if (status == RK_OK) status = rk_logits_writer_commit(&writer, err);
    rk_logits_writer_abort(&writer);
    rk_scorer_free(&scorer);
    close_machine(&m);
    return status;
}

static rk_status collect_importance(rk_error *err) {
    static const uint32_t tokens[] = {1, 2, 3, 4, 5, 6, 7, 8};
    machine m = {0};
    rk_imatrix *imatrix = NULL;
    rk_status status = open_machine(&m, tiny, NULL, err);
    if (status == RK_OK) status = rk_imatrix_new(&imatrix, err);
    if (status == RK_OK) {
        status = rk_imatrix_collect(imatrix, m.context, m.state, tokens, 8, NULL, NULL, err);
    }
    if (status == RK_OK) {
        status = rk_imatrix_save(imatrix, test_scratch_path("imatrix.npz"), RK_IMATRIX_NPZ, err);
    }
    rk_imatrix_free(&imatrix);
    close_machine(&m);
    return status;
}

// ---- generating

static bool drop_text(void *user, const char *text, size_t length) {
    (void)user, (void)text, (void)length;
    return true;
}

static const rk_text stop = {"\n\n", 2};
static const rk_generate_options few_tokens = {
    .max_tokens = 6, .text = drop_text, .stops = &stop, .n_stops = 1};

static rk_status keep_session(rk_error *err) {
    machine m = {0};
    rk_session *session = NULL;
    rk_status status = open_machine(&m, talker, "cpu Q8_0", err);
    if (status == RK_OK) status = rk_session_new(&session, m.context, m.tokenizer, NULL, err);
    if (status == RK_OK) status = rk_session_feed(session, "Once upon", 9, NULL, NULL, err);
    if (status == RK_OK) status = rk_session_generate(session, &few_tokens, NULL, err);
    if (status == RK_OK) status = rk_session_save(session, test_scratch_path("session"), err);
    if (status == RK_OK) status = rk_session_load(session, test_scratch_path("session"), err);
    rk_session_free(&session);
    close_machine(&m);
    return status;
}

static rk_status converse(rk_error *err) {
    machine m = {0};
    rk_session *session = NULL;
    rk_chat_template *form = NULL;
    rk_chat *chat = NULL;
    rk_status status = open_machine(&m, talker, "cpu Q8_0", err);
    if (status == RK_OK) status = rk_session_new(&session, m.context, m.tokenizer, NULL, err);
    if (status == RK_OK) status = rk_chat_template_preset(&form, "world", err);
    if (status == RK_OK) status = rk_chat_new(&chat, session, form, NULL, err);
    if (status == RK_OK) status = rk_chat_say(chat, "Hello\r\n", 7, &few_tokens, NULL, err);
    if (status == RK_OK) status = rk_chat_answer_again(chat, true, &few_tokens, NULL, err);
    if (status == RK_OK) status = rk_chat_undo(chat, err);
    rk_chat_free(&chat);
    rk_chat_template_free(&form);
    rk_session_free(&session);
    close_machine(&m);
    return status;
}

typedef struct batch_end {
    rk_status status;
    rk_error error;
} batch_end;

static void note_end(void *user, rk_status status, const rk_generate_result *result,
                     const rk_error *err) {
    batch_end *end = user;
    (void)result;
    if (status == RK_OK) return;
    end->status = status;
    if (err != NULL) end->error = *err;
}

static rk_status generate_together(rk_error *err) {
    machine m = {0};
    rk_batch *batch = NULL;
    batch_end end = {0};
    const rk_request request = {.prompt = "Once",
                                .prompt_length = 4,
                                .options = &few_tokens,
                                .done = note_end,
                                .user = &end};
    rk_status status = open_machine(&m, talker, "cpu Q8_0", err);
    if (status == RK_OK) status = rk_batch_new(&batch, m.context, m.tokenizer, 2, err);
    for (int i = 0; status == RK_OK && i < 2; i++) status = rk_batch_add(batch, &request, err);
    while (status == RK_OK && rk_batch_active(batch) > 0) status = rk_batch_step(batch, err);
    if (status == RK_OK && end.status != RK_OK) {
        *err = end.error;
        status = end.status;
    }
    rk_batch_free(&batch);
    close_machine(&m);
    return status;
}

static rk_status search_beams(rk_error *err) {
    machine m = {0};
    rk_beam *beams = NULL;
    size_t n_beams = 0;
    const rk_beam_options search = {.n_beams = 2};
    rk_status status = open_machine(&m, talker, "cpu Q8_0", err);
    if (status == RK_OK) {
        status = rk_generate_beams(m.context, m.state, m.tokenizer, "Once", 4, &search, &few_tokens,
                                   &beams, &n_beams, err);
    }
    rk_beams_free(&beams, n_beams);
    close_machine(&m);
    return status;
}

static rk_status tokenize(const char *vocabulary, rk_error *err) {
    rk_tokenizer *tokenizer = NULL;
    uint32_t *tokens = NULL;
    size_t n_tokens;
    rk_status status = rk_tokenizer_load(&tokenizer, vocabulary, err);
    if (status == RK_OK)
        status = rk_tokenizer_encode(tokenizer, "Caf\xc3\xa9 at noon", 13, &tokens, &n_tokens, err);
    rk_tokens_free(&tokens);
    rk_tokenizer_close(&tokenizer);
    return status;
}

static rk_status tokenize_world(rk_error *err) {
    return tokenize(RK_TEST_DATA "/tokenizer/tiny_world.txt", err);
}

static rk_status tokenize_bpe(rk_error *err) {
    return tokenize(RK_TEST_DATA "/tokenizer/tiny_bpe.json", err);
}

// ---- embedding

static rk_status embed(rk_error *err) {
    static const uint32_t tokens[] = {1, 2, 3};
    const rk_embed_text texts[] = {{tokens, 3}, {tokens, 2}};
    machine m = {0};
    rk_embedder *embedder = NULL;
    rk_vector_stats *stats = NULL;
    float *vectors = NULL;
    rk_status status = open_machine(&m, tiny, NULL, err);
    if (status == RK_OK) status = rk_embedder_new(&embedder, m.model, NULL, err);
    const size_t n = status == RK_OK ? rk_embedder_length(embedder) : 0;
    if (status == RK_OK && (vectors = calloc(2 * n, sizeof *vectors)) == NULL) {
        *err = (rk_error){.code = RK_ERR_MEMORY, .message = "no memory for vectors"};
        status = RK_ERR_MEMORY;
    }
    if (status == RK_OK) status = rk_embedder_run(embedder, texts, 2, vectors, NULL, err);
    if (status == RK_OK) status = rk_vector_stats_new(&stats, n, err);
    if (status == RK_OK) {
        rk_vector_stats_add(stats, vectors);
        status = rk_vector_stats_save(stats, "key", test_scratch_path("stats"), err);
    }
    rk_vector_stats_free(&stats);
    free(vectors);
    rk_embedder_free(&embedder);
    close_machine(&m);
    return status;
}

static rk_status fit_probe(rk_error *err) {
    enum { ROWS = 20, COLUMNS = 3 };
    static const char *const classes[] = {"no", "yes"};
    float rows[ROWS * COLUMNS];
    size_t labels[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        labels[i] = i % 2;
        for (size_t j = 0; j < COLUMNS; j++) {
            rows[i * COLUMNS + j] = (float)((i * 7 + j * 5) % 11) + (float)labels[i];
        }
    }
    const rk_probe_data data = {rows, ROWS, COLUMNS, labels, classes, 2};
    rk_probe *probe = NULL;
    rk_probe_report report;
    const char *path = test_scratch_path("probe.json");
    rk_status status = rk_probe_fit(&probe, &data, 1, NULL, &report, err);
    if (status == RK_OK) status = rk_probe_save(probe, "key", path, err);
    rk_probe_free(&probe);
    if (status == RK_OK) status = rk_probe_open(&probe, path, "key", COLUMNS, err);
    rk_probe_free(&probe);
    return status;
}

const memory_job memory_jobs[] = {
    {"read a PyTorch file", read_zip, NULL},
    {"read a PyTorch file of old", read_legacy, NULL},
    {"read a safetensors file", read_safetensors, NULL},
    {"read a deflated file", read_deflated, NULL},
    {"collect an importance matrix", collect_importance, NULL},
    {"convert to FP16", convert_to_fp16, "fp16.bin"},
    {"quantize by search", quantize_by_search, "q4.bin"},
    {"merge an adapter", merge_adapter, "merged.bin"},
    {"merge shards and PiSSA", merge_shards, "shards.safetensors"},
    {"subtract shards and PiSSA", subtract_shards, "subtracted.bin"},
    {"extract an adapter", extract_adapter, "extracted.safetensors"},
    {"evaluate RWKV-4", evaluate_rwkv4, NULL},
    {"evaluate RWKV-7 in Q5_1", evaluate_rwkv7_quantized, NULL},
    {"load with two threads", evaluate_with_threads, NULL},
    {"keep a state", keep_state, NULL},
    {"score, and keep logits", score, "logits"},
    {"generate, and keep the session", keep_session, NULL},
    {"converse", converse, NULL},
    {"generate together", generate_together, NULL},
    {"search with beams", search_beams, NULL},
    {"tokenize, World", tokenize_world, NULL},
    {"tokenize, byte pairs", tokenize_bpe, NULL},
    {"embed, and keep statistics", embed, "stats"},
    {"fit a probe", fit_probe, NULL},
    {NULL, NULL, NULL},
};

void memory_jobs_prepare(void) {
    rk_error err;
    if (collect_importance(&err) == RK_OK && tune(&err) == RK_OK) return;
    printf("%s\n", err.message);
    exit(EXIT_FAILURE);
}
