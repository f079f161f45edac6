// Products of packed matrices: right within the bound that the order of operations gives, exactly
// right where every step is exact, and the same bits however rows and tokens are divided among
// calls.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "product_data.h"
#include "tensor/convert_row.h"

// A matrix packed by one table's kernels.
typedef struct packed {
    const rk__product *product;
    size_t n_rows, columns, panel_bytes;
    uint8_t *panels;
} packed;

// Packs the first n_rows rows. The panels' memory holds NaNs before, which must all be gone.
static packed pack(const rk__product *product, const test_matrix *m, size_t n_rows) {
    packed p = {.product = product, .n_rows = n_rows, .columns = m->columns};
    if (!rk__panel_bytes(&p.panel_bytes, product, m->dtype, m->columns)) abort();
    const size_t n_panels = (n_rows + product->panel_rows - 1) / product->panel_rows;
    p.panels = check_alloc(n_panels * p.panel_bytes);
    memset(p.panels, 0xff, n_panels * p.panel_bytes);
    for (size_t i = 0; i < n_panels; i++) {
        const size_t first = i * product->panel_rows;
        const size_t left = n_rows - first;
        product->pack(p.panels + i * p.panel_bytes, m->rows + first * m->row_bytes, m->row_bytes,
                      left < product->panel_rows ? left : product->panel_rows, m->columns);
    }
    return p;
}

// Part of a product.
typedef struct part {
    size_t first_row, n_rows; // first_row at the beginning of a panel
    size_t first_token, n_tokens;
} part;

// The results of one call: [token][stride], n_rows of each used.
typedef struct results {
    guarded memory;
    size_t stride;
} results;

static float result(const results *r, size_t token, size_t row) {
    float value;
    memcpy(&value, r->memory.data + (token * r->stride + row) * sizeof value, sizeof value);
    return value;
}

// Multiplies and checks that nothing else was written. The outputs lie anywhere, with a gap behind
// each token's.
static results multiply(const packed *p, const test_tokens *tokens, part wanted) {
    const size_t gap = (wanted.n_rows + wanted.n_tokens) % 4;
    const size_t stride = wanted.n_rows + gap;
    results r = {
        guarded_new((wanted.n_tokens * stride - gap) * sizeof(float), 4 * (wanted.n_rows % 3)),
        stride};
    const rk__activations input = test_tokens_view(tokens, wanted.first_token);
    p->product->multiply((float *)(void *)r.memory.data, stride,
                         p->panels + wanted.first_row / p->product->panel_rows * p->panel_bytes,
                         wanted.n_rows, p->columns, &input, wanted.n_tokens);
    bool clean = guarded_intact(&r.memory);
    for (size_t t = 0; t + 1 < wanted.n_tokens; t++) {
        clean = clean && guarded_untouched(&r.memory, (t * stride + wanted.n_rows) * sizeof(float),
                                           gap * sizeof(float));
    }
    if (!clean)
        check_fail("wrote outside of its outputs: %zu rows, %zu columns, %zu tokens", wanted.n_rows,
                   p->columns, wanted.n_tokens);
    return r;
}

// Every element against the double reference.
static void compare_with_reference(const test_matrix *m, const test_tokens *tokens, data_kind kind,
                                   const results *r, const results *scalar) {
    for (size_t t = 0; t < tokens->n_tokens; t++) {
        for (size_t i = 0; i < m->n_rows; i++) {
            const exact_product exact = test_product(m, i, tokens, t);
            const double limit = data_kind_is_exact(kind) ? 0.0 : exact.limit;
            if (!check_near(result(r, t, i), exact.value, limit)) {
                check_fail("kind %d, %zu x %zu, %zu tokens, row %zu token %zu: %.9g, expected %.9g "
                           "+- %.2g",
                           kind, m->n_rows, m->columns, tokens->n_tokens, i, t,
                           (double)result(r, t, i), exact.value, limit);
            }
            // Block formats give the same bits at every level.
            const double difference = tokens->x == NULL ? 0.0 : 2 * limit;
            if (!check_near(result(r, t, i), (double)result(scalar, t, i), difference)) {
                check_fail("kind %d, %zu x %zu, row %zu token %zu: %.9g, scalar %.9g", kind,
                           m->n_rows, m->columns, i, t, (double)result(r, t, i),
                           (double)result(scalar, t, i));
            }
        }
    }
}

// A part of a product has the bits of the whole.
static void check_part(const packed *p, const test_tokens *tokens, part wanted,
                       const results *whole) {
    results r = multiply(p, tokens, wanted);
    for (size_t t = 0; t < wanted.n_tokens; t++) {
        for (size_t i = 0; i < wanted.n_rows; i++) {
            const float a = result(&r, t, i),
                        b = result(whole, wanted.first_token + t, wanted.first_row + i);
            if (check_same_bits(&a, &b, sizeof a)) continue;
            check_fail("rows %zu + %zu, tokens %zu + %zu, %zu columns, row %zu token %zu: %a, "
                       "together with others %a",
                       wanted.first_row, wanted.n_rows, wanted.first_token, wanted.n_tokens,
                       p->columns, i, t, (double)a, (double)b);
        }
    }
    guarded_free(&r.memory);
}

// Rows that fill up the last panel are zeros: they multiply to 0.
static void check_padding(const packed *p, const test_tokens *tokens) {
    const size_t panel_rows = p->product->panel_rows;
    const size_t all = (p->n_rows + panel_rows - 1) / panel_rows * panel_rows;
    results r = multiply(p, tokens, (part){0, all, 0, 1});
    for (size_t i = p->n_rows; i < all; i++) {
        if (!(result(&r, 0, i) == 0.0f))
            check_fail("padding row %zu gives %g", i, (double)result(&r, 0, i));
    }
    guarded_free(&r.memory);
}

// One matrix with one set of tokens: right as a whole, and the same in all parts: 1 .. n_rows rows
// by 1 .. n_tokens tokens, from the first ones and from later ones.
static void check_all_parts(const rk__product *product, const rk__product *scalar, rk_dtype dtype,
                            data_kind kind, size_t n_rows, size_t columns, size_t n_tokens) {
    test_matrix m = test_matrix_new(dtype, kind, n_rows, columns);
    test_tokens tokens = test_tokens_new(dtype, kind, n_tokens, columns);
    packed p = pack(product, &m, n_rows), reference = pack(scalar, &m, n_rows);
    const part whole = {0, n_rows, 0, n_tokens};
    results r = multiply(&p, &tokens, whole), s = multiply(&reference, &tokens, whole);
    compare_with_reference(&m, &tokens, kind, &r, &s);
    for (size_t rows = 1; rows <= n_rows; rows++) {
        packed fewer = pack(product, &m, rows);
        check_padding(&fewer, &tokens);
        for (size_t n = 1; n <= n_tokens; n++)
            check_part(&fewer, &tokens, (part){0, rows, n_tokens - n, n}, &r);
        free(fewer.panels);
    }
    for (size_t first = product->panel_rows; first < n_rows; first += product->panel_rows) {
        for (size_t n = 1; n <= n_tokens; n++)
            check_part(&p, &tokens, (part){first, n_rows - first, 0, n}, &r);
    }
    free(p.panels);
    free(reference.panels);
    guarded_free(&r.memory);
    guarded_free(&s.memory);
    test_tokens_free(&tokens);
    test_matrix_free(&m);
}

// A big one: every number of tokens around the kernels' tiles and chunks, and the numbers of rows
// around their panels and groups of panels.
static void check_large(const rk__product *product, const rk__product *scalar, rk_dtype dtype,
                        size_t n_rows, size_t columns) {
    enum { N_TOKENS = 70 };
    static const size_t rows[] = {1,  8,  9,  15, 16, 17, 24,  31,  32,
                                  33, 40, 63, 64, 65, 96, 255, 256, 257};
    test_matrix m = test_matrix_new(dtype, DATA_RANDOM, n_rows, columns);
    test_tokens tokens = test_tokens_new(dtype, DATA_RANDOM, N_TOKENS, columns);
    packed p = pack(product, &m, n_rows), reference = pack(scalar, &m, n_rows);
    const part whole = {0, n_rows, 0, N_TOKENS};
    results r = multiply(&p, &tokens, whole), s = multiply(&reference, &tokens, whole);
    compare_with_reference(&m, &tokens, DATA_RANDOM, &r, &s);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && rows[i] <= n_rows; i++) {
        const size_t first = (n_rows - rows[i]) / product->panel_rows * product->panel_rows;
        check_part(&p, &tokens, (part){first, rows[i], i, 1}, &r);
        check_part(&p, &tokens, (part){first, rows[i], N_TOKENS - 7, 7}, &r);
        check_part(&p, &tokens, (part){first, rows[i], 1, N_TOKENS - 1}, &r);
    }
    for (size_t n = 1; n < N_TOKENS; n++) {
        check_part(&p, &tokens, (part){0, n_rows, N_TOKENS - n, n}, &r);
    }
    free(p.panels);
    free(reference.panels);
    guarded_free(&r.memory);
    guarded_free(&s.memory);
    test_tokens_free(&tokens);
    test_matrix_free(&m);
}

// A level whose panels are the scalar kernels' fills them with the same bytes.
static void check_panels(const rk__product *product, const rk__product *scalar, rk_dtype dtype,
                         size_t columns) {
    enum { MOST_ROWS = 19 };
    if (product->panel_rows != scalar->panel_rows || product->codes_from_zero) return;
    test_matrix m = test_matrix_new(dtype, DATA_RANDOM, MOST_ROWS, columns);
    for (size_t n_rows = 1; n_rows <= MOST_ROWS; n_rows++) {
        packed p = pack(product, &m, n_rows), expected = pack(scalar, &m, n_rows);
        const size_t n_panels = (n_rows + product->panel_rows - 1) / product->panel_rows;
        if (!check_same_bits(p.panels, expected.panels, n_panels * p.panel_bytes)) {
            check_fail("%zu rows x %zu columns are packed in another way", n_rows, columns);
        }
        free(p.panels);
        free(expected.panels);
    }
    test_matrix_free(&m);
}

// Packing loses nothing: unit vectors bring every weight back as the decoder of the file's layout
// gives it.
static void check_packing(const rk__product *product, rk_dtype dtype, size_t columns) {
    enum { N_ROWS = 19 };
    test_matrix m = test_matrix_new(dtype, DATA_RANDOM, N_ROWS, columns);
    test_tokens units = test_tokens_new_unit(dtype, columns);
    packed p = pack(product, &m, N_ROWS);
    results r = multiply(&p, &units, (part){0, N_ROWS, 0, columns});
    float *const weights = check_alloc(columns * sizeof *weights);
    for (size_t i = 0; i < N_ROWS; i++) {
        rk__row_decoder_of(dtype)(weights, m.rows + i * m.row_bytes, columns);
        for (size_t c = 0; c < columns; c++) {
            if (!(result(&r, c, i) == weights[c])) {
                check_fail("%zu columns: row %zu column %zu came back as %a, is %a", columns, i, c,
                           (double)result(&r, c, i), (double)weights[c]);
            }
        }
    }
    free(weights);
    free(p.panels);
    guarded_free(&r.memory);
    test_tokens_free(&units);
    test_matrix_free(&m);
}

// A token that is not finite shows in all its own outputs and in no other token's, even with zero
// weights.
static void check_nan(const rk__product *product, rk_dtype dtype, data_kind kind, size_t columns) {
    enum { N_ROWS = 11, N_TOKENS = 7 };
    test_matrix m = test_matrix_new(dtype, kind, N_ROWS, columns);
    test_tokens tokens = test_tokens_new(dtype, kind, N_TOKENS, columns);
    packed p = pack(product, &m, N_ROWS);
    const part whole = {0, N_ROWS, 0, N_TOKENS};
    results clean = multiply(&p, &tokens, whole);
    const size_t bad = check_random_below(N_TOKENS);
    if (tokens.x != NULL) {
        tokens.x[bad * columns + check_random_below(columns)] = NAN;
    } else {
        const size_t n_blocks = columns / RK__Q8_BLOCK;
        tokens.scale[bad * n_blocks + check_random_below(n_blocks)] = NAN;
    }
    results r = multiply(&p, &tokens, whole);
    for (size_t t = 0; t < N_TOKENS; t++) {
        for (size_t i = 0; i < N_ROWS; i++) {
            const float value = result(&r, t, i);
            const bool good = t == bad ? isnan(value) : value == result(&clean, t, i);
            if (!good)
                check_fail("token %zu is NaN; token %zu row %zu: %g", bad, t, i, (double)value);
        }
    }
    free(p.panels);
    guarded_free(&clean.memory);
    guarded_free(&r.memory);
    test_tokens_free(&tokens);
    test_matrix_free(&m);
}

static void check_blocks(const rk__product *product, const rk__product *scalar, rk_dtype dtype) {
    for (data_kind kind = 0; kind < DATA_KIND_COUNT; kind++) {
        for (size_t n_blocks = 1; n_blocks <= 5; n_blocks++) {
            check_all_parts(product, scalar, dtype, kind, 17, n_blocks * RK__Q8_BLOCK, 9);
        }
    }
    check_large(product, scalar, dtype, 275, 10 * RK__Q8_BLOCK);
    check_large(product, scalar, dtype, 40, 17 * RK__Q8_BLOCK);
    for (size_t n_blocks = 1; n_blocks <= 3; n_blocks++) {
        check_panels(product, scalar, dtype, n_blocks * RK__Q8_BLOCK);
    }
    check_packing(product, dtype, 3 * RK__Q8_BLOCK);
    check_nan(product, dtype, DATA_RANDOM, 4 * RK__Q8_BLOCK);
    check_nan(product, dtype, DATA_ZEROS, 4 * RK__Q8_BLOCK);
}

static void check_floats(const rk__product *product, const rk__product *scalar, rk_dtype dtype) {
    for (size_t columns = 1; columns <= 70; columns++) {
        const data_kind kind = columns % 7 == 0 ? DATA_EXACT : DATA_RANDOM;
        check_all_parts(product, scalar, dtype, kind, 17, columns, 9);
    }
    for (data_kind kind = 0; kind < DATA_KIND_COUNT; kind++) {
        check_all_parts(product, scalar, dtype, kind, 17, 37, 9);
        check_all_parts(product, scalar, dtype, kind, 9, 2 * RK__FLOAT_RUN, 7);
    }
    for (size_t columns = RK__FLOAT_RUN - 1; columns <= RK__FLOAT_RUN + 1; columns++) {
        check_all_parts(product, scalar, dtype, DATA_RANDOM, 17, columns, 7);
    }
    check_large(product, scalar, dtype, 77, 2 * RK__FLOAT_RUN + 3);
    for (size_t columns = 1; columns <= 37; columns++) {
        check_panels(product, scalar, dtype, columns);
    }
    check_packing(product, dtype, 67);
    check_nan(product, dtype, DATA_RANDOM, 45);
    check_nan(product, dtype, DATA_ZEROS, 45);
}

static bool changed(const rk__product *a, const rk__product *b) {
    return a->pack != b->pack || a->multiply != b->multiply;
}

void check_products(const check_level *level) {
    for (size_t i = 0; i < RK_DTYPE_COUNT; i++) {
        const rk__product *const product = &level->tested.product[i];
        char name[64];
        if (!changed(product, &level->below.product[i])) continue;
        snprintf(name, sizeof name, "product_%s", rk_dtype_describe((rk_dtype)i)->name);
        if (!check_begin(name)) continue;
        if (product->quantized_input) {
            check_blocks(product, &level->scalar.product[i], (rk_dtype)i);
        } else {
            check_floats(product, &level->scalar.product[i], (rk_dtype)i);
        }
        check_end();
    }
}
