// Planes: where things are in them, which columns are skipped, and the scalar definition of moving
// from and to panels.
#include "kernels/planes.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/plane_layout.h"
#include "tensor/little_endian.h"

size_t rk__planes_rows(size_t n) {
    return (n + RK__PLANE_ROWS - 1) / RK__PLANE_ROWS * RK__PLANE_ROWS;
}

static bool can_hold(rk_dtype dtype) {
    switch (dtype) {
    case RK_DTYPE_F32:
    case RK_DTYPE_F16:
    case RK_DTYPE_BF16:
    case RK_DTYPE_Q4_0:
    case RK_DTYPE_Q4_1:
    case RK_DTYPE_Q5_0:
    case RK_DTYPE_Q5_1:
    case RK_DTYPE_Q8_0:
        return true;
    default:
        return false;
    }
}

rk__planes rk__planes_describe(rk_dtype dtype, size_t rows, size_t columns, size_t n_threads) {
    rk__planes p = {.dtype = dtype, .columns = columns};
    if (!can_hold(dtype) || rows > SIZE_MAX - RK__PLANE_ROWS ||
        !rk_dtype_row_bytes(&p.row_bytes, dtype, columns)) {
        return (rk__planes){0};
    }
    p.rows = rk__planes_rows(rows);
    p.tile_rows = rk__planes_rows((p.rows + n_threads - 1) / n_threads);
    if (p.tile_rows > RK__PLANE_TILE) p.tile_rows = RK__PLANE_TILE;
    return p;
}

const rk__panel_layout *rk__plane_panel_layout(rk_dtype dtype) {
    switch (dtype) {
    case RK_DTYPE_Q4_0:
        return &rk__panel_q4_0;
    case RK_DTYPE_Q4_1:
        return &rk__panel_q4_1;
    case RK_DTYPE_Q5_0:
        return &rk__panel_q5_0;
    case RK_DTYPE_Q5_1:
        return &rk__panel_q5_1;
    default:
        assert(dtype == RK_DTYPE_Q8_0);
        return &rk__panel_q8_0;
    }
}

rk__plane_block rk__plane_block_of(const rk__panel_layout *layout, size_t rows) {
    const size_t strips = rows / RK__PLANE_ROWS;
    rk__plane_block block = {.m = 2 * rows, .columns = layout->has_m ? 4 * rows : 2 * rows};
    block.bits = strips * rk__plane_strip_bytes(layout);
    block.column_bytes = block.bits + (layout->has_fifth_bits ? strips * RK__PLANE_STRIP_BITS : 0);
    block.bytes = block.columns + RK__BLOCK * block.column_bytes;
    return block;
}

// ---- what is skipped

size_t rk__list_columns(uint16_t list[RK__FLOAT_RUN], const float *x, size_t stride,
                        size_t n_tokens, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        bool all_zero = true;
        for (size_t t = 0; t < n_tokens; t++) all_zero &= x[t * stride + i] == 0.0F; // false: NaN
        list[count] = (uint16_t)i;
        count += !all_zero;
    }
    return count;
}

// The highest bit of each byte that is not zero.
static uint64_t marks(uint64_t bytes) {
    const uint64_t low_bits = UINT64_C(0x7f7f7f7f7f7f7f7f);
    return (((bytes & low_bits) + low_bits) | bytes) & ~low_bits;
}

size_t rk__list_block_columns(uint8_t list[RK__Q8_BLOCK], const rk__activations *input,
                              size_t columns, size_t n_tokens, size_t block) {
    uint64_t any[RK__Q8_BLOCK / 8] = {0};
    bool has_nan = false;
    for (size_t t = 0; t < n_tokens; t++) {
        const int8_t *const q = input->q + t * columns + block * RK__Q8_BLOCK;
        for (size_t i = 0; i < RK__Q8_BLOCK / 8; i++) any[i] |= rk__load_u64le(q + 8 * i);
        has_nan |= isnan(input->scale[t * (columns / RK__Q8_BLOCK) + block]) != 0;
    }
    size_t count = 0;
    for (size_t i = 0; i < RK__Q8_BLOCK / 8; i++) {
        for (uint64_t left = marks(any[i]); left != 0; left &= left - 1) {
            list[count++] = (uint8_t)(8 * i + (size_t)__builtin_ctzll(left) / 8);
        }
    }
    if (count > 0 || !has_nan) return count;
    list[0] = 0;
    return 1;
}

// ---- from and to panels

void rk__planes_transfer(const rk__planes *planes, size_t first, size_t n_rows, void *panels,
                         const rk__product *product, bool to_panels,
                         void (*move)(const rk__plane_transfer *transfer)) {
    for (size_t done = 0, n; done < n_rows; done += n) {
        const rk__plane_tile tile = rk__plane_tile_of(planes, first + done);
        const size_t row = first + done - tile.first, left = tile.rows - row;
        n = n_rows - done < left ? n_rows - done : left;
        uint8_t *const begin = (uint8_t *)panels + done * planes->row_bytes;
        const rk__plane_transfer t = {planes, product, tile, row, n, begin, to_panels};
        move(&t);
    }
}

enum { COLUMNS_AHEAD = 16 }; // that are fetched while one is moved

// A column of a panel: a few sizes, which compilers make a few instructions of.
static void copy_piece(uint8_t *to, const uint8_t *from, size_t size) {
    for (size_t i = 0; i < size; i += 16) memcpy(to + i, from + i, 16);
}

void rk__planes_move_floats(const rk__plane_transfer *t) {
    const size_t value = rk_dtype_describe(t->planes->dtype)->block_bytes;
    const size_t piece = t->product->panel_rows * value;
    const size_t panel_bytes = t->planes->columns * piece;
    for (size_t c = 0; c < t->planes->columns; c++) {
        uint8_t *plane = t->tile.data + (c * t->tile.rows + t->row) * value;
        rk__plane_fetch(plane + COLUMNS_AHEAD * t->tile.rows * value, t->n_rows * value);
        uint8_t *panel = t->panels + c * piece;
        for (size_t row = 0; row < t->n_rows; row += t->product->panel_rows) {
            copy_piece(t->to_panels ? panel : plane, t->to_panels ? plane : panel, piece);
            plane += piece;
            panel += panel_bytes;
        }
    }
}

// A row's byte in a chunk.
static size_t byte_of_row(size_t row) {
    return row % 16 / 4 * 16 + row / 16 * 4 + row % 4;
}

// Where a code is in the planes: its byte, and which nibble of it; its fifth bit's byte, and which
// bit of it.
typedef struct code_place {
    uint8_t *byte, *bits;
    unsigned shift, bit;
} code_place;

static code_place place_code(const rk__plane_transfer *t, const rk__panel_layout *layout,
                             const rk__plane_block *block, size_t b, size_t row, size_t column) {
    uint8_t *const at =
        t->tile.data + b * block->bytes + block->columns + column * block->column_bytes;
    const size_t strip = row / RK__PLANE_ROWS, chunk = row / RK__PLANE_CHUNK % 2;
    const size_t byte = byte_of_row(row % RK__PLANE_CHUNK);
    return (code_place){
        .byte = at + strip * rk__plane_strip_bytes(layout) + byte +
                (layout->has_bytes ? chunk * RK__PLANE_CHUNK : 0),
        .bits = at + block->bits + strip * RK__PLANE_STRIP_BITS + chunk * RK__PLANE_BIT_BYTES +
                byte / 8,
        .shift = layout->has_bytes ? 0 : 4 * (unsigned)chunk,
        .bit = byte % 8,
    };
}

// Rows 64 .. 127 come after rows 0 .. 63, whose nibbles share their bytes.
static void write_code(const rk__panel_layout *layout, code_place at, uint8_t code) {
    if (layout->has_bytes) {
        *at.byte = code;
        return;
    }
    const uint8_t kept = at.shift == 0 ? 0 : *at.byte & 0x0f;
    *at.byte = (uint8_t)(kept | (code & 0x0f) << at.shift);
    if (!layout->has_fifth_bits) return;
    *at.bits = (uint8_t)((*at.bits & ~(1U << at.bit)) | (code >> 4 & 1U) << at.bit);
}

static uint8_t read_code(const rk__panel_layout *layout, code_place at) {
    if (layout->has_bytes) return *at.byte;
    const unsigned fifth = layout->has_fifth_bits ? (unsigned)*at.bits >> at.bit & 1U : 0;
    return (uint8_t)((*at.byte >> at.shift & 0x0f) | fifth << 4);
}

// In panels: column c of row r.
static void write_panel_code(const rk__panel_layout *layout, const rk__panel_place *place, size_t b,
                             size_t r, size_t c, uint8_t code) {
    uint8_t *const codes = rk__panel_part(place, layout, b, layout->codes, RK__VECTOR);
    const size_t step = place->scale * RK__VECTOR, lane = r * RK__LANE + c % RK__LANE;
    const size_t v = c / RK__LANE;
    if (layout->has_bytes) {
        codes[v * step + lane] = (uint8_t)(code ^ (place->flip));
        return;
    }
    uint8_t *const both = codes + v % RK__NIBBLE_VECTORS * step + lane;
    *both = (uint8_t)(v < RK__NIBBLE_VECTORS ? code & 0x0f : *both | (code & 0x0f) << 4);
    if (!layout->has_fifth_bits) return;
    uint8_t *const fifth = rk__panel_part(place, layout, b, layout->fifth_bits, RK__VECTOR) + lane;
    *fifth = (uint8_t)((v == 0 ? 0U : *fifth) | (code >> 4 & 1U) << v);
}

static uint8_t read_panel_code(const rk__panel_layout *layout, const rk__panel_place *place,
                               size_t b, size_t r, size_t c) {
    const uint8_t *const codes = rk__panel_part(place, layout, b, layout->codes, RK__VECTOR);
    const size_t step = place->scale * RK__VECTOR, lane = r * RK__LANE + c % RK__LANE;
    const size_t v = c / RK__LANE;
    if (layout->has_bytes) {
        return (uint8_t)(codes[v * step + lane] ^ (place->flip));
    }
    const uint8_t both = codes[v % RK__NIBBLE_VECTORS * step + lane];
    const unsigned nibble = v < RK__NIBBLE_VECTORS ? both & 0x0f : both >> 4;
    if (!layout->has_fifth_bits) return (uint8_t)nibble;
    const uint8_t *const fifth = rk__panel_part(place, layout, b, layout->fifth_bits, RK__VECTOR);
    return (uint8_t)(nibble | (fifth[lane] >> v & 1U) << 4);
}

static void move_numbers(const rk__plane_transfer *t, uint8_t *plane, uint8_t *panel) {
    memcpy(t->to_panels ? panel : plane, t->to_panels ? plane : panel, RK__PANEL_F16);
}

// Block b of 8 rows.
static void move_block(const rk__plane_transfer *t, const rk__panel_layout *layout,
                       const rk__plane_block *block, size_t b, size_t row) {
    const rk__panel_place place = rk__panel_place_of(t, row);
    const size_t at = t->row + row;
    uint8_t *const plane = t->tile.data + b * block->bytes + 2 * at;
    move_numbers(t, plane, rk__panel_part(&place, layout, b, 0, RK__PANEL_F16));
    if (layout->has_m) {
        move_numbers(t, plane + block->m,
                     rk__panel_part(&place, layout, b, layout->m, RK__PANEL_F16));
    }
    for (size_t c = 0; c < RK__BLOCK; c++) {
        for (size_t r = 0; r < RK__PANEL_ROWS; r++) {
            const code_place code = place_code(t, layout, block, b, at + r, c);
            if (t->to_panels) {
                write_panel_code(layout, &place, b, r, c, read_code(layout, code));
            } else {
                write_code(layout, code, read_panel_code(layout, &place, b, r, c));
            }
        }
    }
}

static void move(const rk__plane_transfer *t) {
    if (rk_dtype_describe(t->planes->dtype)->class_ == RK_CLASS_FLOAT) {
        rk__planes_move_floats(t);
        return;
    }
    const rk__panel_layout *layout = rk__plane_panel_layout(t->planes->dtype);
    const rk__plane_block block = rk__plane_block_of(layout, t->tile.rows);
    for (size_t b = 0; b < t->planes->columns / RK__BLOCK; b++) {
        for (size_t row = 0; row < t->n_rows; row += RK__PANEL_ROWS) {
            move_block(t, layout, &block, b, row);
        }
    }
}

static void from_panels(const rk__planes *planes, size_t first, size_t n_rows, const void *panels,
                        const rk__product *product) {
    rk__planes_transfer(planes, first, n_rows, (void *)panels, product, false, move); // only read
}

static void to_panels(const rk__planes *planes, size_t first, size_t n_rows, void *panels,
                      const rk__product *product) {
    rk__planes_transfer(planes, first, n_rows, panels, product, true, move);
}

void rk__planes_move_init_scalar(rk__plane_kernels *kernels) {
    kernels->from_panels = from_panels;
    kernels->to_panels = to_panels;
}
