// Scalar products with Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 matrices: the definition of their panels and
// of the order of their sums (kernels/product.h).
#include <math.h>
#include <string.h>

#include "kernels/panel_layout.h"
#include "kernels/product_parts.h"
#include "tensor/half.h"
#include "tensor/little_endian.h"

enum { ROWS = RK__PANEL_ROWS };

// ---- packing

// Bits j, 4 + j, 8 + j, ... 28 + j of a word, side by side.
static uint8_t every_fourth_bit(uint32_t word, size_t j) {
    uint32_t x = word >> j & 0x11111111u;
    x = (x | x >> 3) & 0x03030303u;
    x = (x | x >> 6) & 0x000f000fu;
    return (uint8_t)(x | x >> 12);
}

// One row's block into its places in the panel's block.
static void pack_block(const rk__panel_layout *layout, uint8_t *to, const uint8_t *from, size_t r) {
    memcpy(to + 2 * r, from, 2);
    if (layout->has_m) memcpy(to + layout->m + 2 * r, from + layout->file_m, 2);
    if (layout->has_fifth_bits) {
        const uint32_t bits = rk__load_u32le(from + layout->file_fifth_bits);
        uint8_t *lane = to + layout->fifth_bits + RK__LANE * r;
        for (size_t j = 0; j < RK__LANE; j++) lane[j] = every_fourth_bit(bits, j);
    }
    const size_t n_vectors = layout->has_bytes ? RK__BYTE_VECTORS : RK__NIBBLE_VECTORS;
    uint8_t *lane = to + layout->codes + RK__LANE * r;
    for (size_t v = 0; v < n_vectors; v++) {
        memcpy(lane + v * RK__VECTOR, from + layout->file_codes + v * RK__LANE, RK__LANE);
    }
}

static void pack(const rk__panel_layout *layout, void *panel, const void *rows, size_t row_bytes,
                 size_t n_rows, size_t columns) {
    const size_t n_blocks = columns / RK__BLOCK;
    uint8_t *to = panel;
    if (n_rows < ROWS) memset(panel, 0, n_blocks * layout->bytes);
    for (size_t b = 0; b < n_blocks; b++, to += layout->bytes) {
        const uint8_t *from = (const uint8_t *)rows + b * layout->file_bytes;
        for (size_t r = 0; r < n_rows; r++) pack_block(layout, to, from + r * row_bytes, r);
    }
}

// ---- multiplying

// A panel's block in plain form. value = code * d (+ m); codes have the format's zero taken off.
typedef struct plain_block {
    float d[ROWS], m[ROWS];
    int8_t codes[ROWS][RK__BLOCK];
} plain_block;

static void unpack_nibbles(plain_block *block, const uint8_t *vectors) {
    for (size_t v = 0; v < RK__NIBBLE_VECTORS; v++) {
        for (size_t r = 0; r < ROWS; r++) {
            for (size_t j = 0; j < RK__LANE; j++) {
                const uint8_t byte = vectors[v * RK__VECTOR + r * RK__LANE + j];
                block->codes[r][v * RK__LANE + j] = (int8_t)(byte & 15);
                block->codes[r][RK__BLOCK / 2 + v * RK__LANE + j] = (int8_t)(byte >> 4);
            }
        }
    }
}

static void unpack_bytes(plain_block *block, const uint8_t *vectors) {
    for (size_t v = 0; v < RK__BYTE_VECTORS; v++) {
        for (size_t r = 0; r < ROWS; r++) {
            memcpy(block->codes[r] + v * RK__LANE, vectors + v * RK__VECTOR + r * RK__LANE,
                   RK__LANE);
        }
    }
}

static void add_fifth_bits(plain_block *block, const uint8_t *vector) {
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t c = 0; c < RK__BLOCK; c++) {
            const int bit = vector[r * RK__LANE + c % RK__LANE] >> c / RK__LANE & 1;
            block->codes[r][c] = (int8_t)(block->codes[r][c] + 16 * bit);
        }
    }
}

static void unpack(const rk__panel_layout *layout, plain_block *block, const uint8_t *from) {
    if (layout->has_bytes) {
        unpack_bytes(block, from + layout->codes);
    } else {
        unpack_nibbles(block, from + layout->codes);
    }
    if (layout->has_fifth_bits) add_fifth_bits(block, from + layout->fifth_bits);
    for (size_t r = 0; r < ROWS; r++) {
        block->d[r] = rk__float_from_f16(rk__load_u16le(from + 2 * r));
        block->m[r] =
            layout->has_m ? rk__float_from_f16(rk__load_u16le(from + layout->m + 2 * r)) : 0.0f;
        for (size_t c = 0; c < RK__BLOCK; c++) {
            block->codes[r][c] = (int8_t)(block->codes[r][c] - layout->zero);
        }
    }
}

static int32_t dot(const int8_t codes[RK__BLOCK], const int8_t q[RK__BLOCK]) {
    int32_t sum = 0;
    for (size_t i = 0; i < RK__BLOCK; i++) sum += codes[i] * q[i];
    return sum;
}

// Adds one block's part to a token's outputs, which are the accumulators.
static void add_block(float *out, const plain_block *block, bool has_m, size_t n_rows,
                      const int8_t *q, float scale, int32_t qsum) {
    for (size_t r = 0; r < n_rows; r++) {
        out[r] = fmaf(block->d[r] * scale, (float)dot(block->codes[r], q), out[r]);
        if (has_m) out[r] = fmaf(block->m[r], scale * (float)qsum, out[r]);
    }
}

static void multiply_panel(const rk__panel_layout *layout, float *out, size_t out_stride,
                           const uint8_t *panel, size_t n_rows, size_t columns,
                           const rk__activations *input, size_t n_tokens) {
    const size_t n_blocks = columns / RK__BLOCK;
    for (size_t t = 0; t < n_tokens; t++) memset(out + t * out_stride, 0, n_rows * sizeof *out);
    for (size_t b = 0; b < n_blocks; b++) {
        plain_block block;
        unpack(layout, &block, panel + b * layout->bytes);
        for (size_t t = 0; t < n_tokens; t++) {
            add_block(out + t * out_stride, &block, layout->has_m, n_rows,
                      input->q + t * columns + b * RK__BLOCK, input->scale[t * n_blocks + b],
                      input->qsum[t * n_blocks + b]);
        }
    }
}

static void multiply(const rk__panel_layout *layout, float *out, size_t out_stride,
                     const void *panels, size_t n_rows, size_t columns,
                     const rk__activations *input, size_t n_tokens) {
    const size_t panel_bytes = columns / RK__BLOCK * layout->bytes;
    const uint8_t *panel = panels;
    for (size_t r = 0; r < n_rows; r += ROWS, panel += panel_bytes) {
        const size_t n = n_rows - r < ROWS ? n_rows - r : ROWS;
        multiply_panel(layout, out + r, out_stride, panel, n, columns, input, n_tokens);
    }
}

// ---- the table's functions, one pair a format

static void pack_q4_0(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                      size_t columns) {
    pack(&rk__panel_q4_0, panel, rows, row_bytes, n_rows, columns);
}

static void multiply_q4_0(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(&rk__panel_q4_0, out, out_stride, panels, n_rows, columns, input, n_tokens);
}

static void pack_q4_1(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                      size_t columns) {
    pack(&rk__panel_q4_1, panel, rows, row_bytes, n_rows, columns);
}

static void multiply_q4_1(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(&rk__panel_q4_1, out, out_stride, panels, n_rows, columns, input, n_tokens);
}

static void pack_q5_0(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                      size_t columns) {
    pack(&rk__panel_q5_0, panel, rows, row_bytes, n_rows, columns);
}

static void multiply_q5_0(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(&rk__panel_q5_0, out, out_stride, panels, n_rows, columns, input, n_tokens);
}

static void pack_q5_1(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                      size_t columns) {
    pack(&rk__panel_q5_1, panel, rows, row_bytes, n_rows, columns);
}

static void multiply_q5_1(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(&rk__panel_q5_1, out, out_stride, panels, n_rows, columns, input, n_tokens);
}

static void pack_q8_0(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                      size_t columns) {
    pack(&rk__panel_q8_0, panel, rows, row_bytes, n_rows, columns);
}

static void multiply_q8_0(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(&rk__panel_q8_0, out, out_stride, panels, n_rows, columns, input, n_tokens);
}

static rk__product product_of(void (*pack_rows)(void *, const void *, size_t, size_t, size_t),
                              void (*multiply_rows)(float *, size_t, const void *, size_t, size_t,
                                                    const rk__activations *, size_t)) {
    return (rk__product){
        .quantized_input = true, .panel_rows = ROWS, .pack = pack_rows, .multiply = multiply_rows};
}

void rk__block_product_init_scalar(rk__product product[RK_DTYPE_COUNT]) {
    product[RK_DTYPE_Q4_0] = product_of(pack_q4_0, multiply_q4_0);
    product[RK_DTYPE_Q4_1] = product_of(pack_q4_1, multiply_q4_1);
    product[RK_DTYPE_Q5_0] = product_of(pack_q5_0, multiply_q5_0);
    product[RK_DTYPE_Q5_1] = product_of(pack_q5_1, multiply_q5_1);
    product[RK_DTYPE_Q8_0] = product_of(pack_q8_0, multiply_q8_0);
}
