// Products of planes: the scalar definition.
#include <math.h>
#include <math.h>
#include <string.h>

#include "kernels/plane_layout.h"
#include "tensor/convert_row.h"
#include "tensor/half.h"
#include "tensor/little_endian.h"

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// Some rows of a tile.
typedef struct tile_rows {
    rk_dtype dtype;
    size_t columns;
    rk__plane_tile tile;
    size_t row, n;
} tile_rows;

// ---- float types

// out += the products of columns [c, c + n).
static void add_run(float *out, const tile_rows *t, const float *x, size_t c, size_t n) {
    const size_t value = rk_dtype_describe(t->dtype)->block_bytes;
    const rk__row_decoder widen = rk__row_decoder_of(t->dtype);
    float sum[RK__PLANE_TILE] = {0}, weights[RK__PLANE_TILE];
    uint16_t list[RK__FLOAT_RUN];
    const size_t n_listed = rk__list_columns(list, x + c, 0, 1, n);
    for (size_t i = 0; i < n_listed; i++) {
        const size_t column = c + list[i];
        widen(weights, t->tile.data + (column * t->tile.rows + t->row) * value, t->n);
        for (size_t r = 0; r < t->n; r++) sum[r] += weights[r] * x[column];
    }
    for (size_t r = 0; r < t->n; r++) out[r] += sum[r];
}

static void add_runs(float *out, const tile_rows *t, const float *x) {
    for (size_t c = 0; c < t->columns; c += RK__FLOAT_RUN) {
        add_run(out, t, x, c, smaller(RK__FLOAT_RUN, t->columns - c));
    }
}

// ---- block formats

// Row r's code of column c, counted from its zero.
static int32_t code_of(const rk__panel_layout *layout, const rk__plane_block *block,
                       const uint8_t *plane, size_t r, size_t c) {
    const uint8_t *const column = plane + block->columns + c * block->column_bytes;
    const size_t strip = r / RK__PLANE_ROWS, chunk = r / RK__PLANE_CHUNK % 2;
    const size_t in_chunk = r % RK__PLANE_CHUNK;
    const size_t byte = in_chunk % 16 / 4 * 16 + in_chunk / 16 * 4 + in_chunk % 4;
    const uint8_t *const codes = column + strip * rk__plane_strip_bytes(layout) + byte;
    if (layout->has_bytes) return (int8_t)codes[chunk * RK__PLANE_CHUNK];
    int32_t code = chunk == 0 ? *codes & 15 : *codes >> 4;
    if (layout->has_fifth_bits) {
        const uint8_t *const bits = column + block->bits + strip * RK__PLANE_STRIP_BITS +
                                    chunk * RK__PLANE_BIT_BYTES + byte / 8;
        code |= (*bits >> byte % 8 & 1) << 4;
    }
    return code - layout->zero;
}

static float half_at(const uint8_t *halves, size_t r) {
    return rk__float_from_f16(rk__load_u16le(halves + 2 * r));
}

// out += the products of block b of one token.
static void add_block(float *out, const tile_rows *t, const rk__panel_layout *layout,
                      const rk__plane_block *block, const rk__activations *input, size_t b) {
    const uint8_t *const plane = t->tile.data + b * block->bytes;
    const int8_t *const q = input->q + b * RK__Q8_BLOCK;
    const float scale = input->scale[b];
    uint8_t list[RK__Q8_BLOCK];
    const size_t n_listed = rk__list_block_columns(list, input, t->columns, 1, b);
    for (size_t r = 0; n_listed > 0 && r < t->n; r++) {
        int32_t sum = 0;
        for (size_t i = 0; i < n_listed; i++) {
            sum += code_of(layout, block, plane, t->row + r, list[i]) * q[list[i]];
        }
        out[r] = fmaf(half_at(plane, t->row + r) * scale, (float)sum, out[r]);
        if (!layout->has_m) continue;
        out[r] = fmaf(half_at(plane + block->m, t->row + r), scale * (float)input->qsum[b], out[r]);
    }
}

static void add_blocks(float *out, const tile_rows *t, const rk__activations *input) {
    const rk__panel_layout *layout = rk__plane_panel_layout(t->dtype);
    const rk__plane_block block = rk__plane_block_of(layout, t->tile.rows);
    for (size_t b = 0; b < t->columns / RK__Q8_BLOCK; b++) {
        add_block(out, t, layout, &block, input, b);
    }
}

static void multiply_rows(float *out, const tile_rows *t, const rk__activations *input,
                          size_t token) {
    const size_t at = token * t->columns, block = at / RK__Q8_BLOCK;
    memset(out, 0, t->n * sizeof *out);
    if (rk_dtype_describe(t->dtype)->class_ == RK_CLASS_FLOAT) {
        add_runs(out, t, input->x + at);
        return;
    }
    const rk__activations one = {
        .q = input->q + at, .scale = input->scale + block, .qsum = input->qsum + block};
    add_blocks(out, t, &one);
}

static void multiply(float *out, size_t out_stride, const rk__planes *planes, size_t first,
                     size_t n_rows, const rk__activations *input, size_t n_tokens) {
    for (size_t r = 0; r < n_rows;) {
        tile_rows t = {.dtype = planes->dtype,
                       .columns = planes->columns,
                       .tile = rk__plane_tile_of(planes, first + r)};
        t.row = first + r - t.tile.first;
        t.n = smaller(n_rows - r, t.tile.rows - t.row);
        for (size_t k = 0; k < n_tokens; k++) {
            multiply_rows(out + k * out_stride + r, &t, input, k);
        }
        r += t.n;
    }
}

void rk__planes_init_scalar(rk__plane_kernels *kernels) {
    rk__planes_move_init_scalar(kernels);
    kernels->multiply = multiply;
}
