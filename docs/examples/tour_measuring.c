// The other half of the walk through include/rk that tour.c begins: files made of models, how good
// models are, what texts look like to them.
//
//     cc tour_measuring.c -lrwkv && ./a.out MODEL TEXT FOLDER
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/convert.h"
#include "rk/embed.h"
#include "rk/eval.h"
#include "rk/extract.h"
#include "rk/npy.h"
#include "rk/probe.h"
#include "rk/projection.h"
#include "rk/similarity.h"
#include "rk/token_file.h"
#include "rk/tokenizer.h"
#include "rk/vector_stats.h"
#include "tour.h"

// What the stations of the tour pass on.
typedef struct tour {
    const char *model_path, *folder;
    rk_model *model;
    rk_context *context;
    rk_state *state;
    uint32_t *tokens; // of the text
    size_t n_tokens;
} tour;

// Pieces of the text that embeddings are made of.
enum { N_TEXTS = 60, TEXT = 64, MOST_TOKENS = N_TEXTS * TEXT };

static void open_all(tour *t, const char *text_path) {
    char text[4096];
    const size_t length = read_text(text, sizeof text, text_path);
    rk_tokenizer *tokenizer = NULL;
    must(rk_model_open(&t->model, t->model_path, NULL, &err));
    must(rk_context_new(&t->context, t->model, NULL, &err));
    must(rk_state_new(&t->state, t->model, 1, &err));
    const size_t n_vocab = rk_model_describe(t->model)->dims.n_vocab;
    must(rk_tokenizer_find(&tokenizer, n_vocab, t->model_path, NULL, &err));
    must(rk_tokenizer_encode(tokenizer, text, length, &t->tokens, &t->n_tokens, &err));
    expect(t->n_tokens >= MOST_TOKENS, "a text that is long enough");
    rk_tokenizer_close(&tokenizer);
}

// ---- convert.h, imatrix.h, mix.h

static void count_tensor(void *user, const rk_convert_tensor *tensor) {
    expect(tensor->from == tensor->to || tensor->rms_error <= tensor->rms_value, tensor->name);
    ++*(uint64_t *)user;
}

static bool count_reports(void *user, uint64_t done, uint64_t total) {
    *(size_t *)user += done <= total;
    return true; // false would end the job
}

// What a text tells about the inputs of the model's matrices.
static rk_imatrix *calibrate(const tour *t) {
    rk_imatrix *imatrix = NULL, *again = NULL;
    rk_imatrix_entry entry;
    size_t reports = 0;
    const rk_progress progress = {count_reports, &reports};
    must(rk_imatrix_new(&imatrix, &err));
    must(rk_imatrix_collect(imatrix, t->context, t->state, t->tokens, t->n_tokens, NULL, &progress,
                            &err));
    must(rk_imatrix_save(imatrix, in_folder(t->folder, "model.npz"), RK_IMATRIX_NPZ, &err));
    must(rk_imatrix_load(&again, in_folder(t->folder, "model.npz"), &err));
    must(rk_imatrix_merge(again, imatrix, &err)); // the same text twice: twice the tokens
    const char *name = rk_imatrix_at(imatrix, 0).name;
    expect(rk_imatrix_find(again, name, &entry) && entry.n_tokens == 2 * t->n_tokens, name);
    expect(rk_imatrix_product(&entry, 0, 1) == rk_imatrix_product(&entry, 1, 0), "one product");
    expect(reports > 0 && rk_imatrix_count(again) == rk_imatrix_count(imatrix), "its matrices");
    rk_imatrix_free(&imatrix);
    return again;
}

// Makes a small model in FOLDER, with the head wider than what the mix would give it.
static void quantize(const tour *t, const char *output) {
    rk_imatrix *imatrix = calibrate(t);
    const rk_type_rule head = {"^head", RK_DTYPE_F16};
    uint64_t n_reported = 0;
    rk_convert_options options = {.dtype = RK_DTYPE_Q4_0,
                                  .imatrix = imatrix,
                                  .mix = RK_MIX_DEFAULT,
                                  .rules = &head,
                                  .n_rules = 1};
    rk_convert_result planned, made;
    must(rk_convert_plan(t->model_path, &options, &planned, &err));
    options.report = count_tensor;
    options.report_user = &n_reported;
    must(rk_convert(t->model_path, output, &options, &made, &err));
    expect(made.output_bytes == planned.output_bytes, "the plan, to the byte");
    expect(n_reported == made.n_tensors && made.n_unweighted == 0, "a report for each tensor");
    expect(!rk_container_is_model_file(made.container), "made from a checkpoint");
    printf("%s: %.2f bits per weight\n", made.arch_name, made.bits_per_weight);
    rk_imatrix_free(&imatrix);
}

// ---- extract.h, and merging with convert.h

static void count_merged(void *user, const rk_convert_tensor *tensor) {
    if (tensor->n_parts == 0) return;
    const char *kind = rk_merge_kind_name(tensor->parts[0].kind);
    expect(strcmp(kind, "LoRA") == 0 || strcmp(kind, "replacement") == 0, kind);
    ++*(uint64_t *)user;
}

// An adapter that makes the model what `changed` is, nearly; and the model with it.
static void extract_and_merge(const tour *t, const char *changed) {
    const char *path = in_folder(t->folder, "adapter.safetensors");
    rk_checkpoint *file = NULL;
    rk_extract_result found;
    rk_convert_result made;
    uint64_t n_reported = 0;
    const rk_extract_options to_rank_8 = {.rank = 8};
    must(rk_extract_adapter(changed, t->model_path, path, &to_rank_8, &found, &err));
    must(rk_checkpoint_open(&file, path, &err));
    const char *alpha = rk_checkpoint_note(file, "alpha");
    expect(found.n_pairs > 0 && alpha != NULL && strtod(alpha, NULL) > 0.0,
           "pairs and their alpha");
    rk_checkpoint_close(&file);
    const rk_adapter adapter = {
        .path = path, .alpha = NAN, .scale = 1.0}; // alpha: as the file says
    const rk_convert_options options = {.dtype = RK_DTYPE_F16,
                                        .adapters = &adapter,
                                        .n_adapters = 1,
                                        .report = count_merged,
                                        .report_user = &n_reported};
    must(rk_convert(t->model_path, in_folder(t->folder, "merged.bin"), &options, &made, &err));
    expect(made.n_merged == found.n_pairs + found.n_whole, "all that differed");
    expect(n_reported == made.n_merged, "a report of each");
}

// ---- eval.h, passage.h, logits_file.h

static const char protocol[] = "two halves of a text";

// Scores the passages with the model, and keeps its logits for those to come.
static void score_base(const tour *t, const rk_passage passages[2], rk_token_score *scores) {
    rk_logits_writer *writer = NULL, *given_up = NULL;
    rk_scorer *scorer = NULL;
    must(rk_logits_writer_create(&writer, in_folder(t->folder, "logits"), t->model, passages, 2,
                                 protocol, "the demo model", &err));
    must(rk_logits_writer_create(&given_up, in_folder(t->folder, "nothing"), t->model, passages, 2,
                                 protocol, "", &err));
    rk_logits_writer_abort(&given_up);
    const rk_scorer_options options = {.writer = writer};
    must(rk_scorer_new(&scorer, t->context, &options, &err));
    must(rk_scorer_run(scorer, passages, 2, 0, NULL, scores, &err));
    must(rk_logits_writer_commit(&writer, &err));
    rk_scorer_free(&scorer);
}

// Scores a smaller model beside what the file says of the larger one.
static void score_beside(const tour *t, const char *smaller, const rk_passage passages[2],
                         rk_token_score *scores) {
    rk_logits_reader *reader = NULL;
    rk_model *model = NULL;
    rk_context *context = NULL;
    rk_scorer *scorer = NULL;
    must(rk_model_open(&model, smaller, NULL, &err));
    must(rk_context_new(&context, model, NULL, &err));
    must(rk_logits_reader_open(&reader, in_folder(t->folder, "logits"), &err));
    must(rk_logits_reader_check(reader, model, passages, 2, protocol, &err));
    printf("logits of %s\n", rk_logits_reader_describe(reader)->source);
    const rk_scorer_options options = {.saved_base = reader};
    must(rk_scorer_new(&scorer, context, &options, &err));
    must(rk_scorer_run(scorer, passages, 2, 0, NULL, scores, &err));
    rk_scorer_free(&scorer);
    rk_logits_reader_close(&reader);
    rk_context_free(&context);
    rk_model_close(&model);
}

static void measure(const tour *t, const char *smaller) {
    const size_t half = t->n_tokens / 2;
    const rk_passage passages[2] = {{t->tokens, half, 1}, {t->tokens + half, half, 1}};
    const size_t n = rk_passages_scores(passages, 2);
    expect(n == 2 * (half - 1) && rk_passages_group_end(passages, 2, 0) >= 1, "scores");
    rk_token_score *scores = need(malloc(n * sizeof *scores));
    rk_loss stream, loss;
    rk_comparison with_base;
    rk_position_bin bins[RK_MAX_POSITION_BINS];
    score_base(t, passages, scores);
    const rk_bootstrap bootstrap = {.n_resamples = 100, .block = 64, .seed = 1};
    must(rk_summarize_losses(&loss, scores, n, &bootstrap, &err));
    must(rk_eval_stream(t->context, t->state, t->tokens, half, NULL, &stream, &err));
    expect(stream.n_tokens == half - 1 && stream.mean > 0.0, "the first half as a stream");
    score_beside(t, smaller, passages, scores);
    must(rk_summarize_comparison(&with_base, scores, n, NULL, &err));
    expect(fabs(with_base.base_loss.mean - loss.mean) < 1e-3, "the base's loss, of 16-bit logits");
    expect(rk_summarize_positions(bins, passages, 2, scores) >= 1, "bins of positions");
    printf("perplexity %.3f +- %.3f, %.3f in Q4_0; divergence %.4f, at %g: %.4f\n", loss.perplexity,
           loss.perplexity_bootstrap_error, with_base.loss.perplexity, with_base.divergence.mean,
           rk_divergence_share(1), with_base.percentiles[1]);
    free(scores);
}

// ---- statistics.h

static void estimate(void) {
    double a[] = {3.0, 1.0, 2.0, 4.0};
    const double b[] = {2.0, 0.0, 1.0, 3.0}; // always one less
    rk_estimate mean;
    const rk_bootstrap bootstrap = {.n_resamples = 10, .block = 64};
    must(rk_estimate_mean(&mean, a, 4, NULL, &err));
    const rk_estimate difference = rk_paired_difference(a, b, 4);
    expect(mean.mean == 2.5 && mean.standard_error > 0.5, "a mean");
    expect(difference.mean == 1.0 && difference.standard_error == 0.0, "a sure difference");
    rk_sort_values(a, 4);
    expect(rk_percentile(a, 4, 0.5) == 2.5, "the median");
    expect(rk_bootstrap_block(&bootstrap, 80) == 10, "an eighth of the numbers");
    const float logits[] = {0.0F, 0.0F};
    expect(fabs(rk_token_loss(logits, 2, 0) - log(2.0)) < 1e-12, "one of two");
}

// ---- embed.h, npy.h

// Embeddings of pieces of the text: [N_TEXTS][*length], also in vectors.npy. *key: what they are.
static float *embed(const tour *t, size_t *length, char *key, size_t key_size) {
    rk_embed_source sources[RK_EMBED_SOURCE_COUNT], shift;
    rk_embedder *embedder = NULL;
    rk_embed_text texts[N_TEXTS];
    const size_t n = rk_embed_default_sources(sources, rk_model_describe(t->model)->arch);
    expect(rk_embed_source_parse(&shift, "att-shift", 9), rk_embed_source_name(RK_EMBED_ATT_SHIFT));
    const rk_embed_options options = {.sources = sources, .n_sources = n, .layers = "-1"};
    must(rk_embedder_new(&embedder, t->model, &options, &err));
    *length = rk_embedder_length(embedder);
    (void)snprintf(key, key_size, "%s", rk_embedder_describe(embedder));
    float *rows = need(malloc((N_TEXTS + 1) * *length * sizeof *rows)),
          *row = rows + N_TEXTS * *length;
    for (size_t i = 0; i < N_TEXTS; i++) texts[i] = (rk_embed_text){t->tokens + i * TEXT, TEXT};
    must(rk_embedder_run(embedder, texts, N_TEXTS, rows, NULL, &err));
    must(rk_embedding_check(rows, N_TEXTS * *length, &err));
    must(rk_state_clear(t->state, 0, &err)); // the first one again, out of a state
    must(rk_eval(t->context, t->state, t->tokens, TEXT, RK_LOGITS_NONE, NULL, &err));
    must(rk_embedder_take(embedder, t->state, 0, row, &err));
    expect(rk_cosine(row, rows, *length) > 0.99999, "the same vector");
    printf("%zu at a time: %s\n", rk_embedder_batch(embedder), key);
    rk_embedder_free(&embedder);
    return rows;
}

static void keep_rows(const tour *t, const float *rows, size_t length) {
    rk_npy *npy = NULL, *given_up = NULL;
    rk_npy_rows *file = NULL;
    float *row = need(malloc(length * sizeof *row));
    must(rk_npy_create(&given_up, in_folder(t->folder, "nothing.npy"), RK_DTYPE_F16, 1, &err));
    rk_npy_abort(&given_up);
    must(rk_npy_create(&npy, in_folder(t->folder, "vectors.npy"), RK_DTYPE_F32, length, &err));
    for (size_t i = 0; i < N_TEXTS; i++) must(rk_npy_append(npy, rows + i * length, &err));
    must(rk_npy_commit(&npy, &err));
    must(rk_npy_open(&file, in_folder(t->folder, "vectors.npy"), &err));
    expect(rk_npy_count(file) == N_TEXTS && rk_npy_columns(file) == length, "its shape");
    expect(rk_npy_dtype(file) == RK_DTYPE_F32, "its type");
    must(rk_npy_read(file, N_TEXTS - 1, 1, row, &err));
    expect(memcmp(row, rows + (N_TEXTS - 1) * length, length * sizeof *row) == 0, "the last row");
    rk_npy_close(&file);
    free(row);
}

// ---- vector_stats.h, projection.h, similarity.h, probe.h

// Brings every column to mean 0 and deviation 1.
static void normalise(const tour *t, float *rows, size_t length, const char *key) {
    rk_vector_stats *stats = NULL, *other = NULL;
    must(rk_vector_stats_new(&stats, length, &err));
    must(rk_vector_stats_new(&other, length, &err));
    for (size_t i = 0; i < N_TEXTS; i++) {
        rk_vector_stats_add(i % 2 == 0 ? stats : other, rows + i * length);
    }
    must(rk_vector_stats_merge(stats, other, &err));
    rk_vector_stats_free(&other);
    must(rk_vector_stats_save(stats, key, in_folder(t->folder, "stats"), &err));
    must(rk_vector_stats_open(&other, in_folder(t->folder, "stats"), key, length, &err));
    expect(rk_vector_stats_count(other) == N_TEXTS && rk_vector_stats_columns(other) == length,
           "all");
    expect(rk_vector_stats_mean(other, 0) == rk_vector_stats_mean(stats, 0), "a mean");
    expect(rk_vector_stats_deviation(other, 0) >= 0.0, "a deviation");
    for (size_t i = 0; i < N_TEXTS; i++) rk_vector_stats_normalise(other, rows + i * length);
    rk_vector_stats_free(&other);
    rk_vector_stats_free(&stats);
}

// A row among all rows, and after a projection to fewer columns.
static void find_alike(const float *rows, size_t length) {
    const rk_projection to_16 = {.n_in = length, .n_out = 16, .seed = 1};
    float *small = need(malloc(N_TEXTS * to_16.n_out * sizeof *small));
    rk_nearest *nearest = NULL;
    size_t count = 0;
    must(rk_project(small, &to_16, rows, N_TEXTS, &err));
    must(rk_nearest_new(&nearest, small + 3 * to_16.n_out, to_16.n_out, 2, &err));
    for (size_t i = 0; i < N_TEXTS; i++) rk_nearest_add(nearest, i, small + i * to_16.n_out);
    const rk_neighbour *found = rk_nearest_found(nearest, &count);
    expect(count == 2 && found[0].row == 3 && found[0].similarity > 0.9999, "itself first");
    rk_nearest_free(&nearest);
    free(small);
}

// Can it be read off a vector whether the text ended with a blank? (The model's tokens are bytes.)
static void fit_probe(const tour *t, const float *rows, size_t length, const char *key) {
    static const char *const classes[] = {"inside of a word", "behind one"};
    size_t labels[N_TEXTS], right = 0;
    rk_probe *probe = NULL, *again = NULL;
    rk_probe_report report;
    for (size_t i = 0; i < N_TEXTS; i++) labels[i] = t->tokens[i * TEXT + TEXT - 1] == ' ';
    const rk_probe_data data = {rows, N_TEXTS, length, labels, classes, 2};
    must(rk_probe_fit(&probe, &data, 1, NULL, &report, &err));
    must(rk_probe_save(probe, key, in_folder(t->folder, "probe.json"), &err));
    must(rk_probe_open(&again, in_folder(t->folder, "probe.json"), key, length, &err));
    expect(rk_probe_columns(again) == length && rk_probe_classes(again) == 2, "its sizes");
    for (size_t i = 0; i < N_TEXTS; i++) {
        double lead;
        const size_t found = rk_probe_predict(again, rows + i * length, &lead);
        right += strcmp(rk_probe_class(again, found), classes[labels[i]]) == 0;
    }
    expect(right == N_TEXTS && report.accuracy > report.most_common, "a good probe");
    expect(rk_probe_quality(again)->n_rows == N_TEXTS, "its report");
    rk_probe_free(&again);
    rk_probe_free(&probe);
}

// ---- token_file.h

// Tokens as NumPy writes them: read back, they are the tokens.
static void read_tokens(const tour *t) {
    enum { HEADER = 118, N = 16 };
    const char *path = in_folder(t->folder, "tokens.npy");
    FILE *npy = need(fopen(path, "wb"));
    fprintf(npy, "\x93NUMPY%c%c%c%c%-*s\n", 1, 0, HEADER, 0, HEADER - 1,
            "{'descr': '<u4', 'fortran_order': False, 'shape': (16,), }");
    expect(fwrite(t->tokens, sizeof t->tokens[0], N, npy) == N && fclose(npy) == 0, path);
    rk_token_file *file = NULL;
    uint64_t n = 0;
    uint32_t tokens[N];
    expect(rk_token_file_recognize(path) && !rk_token_file_recognize(t->model_path), path);
    must(rk_token_file_open(&file, path, &err));
    expect(strcmp(rk_token_file_kind(file), "npy") == 0, rk_token_file_path(file));
    expect(rk_token_file_data_path(file) == NULL, "one file alone");
    must(rk_token_file_length(file, rk_token_file_documents(file) - 1, &n, &err));
    must(rk_token_file_read(file, 0, N, tokens, &err));
    expect(n == N && memcmp(tokens, t->tokens, sizeof tokens) == 0, "the tokens");
    rk_token_file_close(&file);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: tour_measuring MODEL TEXT FOLDER\n");
        return 2;
    }
    tour t = {.model_path = argv[1], .folder = argv[3]};
    char key[512];
    size_t length = 0;
    open_all(&t, argv[2]);
    char smaller[512];
    (void)snprintf(smaller, sizeof smaller, "%s/smaller.bin", t.folder);
    quantize(&t, smaller);
    extract_and_merge(&t, smaller);
    measure(&t, smaller);
    estimate();
    float *rows = embed(&t, &length, key, sizeof key);
    keep_rows(&t, rows, length);
    normalise(&t, rows, length, key);
    find_alike(rows, length);
    fit_probe(&t, rows, length, key);
    read_tokens(&t);
    free(rows);
    rk_tokens_free(&t.tokens);
    rk_state_free(&t.state);
    rk_context_free(&t.context);
    rk_model_close(&t.model);
    return 0;
}
