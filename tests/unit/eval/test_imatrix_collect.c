// Collecting: what is recorded of inputs that are known.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convert/imatrix_record.h"
#include "rk/imatrix.h"
#include "support/scratch.h"
#include "support/small_model.h"

TestSuite(imatrix_collect, .fini = test_scratch_remove);

enum { N_EMBD = 64, N_FFN = 96, N_VOCAB = 40, N_TOKENS = 150 };

typedef struct machine {
    rk_model *model;
    rk_context *context;
    rk_state *state;
} machine;

static machine start(const char *path) {
    machine m = {0};
    rk_error err = {0};
    cr_assert_eq(rk_model_open(&m.model, path, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_context_new(&m.context, m.model, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_state_new(&m.state, m.model, 1, &err), RK_OK, "%s", err.message);
    return m;
}

static void stop(machine *m) {
    rk_state_free(&m->state);
    rk_context_free(&m->context);
    rk_model_close(&m->model);
}

static float bias_of(size_t channel) {
    return 0.5F + 0.1F * (float)(channel % 7) - (channel % 3 == 0 ? 1.5F : 0.0F);
}

// ln1 gives the same numbers whatever comes in; so do its mixes with the token before, but for the
// first one, before which there were zeros.
static machine start_known(void) {
    const char *path = test_scratch_path("known.pth");
    const test_small_model sizes = {
        .n_vocab = N_VOCAB, .n_embd = N_EMBD, .n_layer = 1, .n_ffn = N_FFN, .seed = 5};
    test_small_tensors tensors = test_small_model_new(&sizes);
    float *weight = test_small_model_find(&tensors, "blocks.0.ln1.weight");
    float *bias = test_small_model_find(&tensors, "blocks.0.ln1.bias");
    float *mix_k = test_small_model_find(&tensors, "blocks.0.att.time_mix_k");
    float *mix_r = test_small_model_find(&tensors, "blocks.0.att.time_mix_r");
    for (size_t i = 0; i < N_EMBD; i++) {
        weight[i] = 0.0F;
        bias[i] = bias_of(i);
        mix_k[i] = 0.25F;
        mix_r[i] = 1.0F;
    }
    cr_assert(test_pth_write(path, tensors.tensors, tensors.count));
    test_small_model_free(&tensors);
    return start(path);
}

static void make_tokens(uint32_t *tokens, size_t n) {
    for (size_t i = 0; i < n; i++) tokens[i] = (uint32_t)(i * i * 31 + i * 7 + 5) % N_VOCAB;
}

static void collect(rk_imatrix *imatrix, machine *m, const uint32_t *tokens, size_t n,
                    const rk_imatrix_options *options) {
    rk_error err = {0};
    cr_assert_eq(rk_imatrix_collect(imatrix, m->context, m->state, tokens, n, options, NULL, &err),
                 RK_OK, "%s", err.message);
}

static rk_imatrix *collected(machine *m, size_t n, const rk_imatrix_options *options) {
    uint32_t tokens[N_TOKENS];
    rk_imatrix *imatrix;
    make_tokens(tokens, n);
    cr_assert_eq(rk_imatrix_new(&imatrix, NULL), RK_OK);
    collect(imatrix, m, tokens, n, options);
    return imatrix;
}

static rk_imatrix_entry find(const rk_imatrix *imatrix, const char *name) {
    rk_imatrix_entry entry = {0};
    cr_assert(rk_imatrix_find(imatrix, name, &entry), "%s", name);
    return entry;
}

// Of the matrix whose first input is `first` times the others.
static void check_known(const rk_imatrix *imatrix, const char *name, float first, size_t group) {
    const rk_imatrix_entry e = find(imatrix, name);
    const double factor = ((double)(first * first) + N_TOKENS - 1) / N_TOKENS;
    cr_assert_eq(e.n_tokens, N_TOKENS);
    cr_assert_eq(e.n_channels, N_EMBD);
    cr_assert_eq(e.group, group);
    for (size_t i = 0; i < N_EMBD; i++) {
        const double expected = factor * (double)(bias_of(i) * bias_of(i));
        cr_assert_float_eq(e.mean_squares[i], expected, 1e-5 * expected, "%s, %zu", name, i);
        for (size_t j = 0; j < group; j++) {
            const double product = (double)(bias_of(i) * bias_of(i - i % group + j)) * factor;
            cr_assert_float_eq(rk_imatrix_product(&e, i, i - i % group + j), product,
                               1e-5 * (1 + fabs(product)));
        }
    }
}

Test(imatrix_collect, sees_what_goes_into_each_matrix) {
    machine m = start_known();
    rk_imatrix *imatrix = collected(&m, N_TOKENS, &(rk_imatrix_options){.group = 32});
    check_known(imatrix, "blocks.0.att.key.weight", 0.25F, 32);
    check_known(imatrix, "blocks.0.att.receptance.weight", 1.0F, 32);
    rk_imatrix_free(&imatrix);
    imatrix = collected(&m, N_TOKENS, NULL); // one group of all 64 channels
    check_known(imatrix, "blocks.0.att.key.weight", 0.25F, N_EMBD);
    rk_imatrix_free(&imatrix);
    imatrix = collected(&m, N_TOKENS, &(rk_imatrix_options){.without_moments = true});
    check_known(imatrix, "blocks.0.att.key.weight", 0.25F, 0);
    cr_assert_null(find(imatrix, "blocks.0.att.key.weight").moments);
    rk_imatrix_free(&imatrix);
    stop(&m);
}

Test(imatrix_collect, has_every_matrix_that_is_multiplied) {
    static const char *const names[] = {
        "blocks.0.att.key.weight",        "blocks.0.att.value.weight",
        "blocks.0.att.output.weight",     "blocks.0.att.receptance.weight",
        "blocks.0.ffn.key.weight",        "blocks.0.ffn.value.weight",
        "blocks.0.ffn.receptance.weight", "head.weight"};
    machine m = start_known();
    rk_imatrix *imatrix = collected(&m, 70, NULL);
    cr_assert_eq(rk_imatrix_count(imatrix), sizeof names / sizeof names[0]);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const rk_imatrix_entry e = find(imatrix, names[i]);
        cr_assert_eq(e.n_tokens, 70, "%s", names[i]);
        cr_assert_eq(e.n_channels, i == 5 ? N_FFN : N_EMBD, "%s", names[i]);
    }
    rk_imatrix_free(&imatrix);
    stop(&m);
}

// After the text, nobody looks over the context's shoulder any more.
Test(imatrix_collect, stops_at_the_end) {
    machine m = start_known();
    rk_imatrix *imatrix = collected(&m, 10, NULL);
    const uint32_t token = 1;
    float logits[N_VOCAB];
    cr_assert_eq(rk_eval(m.context, m.state, &token, 1, RK_LOGITS_LAST, logits, NULL), RK_OK);
    cr_assert_eq(find(imatrix, "head.weight").n_tokens, 10);
    rk_imatrix_free(&imatrix);
    stop(&m);
}

// A second text goes on where the first one ended, as merging two files does.
Test(imatrix_collect, adds_up_over_texts) {
    machine m = start_known();
    uint32_t tokens[N_TOKENS];
    make_tokens(tokens, N_TOKENS);
    rk_imatrix *together, *a, *b;
    cr_assert_eq(rk_imatrix_new(&together, NULL), RK_OK);
    cr_assert_eq(rk_imatrix_new(&a, NULL), RK_OK);
    cr_assert_eq(rk_imatrix_new(&b, NULL), RK_OK);
    collect(together, &m, tokens, 50, NULL);
    collect(together, &m, tokens + 50, 100, NULL);
    collect(a, &m, tokens, 50, NULL);
    collect(b, &m, tokens + 50, 100, NULL);
    cr_assert_eq(rk_imatrix_merge(a, b, NULL), RK_OK);
    for (size_t k = 0; k < rk_imatrix_count(a); k++) {
        const rk_imatrix_entry x = rk_imatrix_at(together, k), y = rk_imatrix_at(a, k);
        cr_assert_str_eq(x.name, y.name);
        cr_assert(x.n_tokens == 150 && y.n_tokens == 150);
        for (size_t i = 0; i < x.n_channels; i++) {
            cr_assert_float_eq(x.mean_squares[i], y.mean_squares[i], 1e-5 * x.mean_squares[i]);
        }
        for (size_t i = 0; i < rk__imatrix_products(x.n_channels, x.group); i++) {
            cr_assert_float_eq(x.moments[i], y.moments[i], 1e-5 * (1 + fabs(x.moments[i])));
        }
    }
    rk_imatrix_free(&together);
    rk_imatrix_free(&a);
    rk_imatrix_free(&b);
    stop(&m);
}

static void expect_error(machine *m, const uint32_t *tokens, size_t n, size_t group,
                         rk_status expected, const char *says) {
    rk_imatrix *imatrix;
    rk_error err = {0};
    const rk_imatrix_options options = {.group = group};
    cr_assert_eq(rk_imatrix_new(&imatrix, NULL), RK_OK);
    cr_assert_eq(rk_imatrix_collect(imatrix, m->context, m->state, tokens, n, &options, NULL, &err),
                 expected);
    cr_assert_not_null(strstr(err.message, says), "%s", err.message);
    cr_assert_eq(rk_imatrix_count(imatrix), 0);
    rk_imatrix_free(&imatrix);
}

Test(imatrix_collect, refuses_what_makes_no_sense) {
    machine m = start_known();
    const uint32_t tokens[] = {1, 2, N_VOCAB};
    expect_error(&m, tokens, 0, 32, RK_ERR_ARGUMENT, "a text without tokens");
    expect_error(&m, tokens, 3, 32, RK_ERR_RANGE, "token 2 of the text is 40");
    expect_error(&m, tokens, 2, 48, RK_ERR_ARGUMENT, "groups of 48 channels");
    expect_error(&m, tokens, 2, 8192, RK_ERR_ARGUMENT, "groups of 8192 channels");
    stop(&m);
}

Test(imatrix_collect, does_not_mix_groups) {
    machine m = start_known();
    uint32_t tokens[20];
    rk_error err = {0};
    make_tokens(tokens, 20);
    rk_imatrix *imatrix = collected(&m, 20, &(rk_imatrix_options){.group = 32});
    cr_assert_eq(rk_imatrix_collect(imatrix, m.context, m.state, tokens, 20, NULL, NULL, &err),
                 RK_ERR_MISMATCH);
    cr_assert_not_null(strstr(err.message, "in groups of 32"), "%s", err.message);
    rk_imatrix_free(&imatrix);
    stop(&m);
}

// Names are those of model files, whatever the checkpoint calls its tensors.
Test(imatrix_collect, knows_matrices_by_the_names_of_model_files) {
    machine m = start(RK_TEST_DATA "/foreign/hugging_face.pth");
    rk_imatrix *imatrix;
    const uint32_t tokens[] = {1, 2, 3};
    cr_assert_eq(rk_imatrix_new(&imatrix, NULL), RK_OK);
    collect(imatrix, &m, tokens, 3, NULL);
    (void)find(imatrix, "blocks.0.att.key.weight");
    (void)find(imatrix, "head.weight");
    rk_imatrix_free(&imatrix);
    stop(&m);
}
