// Scalar products with float32, FP16 and bfloat16 matrices: the definition of their panels and of
// the order of their sums (kernels/product.h).
#include <string.h>

#include "kernels/panel_layout.h"
#include "kernels/product_parts.h"
#include "tensor/convert_row.h"

enum { ROWS = RK__PANEL_ROWS };

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static void pack_f32(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                     size_t columns) {
    uint8_t *to = panel;
    for (size_t c = 0; c < columns; c++, to += ROWS * 4) {
        for (size_t r = 0; r < n_rows; r++) {
            memcpy(to + 4 * r, (const uint8_t *)rows + r * row_bytes + 4 * c, 4);
        }
        memset(to + 4 * n_rows, 0, 4 * (ROWS - n_rows));
    }
}

// FP16 and bfloat16: both are 2 bytes with zero as zero.
static void pack_16(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                    size_t columns) {
    uint8_t *to = panel;
    for (size_t c = 0; c < columns; c++, to += ROWS * 2) {
        for (size_t r = 0; r < n_rows; r++) {
            memcpy(to + 2 * r, (const uint8_t *)rows + r * row_bytes + 2 * c, 2);
        }
        memset(to + 2 * n_rows, 0, 2 * (ROWS - n_rows));
    }
}

// sum[r] over the columns of one run.
static void sum_run(float sum[ROWS], const float *weights, const float *x, size_t n_columns) {
    memset(sum, 0, ROWS * sizeof *sum);
    for (size_t c = 0; c < n_columns; c++) {
        for (size_t r = 0; r < ROWS; r++) sum[r] += weights[c * ROWS + r] * x[c];
    }
}

// One panel with all tokens. A run's weights are widened once for all of them.
static void multiply_panel(rk_dtype dtype, float *out, size_t out_stride, const uint8_t *panel,
                           size_t n_rows, size_t columns, const float *x, size_t n_tokens) {
    const size_t column_bytes = ROWS * rk_dtype_describe(dtype)->block_bytes;
    const rk__row_decoder widen = rk__row_decoder_of(dtype);
    for (size_t t = 0; t < n_tokens; t++) memset(out + t * out_stride, 0, n_rows * sizeof *out);
    for (size_t c = 0; c < columns; c += RK__FLOAT_RUN) {
        const size_t n = smaller(RK__FLOAT_RUN, columns - c);
        float weights[RK__FLOAT_RUN * ROWS]; // [column][row]
        widen(weights, panel + c * column_bytes, n * ROWS);
        for (size_t t = 0; t < n_tokens; t++) {
            float sum[ROWS];
            sum_run(sum, weights, x + t * columns + c, n);
            for (size_t r = 0; r < n_rows; r++) out[t * out_stride + r] += sum[r];
        }
    }
}

static void multiply(rk_dtype dtype, float *out, size_t out_stride, const void *panels,
                     size_t n_rows, size_t columns, const float *x, size_t n_tokens) {
    const size_t panel_bytes = ROWS * columns * rk_dtype_describe(dtype)->block_bytes;
    const uint8_t *panel = panels;
    for (size_t r = 0; r < n_rows; r += ROWS, panel += panel_bytes) {
        multiply_panel(dtype, out + r, out_stride, panel, smaller(ROWS, n_rows - r), columns, x,
                       n_tokens);
    }
}

static void multiply_f32(float *out, size_t out_stride, const void *panels, size_t n_rows,
                         size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(RK_DTYPE_F32, out, out_stride, panels, n_rows, columns, input->x, n_tokens);
}

static void multiply_f16(float *out, size_t out_stride, const void *panels, size_t n_rows,
                         size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(RK_DTYPE_F16, out, out_stride, panels, n_rows, columns, input->x, n_tokens);
}

static void multiply_bf16(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(RK_DTYPE_BF16, out, out_stride, panels, n_rows, columns, input->x, n_tokens);
}

void rk__float_product_init_scalar(rk__product product[RK_DTYPE_COUNT]) {
    product[RK_DTYPE_F32] =
        (rk__product){.panel_rows = ROWS, .pack = pack_f32, .multiply = multiply_f32};
    product[RK_DTYPE_F16] =
        (rk__product){.panel_rows = ROWS, .pack = pack_16, .multiply = multiply_f16};
    product[RK_DTYPE_BF16] =
        (rk__product){.panel_rows = ROWS, .pack = pack_16, .multiply = multiply_bf16};
}
