// include/rwkv.h with every version of RWKV: model files against the float64 reference, which for
// RWKV-5 is that with the eps of rwkv.cpp.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "rk/convert.h"
#include "rwkv.h"
#include "support/model_file_fields.h"
#include "support/model_fixture.h"
#include "support/scratch.h"

TestSuite(compat_versions, .fini = test_scratch_remove);

static const double tolerance = 2e-4;

// A fixture as an FP32 model file, loaded.
typedef struct subject {
    test_fixture fixture;
    struct rwkv_context *ctx;
    size_t n_vocab, n_state;
    float *logits, *state; // of the call under test
} subject;

static subject load(const char *name, const char *variant) {
    subject s = {.fixture = test_fixture_read(name, variant)};
    const char *file = test_scratch_path("model.bin");
    const rk_convert_options options = {.dtype = RK_DTYPE_F32, .no_sync = true};
    rk_error err = {0};
    cr_assert_eq(rk_convert(s.fixture.path, file, &options, NULL, &err), RK_OK, "%s", err.message);
    s.ctx = rwkv_init_from_file(file, 2, 0);
    cr_assert_not_null(s.ctx);
    s.n_vocab = rwkv_get_logits_len(s.ctx);
    s.n_state = rwkv_get_state_len(s.ctx);
    cr_assert_eq(s.n_vocab * s.fixture.n_tokens, s.fixture.n_logits);
    cr_assert_eq(s.n_state, s.fixture.n_state);
    s.logits = calloc(s.n_vocab, sizeof s.logits[0]);
    s.state = calloc(s.n_state, sizeof s.state[0]);
    return s;
}

static void unload(subject *s) {
    rwkv_free(s->ctx);
    free(s->logits);
    free(s->state);
    test_fixture_free(&s->fixture);
}

static void expect_logits(const subject *s, size_t token, const char *what) {
    const float *expected = s->fixture.logits + token * s->n_vocab;
    const double found = test_max_difference(s->logits, expected, s->n_vocab);
    cr_assert_leq(found, tolerance, "%s, %s, token %zu: off by %g", s->fixture.path, what, token,
                  found);
}

static void expect_state(const subject *s, const char *what) {
    const double found = test_max_difference(s->state, s->fixture.state, s->n_state);
    cr_assert_leq(found, tolerance, "%s, %s: state off by %g", s->fixture.path, what, found);
}

static void check_single_tokens(subject *s) {
    rwkv_init_state(s->ctx, s->state);
    for (size_t t = 0; t < s->fixture.n_tokens; t++) {
        cr_assert(rwkv_eval(s->ctx, s->fixture.tokens[t], s->state, s->state, s->logits));
        expect_logits(s, t, "single tokens");
    }
    expect_state(s, "single tokens");
}

// Several lengths from the empty state on; the last is all of it, for the state.
static void check_sequences(subject *s) {
    const uint32_t *tokens = s->fixture.tokens;
    for (size_t n = s->fixture.n_tokens % 19; n <= s->fixture.n_tokens; n += 19) {
        cr_assert(rwkv_eval_sequence(s->ctx, tokens, n, NULL, s->state, s->logits));
        expect_logits(s, n - 1, "a sequence");
    }
    expect_state(s, "a sequence");
}

static void check_chunks(subject *s) {
    static const size_t chunks[] = {1, 2, 7, 64, 96, 1000};
    const size_t n = s->fixture.n_tokens;
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        memset(s->state, 0x7f, s->n_state * sizeof s->state[0]);
        cr_assert(rwkv_eval_sequence_in_chunks(s->ctx, s->fixture.tokens, n, chunks[i], NULL,
                                               s->state, s->logits));
        expect_logits(s, n - 1, "chunks");
        expect_state(s, "chunks");
    }
}

// The second half in a clone, from a state that the first context left.
static void check_continuing(subject *s) {
    const size_t half = s->fixture.n_tokens / 2;
    const size_t rest = s->fixture.n_tokens - half;
    struct rwkv_context *clone = rwkv_clone_context(s->ctx, 1);
    cr_assert_not_null(clone);
    cr_assert(rwkv_eval_sequence(s->ctx, s->fixture.tokens, half, NULL, s->state, NULL));
    cr_assert(
        rwkv_eval_sequence(clone, s->fixture.tokens + half, rest, s->state, s->state, s->logits));
    expect_logits(s, s->fixture.n_tokens - 1, "continued");
    expect_state(s, "continued");
    rwkv_free(clone);
}

static void check(const char *name, const char *variant) {
    subject s = load(name, variant);
    check_single_tokens(&s);
    check_sequences(&s);
    check_chunks(&s);
    check_continuing(&s);
    unload(&s);
}

Test(compat_versions, rwkv4) {
    check("v4", "");
    check("v4-96", "");
}
Test(compat_versions, rwkv5_1) {
    check("v5.1", ".eps1e-5");
}
Test(compat_versions, rwkv5_1_gated) {
    check("v5.1g", ".eps1e-5");
}
Test(compat_versions, rwkv5_2) {
    check("v5.2", ".eps1e-5");
}
Test(compat_versions, rwkv6) {
    check("v6", "");
}
Test(compat_versions, rwkv7) {
    check("v7", "");
    check("v7-v0", "");
    check("v7-sorted", "");
}

// The two epsilons are told apart by these fixtures, most of all by their first token.
Test(compat_versions, rwkv5_does_not_use_the_eps_of_training) {
    static const char *const names[] = {"v5.1", "v5.1g", "v5.2"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        subject s = load(names[i], "");
        cr_assert(rwkv_eval(s.ctx, s.fixture.tokens[0], NULL, s.state, s.logits));
        const double apart = test_max_difference(s.logits, s.fixture.logits, s.n_vocab);
        cr_assert_gt(apart, 100 * tolerance, "%s: %g", names[i], apart);
        unload(&s);
    }
}

// A tuned initial state that comes with the model is what sequences begin with.
Test(compat_versions, tuned_initial_states) {
    struct rwkv_context *plain = rwkv_init_from_file(RK_TEST_DATA "/models/v6.pth", 1, 0);
    struct rwkv_context *tuned =
        rwkv_init_from_file(RK_TEST_DATA "/models/v6-with-state.pth", 1, 0);
    cr_assert(plain != NULL && tuned != NULL);
    const size_t n_state = rwkv_get_state_len(tuned);
    const size_t n_vocab = rwkv_get_n_vocab(tuned);
    cr_assert_eq(rwkv_get_state_len(plain), n_state);
    float *state = calloc(n_state, sizeof state[0]);
    float *logits = calloc(3 * n_vocab, sizeof logits[0]);
    rwkv_init_state(plain, state);
    for (size_t i = 0; i < n_state; i++) cr_assert_eq(state[i], 0.0F, "float %zu", i);
    rwkv_init_state(tuned, state);
    size_t n_set = 0;
    for (size_t i = 0; i < n_state; i++) n_set += state[i] != 0.0F;
    cr_assert_gt(n_set, n_state / 2);
    cr_assert(rwkv_eval(tuned, 3, state, NULL, logits));
    cr_assert(rwkv_eval(tuned, 3, NULL, NULL, logits + n_vocab));
    cr_assert(rwkv_eval(plain, 3, NULL, NULL, logits + 2 * n_vocab));
    cr_expect_eq(memcmp(logits, logits + n_vocab, n_vocab * sizeof logits[0]), 0);
    cr_expect_neq(memcmp(logits, logits + 2 * n_vocab, n_vocab * sizeof logits[0]), 0);
    free(state);
    free(logits);
    rwkv_free(plain);
    rwkv_free(tuned);
}

// The rule of docs/formats.md 1.5, by names and dimensions alone.
static bool is_quantized(const test_record *record) {
    static const char *const spared[] = {"emb.weight", "head.weight", "att.v1", "att.v2",
                                         "att.g1",     "att.g2",      "att.a1", "att.a2",
                                         "att.w1",     "att.w2",      "att.r_k"};
    for (size_t i = 0; i < sizeof spared / sizeof spared[0]; i++) {
        if (strstr(record->name, spared[i]) != NULL) return false;
    }
    return record->dim_count == 2 && record->shape[0] % 32 == 0;
}

// Every tensor is quantized or copied, byte by byte.
static void check_quantizing(const char *name, rk_dtype dtype, const char *format) {
    test_fixture fixture = test_fixture_read(name, "");
    const char *in = test_scratch_path("in.bin");
    const char *out = test_scratch_path("out.bin");
    const rk_convert_options options = {.dtype = dtype, .no_sync = true};
    cr_assert_eq(rk_convert(fixture.path, in, &options, NULL, NULL), RK_OK);
    cr_assert(rwkv_quantize_model_file(in, out, format));
    test_model_file before;
    test_model_file after;
    cr_assert(test_model_file_read(&before, in));
    cr_assert(test_model_file_read(&after, out));
    cr_assert_eq(before.n_records, after.n_records);
    size_t n_quantized = 0;
    for (size_t i = 0; i < before.n_records; i++) {
        const test_record *a = &before.records[i];
        const test_record *b = &after.records[i];
        cr_assert_str_eq(a->name, b->name);
        cr_assert_eq(a->dim_count, b->dim_count);
        cr_assert_arr_eq(a->shape, b->shape, (size_t)a->dim_count * sizeof a->shape[0]);
        if (is_quantized(a)) {
            cr_assert_eq(b->type, after.type, "%s: %s has type %d", name, b->name, (int)b->type);
            n_quantized++;
        } else {
            cr_assert_eq(b->type, a->type, "%s: %s has type %d", name, b->name, (int)b->type);
            cr_assert(a->size == b->size && memcmp(a->data, b->data, a->size) == 0, "%s", b->name);
        }
    }
    cr_assert_gt(n_quantized, 0, "%s", name);
    test_model_file_free(&before);
    test_model_file_free(&after);
    test_fixture_free(&fixture);
}

Test(compat_versions, quantizing_every_version) {
    static const char *const names[] = {"v4", "v5.1", "v5.1g", "v5.2", "v7"};
    static const char *const formats[] = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        check_quantizing(names[i], RK_DTYPE_F16, formats[i % 5]);
        check_quantizing(names[i], RK_DTYPE_F32, formats[(i + 1) % 5]);
    }
}
