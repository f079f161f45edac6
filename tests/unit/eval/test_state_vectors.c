// Vectors of a state whose numbers say where they lie.
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "rk/embed.h"
#include "support/scratch.h"
#include "support/small_model.h"

enum { LAYERS = 3, EMBD = 8, ROWS = 5, STATE = LAYERS * ROWS * EMBD };
enum { FFN_XX, ATT_XX, AA, BB }; // rows of the flat form

typedef struct machine {
    rk_model *model;
    rk_state *state; // two sequences; the second one is made up
} machine;

static float made_up(size_t layer, size_t row, size_t i) {
    return (float)(100 * (layer + 1) + 10 * row + i) + 0.25F;
}

static machine start(void) {
    const char *path = test_scratch_path("small.pth");
    const test_small_model sizes = {
        .n_vocab = 11, .n_embd = EMBD, .n_layer = LAYERS, .n_ffn = 16, .seed = 1};
    cr_assert(test_small_model_write(path, &sizes));
    machine m = {0};
    rk_error err = {0};
    cr_assert_eq(rk_model_open(&m.model, path, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_model_describe(m.model)->state_floats, STATE);
    cr_assert_eq(rk_state_new(&m.state, m.model, 2, &err), RK_OK, "%s", err.message);
    float flat[STATE];
    for (size_t k = 0; k < STATE; k++)
        flat[k] = made_up(k / EMBD / ROWS, k / EMBD % ROWS, k % EMBD);
    cr_assert_eq(rk_state_import(m.state, 1, flat, STATE, &err), RK_OK, "%s", err.message);
    return m;
}

static void stop(machine *m) {
    rk_state_free(&m->state);
    rk_model_close(&m->model);
    test_scratch_remove();
}

Test(state_vectors, come_layer_by_layer_in_the_order_asked_for) {
    machine m = start();
    static const rk_state_vector wanted[] = {RK_STATE_BB, RK_STATE_ATT_XX, RK_STATE_FFN_XX,
                                             RK_STATE_AA, RK_STATE_ATT_XX};
    static const size_t rows[] = {BB, ATT_XX, FFN_XX, AA, ATT_XX};
    enum { N = 5 };
    float out[LAYERS][N][EMBD];
    size_t n_floats = 0;
    cr_assert_eq(rk_state_vectors_length(&n_floats, m.model, N, NULL), RK_OK);
    cr_assert_eq(n_floats, LAYERS * N * EMBD);
    rk_error err = {0};
    cr_assert_eq(rk_state_vectors(m.state, 1, wanted, N, &out[0][0][0], n_floats, &err), RK_OK,
                 "%s", err.message);
    for (size_t layer = 0; layer < LAYERS; layer++) {
        for (size_t v = 0; v < N; v++) {
            for (size_t i = 0; i < EMBD; i++) {
                cr_assert_eq(out[layer][v][i], made_up(layer, rows[v], i), "[%zu][%zu][%zu]", layer,
                             v, i);
            }
        }
    }
    stop(&m);
}

Test(state_vectors, aa_over_bb_is_their_quotient) {
    machine m = start();
    const rk_state_vector wanted = RK_STATE_AA_OVER_BB;
    float out[LAYERS][EMBD];
    cr_assert_eq(rk_state_vectors(m.state, 1, &wanted, 1, &out[0][0], LAYERS * EMBD, NULL), RK_OK);
    for (size_t layer = 0; layer < LAYERS; layer++) {
        for (size_t i = 0; i < EMBD; i++) {
            cr_assert_eq(out[layer][i], made_up(layer, AA, i) / made_up(layer, BB, i));
        }
    }
    stop(&m);
}

Test(state_vectors, an_empty_state_is_all_zeros) {
    machine m = start();
    static const rk_state_vector all[] = {RK_STATE_ATT_XX, RK_STATE_FFN_XX, RK_STATE_AA,
                                          RK_STATE_BB, RK_STATE_AA_OVER_BB};
    float out[LAYERS * RK_STATE_VECTOR_COUNT * EMBD];
    memset(out, 0x55, sizeof out);
    cr_assert_eq(rk_state_vectors(m.state, 0, all, RK_STATE_VECTOR_COUNT, out,
                                  sizeof out / sizeof *out, NULL),
                 RK_OK);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++) cr_assert_eq(out[i], 0);
    stop(&m);
}

Test(state_vectors, bad_requests_change_nothing) {
    machine m = start();
    const rk_state_vector good = RK_STATE_AA, bad = RK_STATE_VECTOR_COUNT;
    float out[LAYERS * EMBD] = {-5};
    rk_error err = {0};
    cr_assert_eq(rk_state_vectors(m.state, 1, &good, 1, out, LAYERS * EMBD - 1, &err),
                 RK_ERR_SHAPE);
    cr_assert_not_null(strstr(err.message, "23"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "24"), "%s", err.message);
    cr_assert_eq(rk_state_vectors(m.state, 1, &bad, 1, out, LAYERS * EMBD, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(rk_state_vectors(m.state, 2, &good, 1, out, LAYERS * EMBD, &err), RK_ERR_ARGUMENT);
    size_t n_floats = 9;
    cr_assert_eq(rk_state_vectors_length(&n_floats, m.model, SIZE_MAX / 2, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(n_floats, 0);
    cr_assert_eq(out[0], -5);
    stop(&m);
}

Test(state_vectors, names_are_read_as_they_are_written) {
    static const char *const names[] = {"att_xx", "ffn_xx", "aa", "bb", "aa/bb"};
    for (int i = 0; i < RK_STATE_VECTOR_COUNT; i++) {
        const rk_state_vector vector = (rk_state_vector)i;
        const char *name = rk_state_vector_name(vector);
        cr_assert_str_eq(name, names[i]);
        rk_state_vector read = RK_STATE_VECTOR_COUNT;
        cr_assert(rk_state_vector_parse(&read, name, strlen(name)));
        cr_assert_eq(read, vector);
    }
    rk_state_vector read = RK_STATE_BB;
    cr_assert(rk_state_vector_parse(&read, "aa,bb", 2), "a part of a list");
    cr_assert_eq(read, RK_STATE_AA);
    static const char *const wrong[] = {"", "a", "aab", "AA", "aa/", "pp", "att_xx "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_assert_not(rk_state_vector_parse(&read, wrong[i], strlen(wrong[i])), "%s", wrong[i]);
    }
    cr_assert_eq(read, RK_STATE_AA);
}
