// Products of float32 panels with activations rounded to 8 bits: how the programs multiplied whose
// block formats nobody makes any more. Weights of those are expanded when they are loaded, and what
// counts here is to give the logits of those programs, not speed.
#include <string.h>

#include "kernels/panel_layout.h"
#include "kernels/product_parts.h"

enum { ROWS = RK__PANEL_ROWS };
_Static_assert(RK__FLOAT_RUN % RK__Q8_BLOCK == 0, "a run is whole blocks of activations");

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// Columns [c, c + n) of one token's activations as the floats that they were rounded to.
static void expand(float *x, const rk__activations *input, size_t token, size_t columns, size_t c,
                   size_t n) {
    const int8_t *q = input->q + token * columns + c;
    const float *scale = input->scale + (token * columns + c) / RK__Q8_BLOCK;
    for (size_t i = 0; i < n; i++) x[i] = (float)q[i] * scale[i / RK__Q8_BLOCK];
}

// sum[r] over the columns of one run, in their order.
static void sum_run(float sum[ROWS], const uint8_t *weights, const float *x, size_t n) {
    memset(sum, 0, ROWS * sizeof *sum);
    for (size_t c = 0; c < n; c++, weights += ROWS * sizeof(float)) {
        float column[ROWS];
        memcpy(column, weights, sizeof column); // the machine's own floats, as pack left them
        for (size_t r = 0; r < ROWS; r++) sum[r] += column[r] * x[c];
    }
}

static void multiply_panel(float *out, size_t out_stride, const uint8_t *panel, size_t n_rows,
                           size_t columns, const rk__activations *input, size_t n_tokens) {
    for (size_t t = 0; t < n_tokens; t++) {
        float total[ROWS] = {0};
        for (size_t c = 0; c < columns; c += RK__FLOAT_RUN) {
            const size_t n = smaller(RK__FLOAT_RUN, columns - c);
            float x[RK__FLOAT_RUN], sum[ROWS];
            expand(x, input, t, columns, c, n);
            sum_run(sum, panel + c * ROWS * sizeof(float), x, n);
            for (size_t r = 0; r < ROWS; r++) total[r] += sum[r];
        }
        memcpy(out + t * out_stride, total, n_rows * sizeof *out);
    }
}

static void multiply(float *out, size_t out_stride, const void *panels, size_t n_rows,
                     size_t columns, const rk__activations *input, size_t n_tokens) {
    const size_t panel_bytes = ROWS * columns * sizeof(float);
    const uint8_t *panel = panels;
    for (size_t r = 0; r < n_rows; r += ROWS, panel += panel_bytes) {
        multiply_panel(out + r, out_stride, panel, smaller(ROWS, n_rows - r), columns, input,
                       n_tokens);
    }
}

rk__product rk__rounded_product(const rk__product *f32) {
    return (rk__product){.quantized_input = true,
                         .panel_rows = f32->panel_rows,
                         .pack = f32->pack,
                         .multiply = multiply};
}
