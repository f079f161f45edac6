// Rows rounded to block formats by searching.
#include "kernels/rows_search.h"

#include <math.h>
#include <string.h>

// What the blocks of a matrix share.
typedef struct searching {
    const rk__rows *rows;
    const rk__search *search;
    rk_dtype dtype;
    rk__block_fitter fit;
    rk__code_range codes;
    size_t block_bytes, row_bytes, columns;
} searching;

bool rk__rows_can_search(const rk__rows *rows, rk_dtype dtype) {
    return rows->fit[dtype] != NULL;
}

size_t rk__search_scratch(const rk__search *search, size_t n_rows) {
    if (search->compensation == NULL) return 0;
    return n_rows + RK__TOGETHER * search->compensation->group;
}

static float mean_square(const searching *s, const float *row) {
    return (float)(s->rows->squares(row, row, s->columns).of_values / (double)s->columns);
}

// The weights of values `first` to `first` + 31 of a row.
static void weigh(float weights[RK__BLOCK], const searching *s, const float *values, size_t first,
                  float row_square) {
    const float *importance = s->search->importance;
    for (size_t i = 0; i < RK__BLOCK; i++) weights[i] = row_square + values[i] * values[i];
    if (importance == NULL) return;
    for (size_t i = 0; i < RK__BLOCK; i++) weights[i] = importance[first + i] * sqrtf(weights[i]);
}

static float reciprocal(float d) {
    return d != 0.0F ? 1.0F / d : 0.0F;
}

static void search_row(const searching *s, uint8_t *out, const float *row) {
    const float row_square = mean_square(s, row);
    for (size_t at = 0; at < s->columns; at += RK__BLOCK, out += s->block_bytes) {
        float weights[RK__BLOCK], codes[RK__BLOCK];
        weigh(weights, s, row + at, at, row_square);
        const rk__block_fit fit = s->fit(row + at, weights);
        const float inverse = reciprocal(fit.d);
        for (size_t i = 0; i < RK__BLOCK; i++) {
            codes[i] = rk__nearest_code_within((row[at + i] - fit.m) * inverse, s->codes);
        }
        rk__store_fitted(s->dtype, out, fit, codes);
    }
}

// ---- with compensation

// Finds the numbers of row r's block and puts its values among those of the others. `index` is the
// number of the first column.
static void fit_block(rk__together *blocks, const searching *s, size_t r, const float *values,
                      size_t index, float row_square) {
    float weights[RK__BLOCK];
    weigh(weights, s, values, index, row_square);
    const rk__block_fit fit = s->fit(values, weights);
    blocks->d[r] = fit.d;
    blocks->m[r] = fit.m;
    blocks->inverse[r] = reciprocal(fit.d);
    for (size_t i = 0; i < RK__BLOCK; i++) blocks->values[i][r] = values[i];
}

static void store_block(const searching *s, uint8_t *out, float errors[RK__BLOCK],
                        const rk__together *blocks, size_t r) {
    float codes[RK__BLOCK];
    for (size_t i = 0; i < RK__BLOCK; i++) {
        codes[i] = blocks->codes[i][r];
        errors[i] = blocks->errors[i][r];
    }
    rk__store_fitted(s->dtype, out, (rk__block_fit){blocks->d[r], blocks->m[r]}, codes);
}

// Columns [first, first + n), a group, of up to RK__TOGETHER rows; `values` are a copy,
// [n_rows][group], that is used up. Each error is made up for in the values behind it.
static void compensate_group(const searching *s, uint8_t *out, float *values, size_t n_rows,
                             size_t first, size_t n, const float *squares) {
    const size_t stride = s->search->compensation->group;
    const float *factors = s->search->compensation->factors + first * stride;
    for (size_t at = 0; at < n; at += RK__BLOCK, out += s->block_bytes) {
        const size_t behind = at + RK__BLOCK;
        const float *mine = factors + at * stride;
        rk__together blocks = {0};
        for (size_t r = 0; r < n_rows; r++) {
            fit_block(&blocks, s, r, values + r * stride + at, first + at, squares[r]);
        }
        s->rows->round_together(&blocks, s->codes, mine + at, stride);
        for (size_t r = 0; r < n_rows; r++) {
            float errors[RK__BLOCK];
            store_block(s, out + r * s->row_bytes, errors, &blocks, r);
            s->rows->correct(values + r * stride + behind, errors, mine + behind, stride,
                             n - behind);
        }
    }
}

// Group by group, since the factors of one fit into a core's cache and those of all do not.
static void compensate_rows(const searching *s, uint8_t *out, const float *values, size_t n_rows,
                            float *scratch) {
    const size_t group = s->search->compensation->group;
    float *squares = scratch, *copy = scratch + n_rows;
    for (size_t r = 0; r < n_rows; r++) squares[r] = mean_square(s, values + r * s->columns);
    for (size_t first = 0; first < s->columns; first += group) {
        const size_t left = s->columns - first;
        const size_t n = left < group ? left : group;
        uint8_t *blocks = out + first / RK__BLOCK * s->block_bytes;
        for (size_t r = 0; r < n_rows; r += RK__TOGETHER) {
            const size_t m = n_rows - r < RK__TOGETHER ? n_rows - r : RK__TOGETHER;
            for (size_t k = 0; k < m; k++) {
                memcpy(copy + k * group, values + (r + k) * s->columns + first, n * sizeof copy[0]);
            }
            compensate_group(s, blocks + r * s->row_bytes, copy, m, first, n, squares + r);
        }
    }
}

void rk__search_rows(const rk__rows *rows, rk_dtype dtype, const rk__search *search, void *out,
                     const float *values, size_t n_rows, size_t columns, float *scratch) {
    const size_t block_bytes = rk_dtype_describe(dtype)->block_bytes;
    const searching s = {.rows = rows,
                         .search = search,
                         .dtype = dtype,
                         .fit = rows->fit[dtype],
                         .codes = rk__code_range_of(dtype),
                         .block_bytes = block_bytes,
                         .row_bytes = columns / RK__BLOCK * block_bytes,
                         .columns = columns};
    uint8_t *bytes = out;
    if (search->compensation != NULL) {
        compensate_rows(&s, bytes, values, n_rows, scratch);
        return;
    }
    for (size_t r = 0; r < n_rows; r++) {
        search_row(&s, bytes + r * s.row_bytes, values + r * columns);
    }
}
