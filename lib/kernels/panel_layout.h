// Where things are in a panel's block of 8 rows x 32 columns (drawing: kernels/product.h), and in
// the file's block of one row that it is packed from.
#ifndef RK_KERNELS_PANEL_LAYOUT_H
#define RK_KERNELS_PANEL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/blocks.h"

enum {
    RK__PANEL_ROWS = 8,
    RK__LANE = 4,                           // columns of one row that lie side by side
    RK__VECTOR = RK__PANEL_ROWS * RK__LANE, // bytes of a vector of codes
    RK__PANEL_F16 = RK__PANEL_ROWS * 2,     // bytes of d[8], of m[8]
    RK__NIBBLE_VECTORS = RK__BLOCK / 2 / RK__LANE,
    RK__BYTE_VECTORS = RK__BLOCK / RK__LANE,
};

// One block format. The file's block has the same parts in the same order as the panel's.
typedef struct rk__panel_layout {
    bool has_m, has_fifth_bits, has_bytes; // has_bytes: codes are whole bytes, not nibbles
    int zero;                              // the code that means 0 (without m)
    size_t m, fifth_bits, codes, bytes;    // offsets and size in the panel
    size_t file_m, file_fifth_bits, file_codes, file_bytes;
} rk__panel_layout;

static const rk__panel_layout rk__panel_q4_0 = {
    .zero = 8,
    .codes = RK__PANEL_F16,
    .bytes = RK__PANEL_ROWS * sizeof(rk__block_q4_0),
    .file_codes = offsetof(rk__block_q4_0, nibbles),
    .file_bytes = sizeof(rk__block_q4_0),
};

static const rk__panel_layout rk__panel_q4_1 = {
    .has_m = true,
    .m = RK__PANEL_F16,
    .codes = 2 * RK__PANEL_F16,
    .bytes = RK__PANEL_ROWS * sizeof(rk__block_q4_1),
    .file_m = offsetof(rk__block_q4_1, m),
    .file_codes = offsetof(rk__block_q4_1, nibbles),
    .file_bytes = sizeof(rk__block_q4_1),
};

static const rk__panel_layout rk__panel_q5_0 = {
    .has_fifth_bits = true,
    .zero = 16,
    .fifth_bits = RK__PANEL_F16,
    .codes = RK__PANEL_F16 + RK__VECTOR,
    .bytes = RK__PANEL_ROWS * sizeof(rk__block_q5_0),
    .file_fifth_bits = offsetof(rk__block_q5_0, fifth_bits),
    .file_codes = offsetof(rk__block_q5_0, nibbles),
    .file_bytes = sizeof(rk__block_q5_0),
};

static const rk__panel_layout rk__panel_q5_1 = {
    .has_m = true,
    .has_fifth_bits = true,
    .m = RK__PANEL_F16,
    .fifth_bits = 2 * RK__PANEL_F16,
    .codes = 2 * RK__PANEL_F16 + RK__VECTOR,
    .bytes = RK__PANEL_ROWS * sizeof(rk__block_q5_1),
    .file_m = offsetof(rk__block_q5_1, m),
    .file_fifth_bits = offsetof(rk__block_q5_1, fifth_bits),
    .file_codes = offsetof(rk__block_q5_1, nibbles),
    .file_bytes = sizeof(rk__block_q5_1),
};

static const rk__panel_layout rk__panel_q8_0 = {
    .has_bytes = true,
    .codes = RK__PANEL_F16,
    .bytes = RK__PANEL_ROWS * sizeof(rk__block_q8_0),
    .file_codes = offsetof(rk__block_q8_0, codes),
    .file_bytes = sizeof(rk__block_q8_0),
};

#endif
