// A walk through include/rk with a small model: subject by subject, everything does its job once
// and is looked at. This half is about models and texts; tour_measuring.c about files made of
// models, and numbers. docs/library.md is the guide, the headers are the reference.
//
//     cc tour.c -lrwkv && ./a.out MODEL TEXT FOLDER
//
// To stay short it ends at the first failure, and leaves what it holds to the system; story.c shows
// how a program that lives on cleans up.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/chat.h"
#include "rk/device.h"
#include "rk/state_file.h"
#include "rk/version.h"
#include "tour.h"

// What the stations of the tour pass on.
typedef struct tour {
    const char *model_path, *folder;
    char text[4096]; // the beginning of TEXT
    size_t length;
    rk_pool *pool;
    rk_model *model;
    rk_context *context;
    rk_state *state; // of two sequences
    rk_tokenizer *tokenizer;
    uint32_t *tokens; // of the text
    size_t n_tokens, n_vocab;
    float *logits; // [n_vocab], behind all tokens
} tour;

// ---- version.h, device.h, error.h, pool.h

static void count_threads(void *argument, size_t thread, size_t n_threads) {
    size_t *seen = argument; // [n_threads]
    seen[thread] = n_threads;
}

static void look_around(tour *t) {
    printf("librwkv %s: %s\n", rk_version(), rk_system_info());
    expect(strcmp(rk_cpu_levels()[0], "scalar") == 0, "the lowest level");
    rk_device_info gpu = {.name = ""};
    if (rk_device_count() > 0) {
        must(rk_device_describe(&gpu, 0, &err));
    } else {
        printf("no GPU: %s\n", rk_device_absence());
        expect(rk_device_describe(&gpu, 0, &err) != RK_OK, "no device 0");
    }
    rk_checkpoint *missing = NULL;
    const rk_status status =
        rk_checkpoint_open(&missing, in_folder(t->folder, "no such file"), &err);
    expect(status != RK_OK && missing == NULL, "a file that is not there");
    printf("as it should: %s (%s): %s\n", rk_status_name(status), rk_status_text(status),
           err.message);
    const rk_pool_options two = {.n_threads = 2};
    must(rk_pool_new(&t->pool, &two, &err));
    size_t seen[2] = {0};
    rk_pool_run(t->pool, count_threads, seen);
    expect(rk_pool_threads(t->pool) == 2 && seen[0] == 2 && seen[1] == 2, "two threads");
}

// ---- tensor.h, checkpoint.h

static void look_at_types(void) {
    rk_dtype q4, old, stored;
    size_t bytes, rows, columns, n;
    expect(rk_dtype_parse(&q4, "q4_0") && q4 == RK_DTYPE_Q4_0, "a name");
    expect(rk_dtype_parse_stored(&stored, "2") && stored == q4, "an id");
    expect(rk_dtype_in_version(&old, q4, 100) && rk_dtype_version(old) == 100, "an old layout");
    expect(rk_dtype_row_bytes(&bytes, q4, 64) && bytes == 2 * 18, "two blocks");
    expect(!rk_dtype_row_bytes(&bytes, q4, 65), "no whole blocks");
    const rk_tensor_info cube = {"cube", q4, {3, {2, 3, 64}}};
    char text[RK_SHAPE_TEXT];
    expect(rk_shape_elements(&n, &cube.shape) && n == 384, "elements");
    expect(rk_shape_matrix(&rows, &columns, &cube.shape) && rows == 6 && columns == 64, "a matrix");
    expect(rk_tensor_bytes(&bytes, &cube) && bytes == rows * 36, "bytes of a tensor");
    printf("%s %s\n", rk_dtype_describe(q4)->name, rk_shape_format(text, &cube.shape));
}

static void look_into_checkpoint(tour *t) {
    rk_checkpoint *file = NULL;
    size_t emb = 0, rows, columns;
    must(rk_checkpoint_open_below(&file, t->model_path, NULL, &err)); // as rk_checkpoint_open
    printf("%s: %s, %s, %zu tensors below '%s'\n", rk_checkpoint_path(file),
           rk_container_name(rk_checkpoint_container(file)), rk_checkpoint_architecture(file),
           rk_checkpoint_count(file), rk_checkpoint_root(file));
    expect(rk_checkpoint_find(file, "emb.weight", &emb), "an embedding");
    const rk_tensor_info *info = rk_checkpoint_tensor(file, emb);
    expect(rk_shape_matrix(&rows, &columns, &info->shape), "its shape");
    const size_t row_bytes = rk_checkpoint_tensor_bytes(file, emb) / rows;
    float *row = need(malloc(columns * sizeof *row));
    void *raw = need(malloc(row_bytes));
    must(rk_checkpoint_read_floats(file, emb, rows - 1, 1, row, &err));
    must(rk_checkpoint_read_raw(file, emb, rows - 1, 1, raw, row_bytes, &err));
    expect(isfinite(row[0]), "a value");
    free(raw);
    free(row);
    rk_checkpoint_close(&file);
}

// ---- model.h

static bool count_reports(void *user, uint64_t done, uint64_t total) {
    *(size_t *)user += done <= total;
    return true; // false would end the job
}

static void open_model(tour *t) {
    size_t reports = 0;
    const rk_model_options options = {
        .strategy = "cpu", .pool = t->pool, .progress = {count_reports, &reports}};
    must(rk_model_open(&t->model, t->model_path, &options, &err));
    const rk_model_info *info = rk_model_describe(t->model);
    rk_dims dims;
    must(rk_model_read_dims(t->model_path, &dims, &err)); // without loading it
    expect(reports > 0 && dims.n_vocab == info->dims.n_vocab, "the model's sizes");
    printf("%s, %zu layers, %" PRIu64 " parameters, %s\n", info->arch_name, dims.n_layer,
           info->n_parameters, info->strategy);
    t->n_vocab = dims.n_vocab;
    t->logits = need(malloc(t->n_vocab * sizeof *t->logits));
    const rk_context_options with_pool = {.pool = t->pool};
    must(rk_context_new(&t->context, t->model, &with_pool, &err));
    must(rk_state_new(&t->state, t->model, 2, &err));
    expect(rk_context_model(t->context) == t->model && rk_state_model(t->state) == t->model,
           "whose they are");
}

// ---- tokenizer.h

static void tokenize(tour *t) {
    must(rk_tokenizer_find(&t->tokenizer, t->n_vocab, t->model_path, NULL, &err));
    must(rk_tokenizer_encode(t->tokenizer, t->text, t->length, &t->tokens, &t->n_tokens, &err));
    printf("%s: %zu bytes are %zu tokens\n", rk_tokenizer_name(t->tokenizer), t->length,
           t->n_tokens);
    size_t at = 0;
    for (size_t i = 0; i < t->n_tokens; i++) { // the tokens' texts are the text again
        size_t n;
        const char *piece = rk_tokenizer_decode(t->tokenizer, t->tokens[i], &n);
        expect(rk_tokenizer_has_text(t->tokenizer, t->tokens[i]), "a token with a text");
        expect(at + n <= t->length && memcmp(t->text + at, piece, n) == 0, "the same text");
        at += n;
    }
    expect(at == t->length && rk_tokenizer_vocabulary(t->tokenizer) == t->n_vocab, "all of it");
    rk_tokenizer *other = NULL;
    must(rk_tokenizer_open(&other, 256, &err)); // bytes, which need no file
    rk_tokenizer_close(&other);
    expect(rk_tokenizer_load(&other, t->model_path, &err) == RK_ERR_FORMAT, "no vocabulary");
}

// ---- model.h, state_file.h

static void run_model(tour *t) {
    must(rk_eval(t->context, t->state, t->tokens, t->n_tokens, RK_LOGITS_LAST, t->logits, &err));
    // The same in two parts, beside another text: sequence 1, and sequence 0 from the beginning.
    const size_t half = t->n_tokens / 2;
    float *all = need(malloc(half * t->n_vocab * sizeof *all));
    must(rk_state_clear(t->state, 0, &err));
    const rk_sequence both[] = {
        {.index = 0, .tokens = t->tokens, .n_tokens = half, .wanted = RK_LOGITS_ALL, .logits = all},
        {.index = 1, .tokens = t->tokens + half, .n_tokens = 1, .wanted = RK_LOGITS_NONE}};
    must(rk_eval_batch(t->context, t->state, both, 2, &err));
    expect(isfinite(all[0]), "a logit behind the first token");
    free(all);

    const size_t n = rk_model_describe(t->model)->state_floats;
    float *flat = need(malloc(n * sizeof *flat));
    rk_state_difference d;
    must(rk_state_export(t->state, 0, flat, n, &err));
    must(rk_state_import(t->state, 1, flat, n, &err));
    must(rk_state_save(t->state, 1, in_folder(t->folder, "state"), &err));
    must(rk_state_clear(t->state, 1, &err));
    must(rk_state_compare(t->state, 0, t->state, 1, &d, &err));
    expect(d.max_abs > 0.0, "an empty state is another one");
    must(rk_state_load(t->state, 1, in_folder(t->folder, "state"), &err));
    must(rk_state_compare(t->state, 0, t->state, 1, &d, &err));
    expect(d.max_abs == 0.0 && rk_state_sequences(t->state) == 2, "the state is back");
    must(rk_state_copy(t->state, 1, t->state, 0, &err));
    free(flat);
}

// ---- sampler.h

static void draw(tour *t) {
    rk_preset preset;
    rk_sampler *sampler = NULL;
    expect(rk_preset_parse(&preset, "llama"), rk_preset_name(RK_PRESET_LLAMA));
    rk_sampler_options options = rk_sampler_preset_options(preset);
    must(rk_filter_chain_parse(&options.chain, "top_k;temperature", &err));
    expect(strcmp(rk_filter_name(options.chain.filters[0]), "top_k") == 0, "the chain");
    options.seed = 7;
    must(rk_sampler_new(&sampler, t->n_vocab, &options, &err));
    must(rk_sampler_observe(sampler, t->tokens, t->n_tokens, &err)); // the prompt
    const size_t size = rk_sampler_state_bytes(sampler);
    void *before = need(malloc(size));
    must(rk_sampler_export(sampler, before, size, &err));
    uint32_t first, again;
    must(rk_sampler_draw(sampler, t->logits, &first, &err));
    expect(rk_sampler_probabilities(sampler)[first] > 0.0F, "the probability of what was drawn");
    must(rk_sampler_accept(sampler, first, &err));
    expect(rk_sampler_seed(sampler) == 7 && rk_sampler_counter(sampler) == 1, "one number");
    must(rk_sampler_import(sampler, before, size, &err)); // as if nothing had been drawn
    must(rk_sampler_draw(sampler, t->logits, &again, &err));
    expect(first == again, "the same token again");
    const rk_sampler_options defaults = rk_sampler_defaults();
    must(rk_sampler_configure(sampler, &defaults, &err));
    rk_sampler_reset(sampler);
    rk_sampler_set_generator(sampler, 7, 0);
    expect(rk_sampler_vocabulary(sampler) == t->n_vocab, "the vocabulary");
    free(before);
    rk_sampler_free(&sampler);
}

// ---- generate.h

typedef struct heard {
    char text[512];
    size_t length;
} heard;

static bool hear(void *user, const char *text, size_t length) {
    heard *h = user;
    if (length > sizeof h->text - h->length) return false;
    memcpy(h->text + h->length, text, length);
    h->length += length;
    return true;
}

static bool same(const heard *a, const heard *b) {
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

static const char prompt[] = "Once upon a time";
enum { PROMPT = sizeof prompt - 1, N_DRAWN = 40 };

static void note_end(void *user, rk_status status, const rk_generate_result *result,
                     const rk_error *error) {
    (void)error;
    *(bool *)user = status == RK_OK && result->n_drawn_tokens <= N_DRAWN;
}

// The text that rk_generate, a session in two parts and a batch all give.
static void generate(tour *t) {
    heard whole = {.length = 0}, batched = {.length = 0};
    rk_sampler_options sampling = rk_sampler_defaults();
    sampling.tokenizer = t->tokenizer;
    rk_sampler *sampler = NULL;
    must(rk_sampler_new(&sampler, t->n_vocab, &sampling, &err));
    rk_generate_options options = {.max_tokens = N_DRAWN, .text = hear, .user = &whole};
    rk_generate_result result;
    must(rk_state_clear(t->state, 0, &err));
    must(rk_generate(t->context, t->state, t->tokenizer, sampler, prompt, PROMPT, &options, &result,
                     &err));
    expect(result.end == RK_END_LENGTH && whole.length > 0, "a text");
    rk_sampler_free(&sampler);

    bool good = false;
    rk_batch *batch = NULL;
    options.user = &batched;
    const rk_request request = {.prompt = prompt,
                                .prompt_length = PROMPT,
                                .sampling = &sampling,
                                .options = &options,
                                .done = note_end,
                                .user = &good};
    must(rk_batch_new(&batch, t->context, t->tokenizer, 3, &err));
    must(rk_batch_add(batch, &request, &err));
    expect(rk_batch_room(batch) == 2, "room for two more");
    while (rk_batch_active(batch) > 0) must(rk_batch_step(batch, &err));
    expect(good && same(&whole, &batched), "the batch's text");
    rk_batch_free(&batch);
    printf("%s%.*s...\n", prompt, (int)whole.length, whole.text);
}

static void search_beams(tour *t) {
    const rk_generate_options options = {
        .max_tokens = 20, .stops = &(rk_text){".", 1}, .n_stops = 1};
    const rk_beam_options search = {.n_beams = 3, .length_penalty = 1.0};
    rk_beam *beams = NULL;
    size_t n = 0;
    must(rk_state_clear(t->state, 0, &err));
    must(rk_generate_beams(t->context, t->state, t->tokenizer, prompt, PROMPT, &search, &options,
                           &beams, &n, &err));
    expect(n == 3 && beams[0].score >= beams[1].score, "the best first");
    rk_beams_free(&beams, n);
}

static void keep_session(tour *t) {
    rk_session *session = NULL;
    heard one = {.length = 0}, two = {.length = 0};
    rk_generate_options options = {.max_tokens = N_DRAWN, .text = hear, .user = &one};
    size_t n_fed = 0;
    must(rk_session_new(&session, t->context, t->tokenizer, NULL, &err));
    must(rk_session_feed(session, prompt, PROMPT, NULL, &n_fed, &err));
    expect(n_fed > 0 && rk_session_logits(session) != NULL, "the prompt is in the session");
    must(rk_session_save(session, in_folder(t->folder, "session"), &err));
    must(rk_session_generate(session, &options, NULL, &err));
    rk_session_flush(session, hear, &one); // what is held back: a character that is not complete
    must(rk_session_clear(session, &err));
    must(rk_session_load(session, in_folder(t->folder, "session"), &err));
    options.user = &two;
    must(rk_session_generate(session, &options, NULL, &err));
    rk_session_flush(session, hear, &two);
    expect(same(&one, &two), "the text goes on as it did");

    must(rk_state_clear(rk_session_state(session), 0, &err)); // behind the session's back,
    rk_session_state_changed(session);                        // which is to know
    expect(rk_session_logits(session) == NULL, "no logits for another state");
    must(rk_session_feed_tokens(session, t->tokens, 3, NULL, NULL, &err));
    expect(rk_sampler_counter(rk_session_sampler(session)) > 0, "its sampler");
    rk_session_free(&session);
}

// ---- chat.h

static void chat(tour *t) {
    rk_session *session = NULL;
    rk_chat_template *style = NULL, *other = NULL;
    rk_chat *talk = NULL;
    char *said = NULL, *clean = NULL;
    size_t length;
    must(rk_session_new(&session, t->context, t->tokenizer, NULL, &err));
    must(rk_chat_template_preset(&style, rk_chat_preset_name(0), &err));
    expect(rk_chat_template_load(&other, t->model_path, &err) == RK_ERR_FORMAT, "no template");
    must(rk_chat_template_preset(&other, rk_chat_preset_name(1), &err));
    must(rk_chat_new(&talk, session, style, NULL, &err));
    must(rk_chat_clean(&clean, &length, " Hello. \r\n", 10, false, &err));
    must(rk_chat_prompt(talk, clean, length, &said, &length, &err));
    expect(strcmp(clean, "Hello.") == 0 && strstr(said, clean) != NULL, "the turn's text");
    const rk_generate_options options = {.max_tokens = 8};
    must(rk_chat_say(talk, clean, strlen(clean), &options, NULL, &err));
    must(rk_chat_answer_again(talk, false, &options, NULL, &err));
    expect(rk_chat_turns(talk) == 1 && rk_chat_undoable(talk) == 1, "one turn");
    must(rk_chat_undo(talk, &err));
    must(rk_chat_use_template(talk, other, &err));
    must(rk_chat_say(talk, "And now?", 8, &options, NULL, &err));
    must(rk_chat_resume(talk, &err)); // from here on
    must(rk_chat_reset(talk, &err));
    expect(rk_chat_turns(talk) == 0, "the beginning");
    rk_chat_text_free(&said);
    rk_chat_text_free(&clean);
    rk_chat_free(&talk);
    rk_chat_template_free(&style);
    rk_chat_template_free(&other);
    rk_session_free(&session);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: tour MODEL TEXT FOLDER\n");
        return 2;
    }
    tour t = {.model_path = argv[1], .folder = argv[3]};
    t.length = read_text(t.text, sizeof t.text, argv[2]);
    look_around(&t);
    look_at_types();
    look_into_checkpoint(&t);
    open_model(&t);
    tokenize(&t);
    run_model(&t);
    draw(&t);
    generate(&t);
    search_beams(&t);
    keep_session(&t);
    chat(&t);
    free(t.logits);
    rk_tokens_free(&t.tokens);
    rk_tokenizer_close(&t.tokenizer);
    rk_state_free(&t.state);
    rk_context_free(&t.context);
    rk_model_close(&t.model);
    rk_pool_free(&t.pool);
    return 0;
}
