// Files of logits: what is lost, what is refused.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/logits_row.h"
#include "scorer_machine.h"
#include "support/scratch.h"

enum { N_TOKENS = 300, N_VOCAB = 40 };

static uint32_t tokens[N_TOKENS];
static const rk_passage passages[] = {{tokens, 200, 1}, {tokens + 200, 100, 30}};
enum { N_ROWS = 199 + 70 };

static const char *write_file(const test_machine *m) {
    const char *path = test_scratch_path("base.logits");
    rk_error err = {0};
    rk_logits_writer *writer = NULL;
    test_make_tokens(tokens, N_TOKENS, N_VOCAB, 0);
    cr_assert_eq(rk_logits_writer_create(&writer, path, m->model, passages, 2, "a protocol",
                                         "a model", &err),
                 RK_OK, "%s", err.message);
    const rk_scorer_options options = {.writer = writer};
    free(test_score(m, passages, 2, &options));
    cr_assert_eq(rk_logits_writer_commit(&writer, &err), RK_OK, "%s", err.message);
    cr_assert_null(writer);
    return path;
}

static rk_logits_reader *open_file(const char *path) {
    rk_logits_reader *reader = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_logits_reader_open(&reader, path, &err), RK_OK, "%s", err.message);
    return reader;
}

// Another model with the same layer norms, and so the same fingerprint: as quantizing would leave.
static test_machine disturbed(float by) {
    const test_small_model sizes = {
        .n_vocab = N_VOCAB, .n_embd = 16, .n_layer = 2, .n_ffn = 32, .seed = 3};
    test_small_tensors t = test_small_model_new(&sizes);
    float *head = test_small_model_find(&t, "head.weight");
    for (size_t i = 0; i < N_VOCAB * 16; i++) head[i] *= 1 + by * (float)(i % 7);
    const char *path = test_scratch_path("disturbed.pth");
    cr_assert(test_pth_write(path, t.tensors, t.count));
    test_small_model_free(&t);
    return test_machine_open(path);
}

// The error of log p is at most 3.2e-5 exp(distance / 4) up to a distance of 30 nats from the most
// probable token.
Test(logits_file, rows_keep_what_they_promise) {
    enum { N = 1000 };
    float *logits = malloc(N * sizeof *logits), *back = malloc(N * sizeof *back);
    float *codes = malloc(RK__LOGITS_CODES * sizeof *codes);
    uint8_t *row = malloc(rk__logits_row_bytes(N));
    rk__logits_codes_init(codes);
    test_fill(logits, N, 30, 5);
    const rk__softmax s = rk__softmax_of(logits, N);
    rk__logits_row_encode(row, logits, N, s, 1.25);
    double loss;
    uint32_t best;
    cr_assert(rk__logits_row_decode(row, N, codes, back, &loss, &best));
    cr_assert_eq(loss, 1.25);
    cr_assert_eq(best, s.best);
    for (size_t i = 0; i < N; i++) {
        const double distance = (double)s.largest - (double)logits[i];
        const double limit = distance <= 30 ? 3.2e-5 * exp(distance / 4) : 3;
        if (distance > 45) {
            cr_assert((double)back[i] < -44, "%g", (double)back[i]);
        } else {
            cr_assert_float_eq((double)back[i], -distance, limit, "%zu: %g, %g", i, (double)back[i],
                               -distance);
        }
    }
    for (size_t i = 0; i < rk__logits_row_bytes(N); i++) {
        row[i] ^= 4;
        cr_assert_not(rk__logits_row_decode(row, N, codes, back, &loss, &best), "byte %zu", i);
        row[i] ^= 4;
    }
    free(logits);
    free(back);
    free(codes);
    free(row);
}

Test(logits_file, gives_the_same_figures_as_the_model) {
    test_machine base = test_machine_small("base.pth", 3), m = disturbed(0.01F);
    const char *path = write_file(&base);
    rk_logits_reader *reader = open_file(path);
    rk_error err = {0};
    cr_assert_eq(rk_logits_reader_check(reader, m.model, passages, 2, "a protocol", &err), RK_OK,
                 "%s", err.message);
    const rk_scorer_options beside = {.base = base.context}, saved = {.saved_base = reader};
    rk_token_score *expected = test_score(&m, passages, 2, &beside);
    rk_token_score *found = test_score(&m, passages, 2, &saved);
    for (size_t i = 0; i < N_ROWS; i++) {
        cr_assert_eq(found[i].loss, expected[i].loss);
        cr_assert_eq(found[i].base_loss, expected[i].base_loss);
        cr_assert_eq(found[i].base_best, expected[i].base_best);
        cr_assert(expected[i].divergence > 1e-6);
        cr_assert_float_eq(found[i].divergence, expected[i].divergence,
                           1e-8 + 1e-4 * sqrt(expected[i].divergence), "%zu: %g, %g", i,
                           found[i].divergence, expected[i].divergence);
    }
    free(expected);
    free(found);

    // Of a model with itself next to nothing is left.
    found = test_score(&base, passages, 2, &saved);
    for (size_t i = 0; i < N_ROWS; i++) cr_assert(found[i].divergence < 1e-8);
    free(found);
    rk_logits_reader_close(&reader);
    test_machine_close(&base);
    test_machine_close(&m);
    test_scratch_remove();
}

Test(logits_file, says_what_it_is) {
    test_machine base = test_machine_small("base.pth", 3);
    rk_logits_reader *reader = open_file(write_file(&base));
    const rk_logits_info *info = rk_logits_reader_describe(reader);
    cr_assert_eq(info->n_vocab, N_VOCAB);
    cr_assert_eq(info->n_rows, N_ROWS);
    cr_assert_eq(info->n_tokens, N_TOKENS);
    cr_assert_str_eq(info->protocol, "a protocol");
    cr_assert_str_eq(info->source, "a model");
    rk_logits_reader_close(&reader);
    cr_assert_null(reader);
    test_machine_close(&base);
    test_scratch_remove();
}

static void check_refused(const rk_logits_reader *reader, const test_machine *m,
                          const rk_passage *p, size_t n, const char *protocol,
                          const char *expected) {
    rk_error err = {0};
    cr_assert_eq(rk_logits_reader_check(reader, m->model, p, n, protocol, &err), RK_ERR_MISMATCH);
    cr_assert_not_null(strstr(err.message, expected), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "base.logits"), "%s", err.message);
}

Test(logits_file, is_refused_for_anything_else) {
    test_machine base = test_machine_small("base.pth", 3), other = test_machine_small("b.pth", 4);
    rk_logits_reader *reader = open_file(write_file(&base));
    check_refused(reader, &other, passages, 2, "a protocol", "of another model, a model (");
    check_refused(reader, &base, passages, 2, "another", "of another protocol: 'a protocol'");
    const rk_passage cut[] = {{tokens, 150, 1}, {tokens + 150, 150, 30}};
    check_refused(reader, &base, cut, 2, "a protocol", "of another protocol");
    const rk_passage shorter[] = {{tokens, 200, 1}};
    check_refused(reader, &base, shorter, 1, "a protocol", "of another text");
    tokens[77]++;
    check_refused(reader, &base, passages, 2, "a protocol", "of another text: 300 tokens");
    rk_logits_reader_close(&reader);
    test_machine_close(&base);
    test_machine_close(&other);
    test_scratch_remove();
}

static rk_status open_bytes(const unsigned char *bytes, size_t size, rk_error *err) {
    rk_logits_reader *reader = NULL;
    const char *path = test_scratch_path("changed.logits");
    cr_assert(test_write_file(path, bytes, size));
    const rk_status status = rk_logits_reader_open(&reader, path, err);
    rk_logits_reader_close(&reader);
    return status;
}

Test(logits_file, damaged_headers_are_refused) {
    test_machine base = test_machine_small("base.pth", 3);
    size_t size = 0;
    unsigned char *bytes = test_read_file(write_file(&base), &size);
    cr_assert_eq(size, 128 + N_ROWS * rk__logits_row_bytes(N_VOCAB));
    rk_error err = {0};
    cr_assert_eq(open_bytes(bytes, size, &err), RK_OK, "%s", err.message);
    for (size_t i = 0; i < 128; i++) { // text, lengths, zeros: all of it is checked
        bytes[i] ^= 0x20;
        cr_assert_neq(open_bytes(bytes, size, &err), RK_OK, "byte %zu", i);
        bytes[i] ^= 0x20;
    }
    for (size_t cut = 1; cut < size; cut = cut * 3 / 2 + 1) {
        cr_assert_eq(open_bytes(bytes, size - cut, &err), RK_ERR_FORMAT, "%zu", size - cut);
    }
    cr_assert_eq(open_bytes(bytes, 0, &err), RK_ERR_FORMAT);
    free(bytes);
    test_machine_close(&base);
    test_scratch_remove();
}

Test(logits_file, damaged_rows_are_refused_when_they_are_read) {
    test_machine base = test_machine_small("base.pth", 3);
    size_t size = 0;
    unsigned char *bytes = test_read_file(write_file(&base), &size);
    bytes[128 + 123 * rk__logits_row_bytes(N_VOCAB) + 20] ^= 1;
    const char *path = test_scratch_path("changed.logits");
    cr_assert(test_write_file(path, bytes, size));
    free(bytes);
    rk_logits_reader *reader = open_file(path);
    const rk_scorer_options options = {.saved_base = reader};
    rk_scorer *scorer = NULL;
    rk_token_score scores[N_ROWS];
    rk_error err = {0};
    cr_assert_eq(rk_scorer_new(&scorer, base.context, &options, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_scorer_run(scorer, passages, 2, 0, NULL, scores, &err), RK_ERR_FORMAT);
    cr_assert_not_null(strstr(err.message, "prediction 123 is damaged"), "%s", err.message);
    rk_scorer_free(&scorer);
    rk_logits_reader_close(&reader);
    test_machine_close(&base);
    test_scratch_remove();
}

Test(logits_file, is_not_there_before_it_is_complete) {
    test_machine base = test_machine_small("base.pth", 3);
    test_make_tokens(tokens, N_TOKENS, N_VOCAB, 0);
    const char *path = test_scratch_path("new.logits");
    rk_logits_writer *writer = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_logits_writer_create(&writer, path, base.model, passages, 2, "p", "s", &err),
                 RK_OK);
    const rk_scorer_options options = {.writer = writer};
    free(test_score(&base, passages, 1, &options));
    cr_assert_eq(rk_logits_writer_commit(&writer, &err), RK_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.message, "199 of 269"), "%s", err.message);
    cr_assert_null(writer);
    cr_assert_not(test_file_exists(path));
    char text[1002];
    memset(text, 'x', sizeof text);
    text[1001] = '\0';
    cr_assert_eq(rk_logits_writer_create(&writer, path, base.model, passages, 2, text, "s", &err),
                 RK_ERR_ARGUMENT);
    cr_assert_null(writer);
    test_machine_close(&base);
    test_scratch_remove();
}
