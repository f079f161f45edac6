// Where things are in planes (drawing: kernels/planes.h), and what the variants of their kernels
// share.
#ifndef RK_KERNELS_PLANE_LAYOUT_H
#define RK_KERNELS_PLANE_LAYOUT_H

#include "kernels/panel_layout.h"
#include "kernels/planes.h"

enum {
    RK__PLANE_CHUNK = 64,    // rows whose order is changed together
    RK__PLANE_BIT_BYTES = 8, // of a chunk's fifth bits
};

// The tile that a row is in.
typedef struct rk__plane_tile {
    uint8_t *data;
    size_t first, rows;
} rk__plane_tile;

static inline rk__plane_tile rk__plane_tile_of(const rk__planes *planes, size_t row) {
    const size_t first = row / planes->tile_rows * planes->tile_rows;
    const size_t left = planes->rows - first;
    return (rk__plane_tile){planes->data + first * planes->row_bytes, first,
                            left < planes->tile_rows ? left : planes->tile_rows};
}

// The parts of a block of a tile, and its size.
typedef struct rk__plane_block {
    size_t m, columns; // offsets
    size_t bits;       // offset in a column
    size_t column_bytes, bytes;
} rk__plane_block;

// The layout of a block format in panels, which says what parts it has.
const rk__panel_layout *rk__plane_panel_layout(rk_dtype dtype);

// For a tile of `rows` rows.
rk__plane_block rk__plane_block_of(const rk__panel_layout *layout, size_t rows);

// What RK__PLANE_ROWS rows take of a column's codes and of its fifth bits.
static inline size_t rk__plane_strip_bytes(const rk__panel_layout *layout) {
    return layout->has_bytes ? 2 * RK__PLANE_CHUNK : RK__PLANE_CHUNK;
}
enum { RK__PLANE_STRIP_BITS = 2 * RK__PLANE_BIT_BYTES };

// Which of n <= RK__FLOAT_RUN columns are not zero in all of n_tokens rows of x, `stride` apart:
// their indices, and their number.
size_t rk__list_columns(uint16_t list[RK__FLOAT_RUN], const float *x, size_t stride,
                        size_t n_tokens, size_t n);

// The same for one block of 8-bit activations. Of a block whose scale is NaN some column is listed.
size_t rk__list_block_columns(uint8_t list[RK__Q8_BLOCK], const rk__activations *input,
                              size_t columns, size_t n_tokens, size_t block);

// Fetches `size` bytes, wherever they are: rows of a few columns are read from here and there,
// which processors do not see coming.
static inline void rk__plane_fetch(const uint8_t *from, size_t size) {
    for (size_t i = 0; i < size; i += 64) __builtin_prefetch(from + i);
}

// Rows of one tile that are moved from or to panels.
typedef struct rk__plane_transfer {
    const rk__planes *planes;
    const rk__product *product;
    rk__plane_tile tile;
    size_t row, n_rows; // the first one's place in the tile; multiples of RK__PLANE_ROWS
    uint8_t *panels;    // of the first row
    bool to_panels;
} rk__plane_transfer;

// Calls move for the rows of each tile.
void rk__planes_transfer(const rk__planes *planes, size_t first, size_t n_rows, void *panels,
                         const rk__product *product, bool to_panels,
                         void (*move)(const rk__plane_transfer *transfer));

// Moves float types, the same for every level.
void rk__planes_move_floats(const rk__plane_transfer *transfer);

// Where 8 rows are in panels. In panels of 16 rows every part is twice as long as in those of 8,
// and its halves belong to rows 0 .. 7 and 8 .. 15.
typedef struct rk__panel_place {
    uint8_t *panel;
    size_t scale, half; // 1 or 2; 0 or 1
    uint8_t flip;       // what Q8_0's codes there differ by from those in planes, and in files
} rk__panel_place;

static inline rk__panel_place rk__panel_place_of(const rk__plane_transfer *t, size_t row) {
    const size_t panel_rows = t->product->panel_rows;
    return (rk__panel_place){t->panels + row / panel_rows * panel_rows * t->planes->row_bytes,
                             panel_rows / RK__PANEL_ROWS, row % panel_rows / RK__PANEL_ROWS,
                             t->product->codes_from_zero ? 0x80 : 0};
}

// Where a part of block b is that has `size` bytes at `offset` in panels of 8 rows.
static inline uint8_t *rk__panel_part(const rk__panel_place *place, const rk__panel_layout *layout,
                                      size_t b, size_t offset, size_t size) {
    return place->panel + place->scale * (b * layout->bytes + offset) + place->half * size;
}

// The parts of rk__planes_init_*: moving. planes.c, planes_move_avx2.c
void rk__planes_move_init_scalar(rk__plane_kernels *kernels);
void rk__planes_move_init_avx2(rk__plane_kernels *kernels);

#endif
