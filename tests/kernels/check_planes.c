// Products of planes: the values of the product of panels of the same level, for inputs with zeros
// of every kind, for all tokens and rows and for parts of them; and planes that go back to panels
// bit by bit.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "product_data.h"

// A matrix in panels, and in planes made of these.
typedef struct both {
    const rk__product *product;
    size_t n_rows, panel_bytes, n_panels;
    uint8_t *panels;
    rk__planes planes;
} both;

// Rows up to a multiple of RK__PLANE_ROWS are there, as zeros.
static both pack(const check_level *level, const test_matrix *m) {
    const rk__product *product = &level->tested.product[m->dtype];
    both b = {.product = product, .n_rows = m->n_rows};
    b.planes = rk__planes_describe(m->dtype, m->n_rows, m->columns, 1 + check_random_below(4));
    if (!rk__panel_bytes(&b.panel_bytes, product, m->dtype, m->columns)) abort();
    b.n_panels = b.planes.rows / product->panel_rows;
    b.panels = check_alloc(b.n_panels * b.panel_bytes);
    memset(b.panels, 0, b.n_panels * b.panel_bytes);
    for (size_t first = 0; first < m->n_rows; first += product->panel_rows) {
        const size_t left = m->n_rows - first;
        product->pack(b.panels + first / product->panel_rows * b.panel_bytes,
                      m->rows + first * m->row_bytes, m->row_bytes,
                      left < product->panel_rows ? left : product->panel_rows, m->columns);
    }
    const size_t bytes = b.planes.rows * m->row_bytes;
    b.planes.data = check_alloc(bytes);
    memset(b.planes.data, 0xff, bytes); // NaNs, which must all be gone
    level->tested.planes.from_panels(&b.planes, 0, b.planes.rows, b.panels, product);
    return b;
}

static void free_both(both *b) {
    free(b->panels);
    free(b->planes.data);
}

// RK__PLANE_ROWS rows at a time, from the last ones on.
static void check_round_trip(const both *b, const check_level *level) {
    const size_t bytes = RK__PLANE_ROWS / b->product->panel_rows * b->panel_bytes;
    uint8_t *panels = check_alloc(bytes);
    for (size_t first = b->planes.rows; first > 0;) {
        first -= RK__PLANE_ROWS;
        memset(panels, 0xff, bytes);
        level->tested.planes.to_panels(&b->planes, first, RK__PLANE_ROWS, panels, b->product);
        const uint8_t *expected = b->panels + first / b->product->panel_rows * b->panel_bytes;
        if (check_same_bits(panels, expected, bytes)) continue;
        check_fail("rows from %zu on of %zu x %zu do not come back", first, b->n_rows,
                   b->planes.columns);
    }
    free(panels);
}

// Makes a share of the activations zero: all of some blocks and groups, single ones elsewhere; now
// and then a whole token.
static void insert_zeros(test_tokens *tokens, size_t share_of_16) {
    for (size_t t = 0; t < tokens->n_tokens; t++) {
        const bool whole = check_random_below(5) == 0;
        for (size_t c = 0; c < tokens->columns; c++) {
            const size_t at = t * tokens->columns + c;
            static bool group, block;
            if (c % 4 == 0) group = check_random_below(16) < share_of_16;
            if (c % 32 == 0) block = check_random_below(16) < share_of_16;
            if (!whole && !group && !block && check_random_below(16) >= share_of_16) continue;
            if (tokens->x != NULL) {
                tokens->x[at] = 0.0f;
            } else {
                tokens->qsum[at / 32] -= tokens->q[at];
                tokens->q[at] = 0;
            }
        }
    }
}

// What a NaN among the activations becomes in their form.
static void insert_nan(test_tokens *tokens) {
    const size_t column = check_random_below(tokens->columns);
    if (tokens->x != NULL) {
        tokens->x[column] = NAN;
        return;
    }
    const size_t block = column / 32;
    memset(tokens->q + block * 32, 0, 32);
    tokens->qsum[block] = 0;
    tokens->scale[block] = NAN;
}

static bool equal(float a, float b) {
    return a == b || (isnan(a) && isnan(b)); // a zero's sign may differ
}

static void check_part(const both *b, const check_level *level, const test_tokens *tokens,
                       size_t first, size_t n_rows, size_t n_tokens) {
    const size_t stride = n_rows + n_rows % 3, panel = first / b->product->panel_rows;
    const rk__activations input = test_tokens_view(tokens, 0);
    guarded planes = guarded_new((n_tokens - 1) * stride * 4 + n_rows * 4, 4 * (n_rows % 3));
    float *const expected = check_alloc(n_tokens * stride * sizeof *expected);
    float *const values = (float *)(void *)planes.data;
    level->tested.planes.multiply(values, stride, &b->planes, first, n_rows, &input, n_tokens);
    b->product->multiply(expected, stride, b->panels + panel * b->panel_bytes, n_rows,
                         b->planes.columns, &input, n_tokens);
    bool clean = guarded_intact(&planes);
    for (size_t t = 0; t < n_tokens; t++) {
        for (size_t i = 0; i < n_rows; i++) {
            const size_t at = t * stride + i;
            if (equal(values[at], expected[at])) continue;
            check_fail("%zu x %zu, rows %zu + %zu, %zu tokens, row %zu token %zu: %a, panels %a",
                       b->n_rows, b->planes.columns, first, n_rows, n_tokens, i, t,
                       (double)values[at], (double)expected[at]);
        }
        if (t + 1 == n_tokens) break;
        clean =
            clean && guarded_untouched(&planes, (t * stride + n_rows) * 4, (stride - n_rows) * 4);
    }
    if (!clean) check_fail("wrote outside of its outputs, %zu rows", n_rows);
    guarded_free(&planes);
    free(expected);
}

static void check_matrix(const check_level *level, rk_dtype dtype, data_kind kind, size_t n_rows,
                         size_t columns) {
    test_matrix m = test_matrix_new(dtype, kind, n_rows, columns);
    both b = pack(level, &m);
    check_round_trip(&b, level);
    for (size_t share = 0; share <= 16; share += 4) {
        const size_t n_tokens = 1 + check_random_below(RK__PLANE_TOKENS);
        test_tokens tokens = test_tokens_new(dtype, kind, n_tokens, columns);
        insert_zeros(&tokens, share);
        if (kind == DATA_RANDOM && share == 12) insert_nan(&tokens);
        check_part(&b, level, &tokens, 0, n_rows, 1);
        check_part(&b, level, &tokens, 0, n_rows, n_tokens);
        const size_t first = check_random_below(b.planes.rows / RK__PLANE_ROWS) * RK__PLANE_ROWS;
        if (first < n_rows) {
            check_part(&b, level, &tokens, first, 1 + check_random_below(n_rows - first), n_tokens);
        }
        test_tokens_free(&tokens);
    }
    free_both(&b);
    test_matrix_free(&m);
}

void check_planes(const check_level *level) {
    static const size_t rows[] = {1, 16, 127, 128, 129, 300, 1100};
    for (rk_dtype dtype = 0; dtype < RK_DTYPE_COUNT; dtype++) {
        char name[64];
        snprintf(name, sizeof name, "planes %s", rk_dtype_describe(dtype)->name);
        if (rk__planes_describe(dtype, 1, 32, 1).rows == 0 || !check_begin(name)) continue;
        const bool is_float = rk_dtype_describe(dtype)->class_ == RK_CLASS_FLOAT;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            for (data_kind kind = 0; kind < DATA_KIND_COUNT; kind++) {
                const size_t columns =
                    is_float ? 1 + check_random_below(600) : 32 * (1 + check_random_below(20));
                check_matrix(level, dtype, kind, rows[i], columns);
            }
        }
        check_end();
    }
}
