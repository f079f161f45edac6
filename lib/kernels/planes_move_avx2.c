// Moving block formats between planes and panels with AVX2: 64 rows and 4 columns at a time.
//
// Merging four columns byte by byte gives rows in their order, and a vector of panels is just that:
// 8 rows of 4 columns. The way back takes the bytes of a row apart.
#include <immintrin.h>
#include <string.h>

#include "kernels/inlining.h"
#include "kernels/plane_layout.h"

enum {
    QUAD = 4,   // columns side by side, and registers that a half of a chunk becomes
    HALVES = 2, // of a chunk: registers of 32 bytes
    VECTORS = RK__BLOCK / QUAD,
};

// 64 rows of 4 columns by column: [column][half].
typedef struct chunk_columns {
    __m256i of[QUAD][HALVES];
} chunk_columns;

// The same as vectors of panels: [g] holds rows 8g .. 8g + 7.
typedef struct chunk_rows {
    __m256i of[RK__PLANE_CHUNK / RK__PANEL_ROWS];
} chunk_rows;

static RK__ALWAYS_INLINE __m256i load(const uint8_t *from) {
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

static RK__ALWAYS_INLINE void store(uint8_t *to, __m256i bytes) {
    _mm256_storeu_si256((__m256i *)(void *)to, bytes);
}

// Register i of half h is rows 16 i + 8 h on.
static RK__ALWAYS_INLINE chunk_rows merge(const chunk_columns *c) {
    chunk_rows rows;
    RK__UNROLL
    for (size_t h = 0; h < HALVES; h++) {
        const __m256i low01 = _mm256_unpacklo_epi8(c->of[0][h], c->of[1][h]);
        const __m256i low23 = _mm256_unpacklo_epi8(c->of[2][h], c->of[3][h]);
        const __m256i high01 = _mm256_unpackhi_epi8(c->of[0][h], c->of[1][h]);
        const __m256i high23 = _mm256_unpackhi_epi8(c->of[2][h], c->of[3][h]);
        rows.of[h] = _mm256_unpacklo_epi16(low01, low23);
        rows.of[2 + h] = _mm256_unpackhi_epi16(low01, low23);
        rows.of[4 + h] = _mm256_unpacklo_epi16(high01, high23);
        rows.of[6 + h] = _mm256_unpackhi_epi16(high01, high23);
    }
    return rows;
}

static RK__ALWAYS_INLINE chunk_columns split(const chunk_rows *rows) {
    // 4 rows of 4 columns, within 16 bytes, become 4 columns of 4 rows.
    const __m256i turned = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0,
                                            4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    chunk_columns c;
    RK__UNROLL
    for (size_t h = 0; h < HALVES; h++) {
        const __m256i r0 = _mm256_shuffle_epi8(rows->of[h], turned);
        const __m256i r1 = _mm256_shuffle_epi8(rows->of[2 + h], turned);
        const __m256i r2 = _mm256_shuffle_epi8(rows->of[4 + h], turned);
        const __m256i r3 = _mm256_shuffle_epi8(rows->of[6 + h], turned);
        const __m256i low01 = _mm256_unpacklo_epi32(r0, r1), low23 = _mm256_unpacklo_epi32(r2, r3);
        const __m256i high01 = _mm256_unpackhi_epi32(r0, r1);
        const __m256i high23 = _mm256_unpackhi_epi32(r2, r3);
        c.of[0][h] = _mm256_unpacklo_epi64(low01, low23);
        c.of[1][h] = _mm256_unpackhi_epi64(low01, low23);
        c.of[2][h] = _mm256_unpacklo_epi64(high01, high23);
        c.of[3][h] = _mm256_unpackhi_epi64(high01, high23);
    }
    return c;
}

// One strip of one block: RK__PLANE_ROWS rows of 32 columns.
typedef struct strip {
    const rk__panel_layout *layout;
    const rk__plane_block *block;
    uint8_t *numbers;          // d of the first row, in the plane
    uint8_t *codes, *bits;     // of column 0
    const rk__panel_place *at; // [RK__PLANE_ROWS / 8]
    size_t b;
} strip;

static RK__ALWAYS_INLINE uint8_t *vector_in_panel(const strip *s, size_t group, size_t v) {
    const rk__panel_place *place = &s->at[group];
    return rk__panel_part(place, s->layout, s->b, s->layout->codes, RK__VECTOR) +
           v * place->scale * RK__VECTOR;
}

static RK__ALWAYS_INLINE uint8_t *fifth_in_panel(const strip *s, size_t group) {
    return rk__panel_part(&s->at[group], s->layout, s->b, s->layout->fifth_bits, RK__VECTOR);
}

// Group 0 of a chunk.
static RK__ALWAYS_INLINE size_t first_group(size_t chunk) {
    return chunk * (RK__PLANE_CHUNK / RK__PANEL_ROWS);
}

enum { CHUNK_GROUPS = RK__PLANE_CHUNK / RK__PANEL_ROWS };

// ---- codes of 8 bits

static RK__ALWAYS_INLINE void bytes_from_panel(const strip *s, size_t v, size_t chunk) {
    const __m256i flip = _mm256_set1_epi8((char)s->at->flip);
    chunk_rows rows;
    RK__UNROLL
    for (size_t g = 0; g < CHUNK_GROUPS; g++) {
        rows.of[g] = _mm256_xor_si256(load(vector_in_panel(s, first_group(chunk) + g, v)), flip);
    }
    const chunk_columns c = split(&rows);
    RK__UNROLL
    for (size_t i = 0; i < QUAD; i++) {
        uint8_t *const column = s->codes + (v * QUAD + i) * s->block->column_bytes;
        RK__UNROLL
        for (size_t h = 0; h < HALVES; h++) {
            store(column + chunk * RK__PLANE_CHUNK + h * sizeof(__m256i), c.of[i][h]);
        }
    }
}

static RK__ALWAYS_INLINE void bytes_to_panel(const strip *s, size_t v, size_t chunk) {
    const __m256i flip = _mm256_set1_epi8((char)s->at->flip);
    chunk_columns c;
    RK__UNROLL
    for (size_t i = 0; i < QUAD; i++) {
        const uint8_t *const column = s->codes + (v * QUAD + i) * s->block->column_bytes;
        RK__UNROLL
        for (size_t h = 0; h < HALVES; h++) {
            c.of[i][h] = load(column + chunk * RK__PLANE_CHUNK + h * sizeof(__m256i));
        }
    }
    const chunk_rows rows = merge(&c);
    RK__UNROLL
    for (size_t g = 0; g < CHUNK_GROUPS; g++) {
        store(vector_in_panel(s, first_group(chunk) + g, v), _mm256_xor_si256(rows.of[g], flip));
    }
}

// ---- codes of 4 bits: in panels a byte is columns of vectors v and v + 4 of one row, in planes
// rows of both chunks of one column

static RK__ALWAYS_INLINE __m256i low_nibbles(__m256i x) {
    return _mm256_and_si256(x, _mm256_set1_epi8(15));
}

static RK__ALWAYS_INLINE __m256i high_nibbles(__m256i x) {
    return low_nibbles(_mm256_srli_epi16(x, 4));
}

static RK__ALWAYS_INLINE __m256i both_nibbles(__m256i low, __m256i high) {
    return _mm256_or_si256(low, _mm256_slli_epi16(high, 4)); // no bit of `high` leaves its byte
}

static RK__ALWAYS_INLINE void store_nibbles(const strip *s, size_t v, const chunk_columns *low,
                                            const chunk_columns *high) {
    RK__UNROLL
    for (size_t i = 0; i < QUAD; i++) {
        uint8_t *const column = s->codes + (v * QUAD + i) * s->block->column_bytes;
        RK__UNROLL
        for (size_t h = 0; h < HALVES; h++) {
            store(column + h * sizeof(__m256i), both_nibbles(low->of[i][h], high->of[i][h]));
        }
    }
}

static RK__ALWAYS_INLINE void nibbles_from_panel(const strip *s, size_t v) {
    chunk_columns low[2], high[2]; // of the chunks: vectors v and v + 4
    for (size_t chunk = 0; chunk < 2; chunk++) {
        chunk_rows low_rows, high_rows;
        RK__UNROLL
        for (size_t g = 0; g < CHUNK_GROUPS; g++) {
            const __m256i both = load(vector_in_panel(s, first_group(chunk) + g, v));
            low_rows.of[g] = low_nibbles(both);
            high_rows.of[g] = high_nibbles(both);
        }
        low[chunk] = split(&low_rows);
        high[chunk] = split(&high_rows);
    }
    store_nibbles(s, v, &low[0], &low[1]);
    store_nibbles(s, v + RK__NIBBLE_VECTORS, &high[0], &high[1]);
}

// Both chunks' rows of 4 columns, each in a nibble.
static RK__ALWAYS_INLINE chunk_rows load_nibbles(const strip *s, size_t v) {
    chunk_columns c;
    RK__UNROLL
    for (size_t i = 0; i < QUAD; i++) {
        const uint8_t *const column = s->codes + (v * QUAD + i) * s->block->column_bytes;
        RK__UNROLL
        for (size_t h = 0; h < HALVES; h++) c.of[i][h] = load(column + h * sizeof(__m256i));
    }
    return merge(&c);
}

static RK__ALWAYS_INLINE void nibbles_to_panel(const strip *s, size_t v) {
    const chunk_rows a = load_nibbles(s, v), b = load_nibbles(s, v + RK__NIBBLE_VECTORS);
    RK__UNROLL
    for (size_t g = 0; g < CHUNK_GROUPS; g++) {
        store(vector_in_panel(s, g, v), both_nibbles(low_nibbles(a.of[g]), low_nibbles(b.of[g])));
        store(vector_in_panel(s, first_group(1) + g, v),
              both_nibbles(high_nibbles(a.of[g]), high_nibbles(b.of[g])));
    }
}

// ---- fifth bits: in panels bit v of a byte is a column of vector v, in planes 64 rows of a column
// are 8 bytes

static RK__ALWAYS_INLINE void fifth_from_panel(const strip *s, size_t v, size_t chunk) {
    const __m128i shift = _mm_cvtsi32_si128((int)(7 - v)); // bit v becomes the highest
    chunk_rows rows;
    RK__UNROLL
    for (size_t g = 0; g < CHUNK_GROUPS; g++) {
        rows.of[g] = _mm256_sll_epi16(load(fifth_in_panel(s, first_group(chunk) + g)), shift);
    }
    const chunk_columns c = split(&rows);
    RK__UNROLL
    for (size_t i = 0; i < QUAD; i++) {
        uint8_t *const bits = s->bits + (v * QUAD + i) * s->block->column_bytes;
        RK__UNROLL
        for (size_t h = 0; h < HALVES; h++) {
            const int32_t mask = _mm256_movemask_epi8(c.of[i][h]);
            memcpy(bits + chunk * RK__PLANE_BIT_BYTES + h * sizeof mask, &mask, sizeof mask);
        }
    }
}

// 0xff where a bit is set. Byte i of each 8 gets byte i / 8 of the bits, of which bit i % 8 counts.
static RK__ALWAYS_INLINE __m256i spread_bits(const uint8_t *bits) {
    int32_t word;
    memcpy(&word, bits, sizeof word);
    const __m256i spread =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i wanted = _mm256_set1_epi64x((long long)0x8040201008040201);
    const __m256i words = _mm256_shuffle_epi8(_mm256_set1_epi32(word), spread);
    return _mm256_cmpeq_epi8(_mm256_and_si256(words, wanted), wanted);
}

static RK__ALWAYS_INLINE void fifth_to_panel(const strip *s, size_t chunk) {
    chunk_rows all;
    RK__UNROLL
    for (size_t g = 0; g < CHUNK_GROUPS; g++) all.of[g] = _mm256_setzero_si256();
    for (size_t v = 0; v < VECTORS; v++) {
        chunk_columns c;
        RK__UNROLL
        for (size_t i = 0; i < QUAD; i++) {
            const uint8_t *const bits =
                s->bits + (v * QUAD + i) * s->block->column_bytes + chunk * RK__PLANE_BIT_BYTES;
            RK__UNROLL
            for (size_t h = 0; h < HALVES; h++) c.of[i][h] = spread_bits(bits + h * 4);
        }
        const chunk_rows rows = merge(&c);
        const __m256i bit = _mm256_set1_epi8((char)(1U << v));
        RK__UNROLL
        for (size_t g = 0; g < CHUNK_GROUPS; g++) {
            all.of[g] = _mm256_or_si256(all.of[g], _mm256_and_si256(rows.of[g], bit));
        }
    }
    RK__UNROLL
    for (size_t g = 0; g < CHUNK_GROUPS; g++) {
        store(fifth_in_panel(s, first_group(chunk) + g), all.of[g]);
    }
}

// ----

static RK__ALWAYS_INLINE void copy_numbers(uint8_t *plane, const strip *s, size_t offset,
                                           bool to_panels) {
    for (size_t g = 0; g < RK__PLANE_ROWS / RK__PANEL_ROWS; g++) {
        uint8_t *const panel = rk__panel_part(&s->at[g], s->layout, s->b, offset, RK__PANEL_F16);
        uint8_t *const at = plane + g * RK__PANEL_F16;
        memcpy(to_panels ? panel : at, to_panels ? at : panel, RK__PANEL_F16);
    }
}

static RK__ALWAYS_INLINE void move_codes(const strip *s, bool to_panels) {
    for (size_t v = 0; !s->layout->has_bytes && v < RK__NIBBLE_VECTORS; v++) {
        if (to_panels) {
            nibbles_to_panel(s, v);
        } else {
            nibbles_from_panel(s, v);
        }
    }
    for (size_t v = 0; s->layout->has_bytes && v < VECTORS; v++) {
        for (size_t chunk = 0; chunk < 2; chunk++) {
            if (to_panels) {
                bytes_to_panel(s, v, chunk);
            } else {
                bytes_from_panel(s, v, chunk);
            }
        }
    }
}

static RK__ALWAYS_INLINE void move_strip(const strip *s, bool to_panels) {
    copy_numbers(s->numbers, s, 0, to_panels);
    if (s->layout->has_m) copy_numbers(s->numbers + s->block->m, s, s->layout->m, to_panels);
    move_codes(s, to_panels);
    for (size_t chunk = 0; s->layout->has_fifth_bits && chunk < 2; chunk++) {
        if (to_panels) {
            fifth_to_panel(s, chunk);
        } else {
            for (size_t v = 0; v < VECTORS; v++) fifth_from_panel(s, v, chunk);
        }
    }
}

enum { BLOCKS_AHEAD = 2 }; // that are fetched while one is moved

static RK__ALWAYS_INLINE void fetch_strip(const strip *s) {
    const size_t ahead = BLOCKS_AHEAD * s->block->bytes;
    rk__plane_fetch(s->numbers + ahead, 2 * RK__PLANE_ROWS);
    if (s->layout->has_m) rk__plane_fetch(s->numbers + s->block->m + ahead, 2 * RK__PLANE_ROWS);
    for (size_t c = 0; c < RK__BLOCK; c++) {
        const size_t at = ahead + c * s->block->column_bytes;
        rk__plane_fetch(s->codes + at, rk__plane_strip_bytes(s->layout));
        if (s->layout->has_fifth_bits) rk__plane_fetch(s->bits + at, 1);
    }
}

// The layout is known where this is inlined.
static RK__ALWAYS_INLINE void move_blocks(const rk__plane_transfer *t,
                                          const rk__panel_layout *layout) {
    const rk__plane_block block = rk__plane_block_of(layout, t->tile.rows);
    for (size_t row = 0; row < t->n_rows; row += RK__PLANE_ROWS) {
        rk__panel_place at[RK__PLANE_ROWS / RK__PANEL_ROWS];
        for (size_t g = 0; g < RK__PLANE_ROWS / RK__PANEL_ROWS; g++) {
            at[g] = rk__panel_place_of(t, row + g * RK__PANEL_ROWS);
        }
        const size_t index = (t->row + row) / RK__PLANE_ROWS;
        for (size_t b = 0; b < t->planes->columns / RK__BLOCK; b++) {
            uint8_t *const plane = t->tile.data + b * block.bytes;
            const strip s = {
                .layout = layout,
                .block = &block,
                .numbers = plane + 2 * (t->row + row),
                .codes = plane + block.columns + index * rk__plane_strip_bytes(layout),
                .bits = plane + block.columns + block.bits + index * RK__PLANE_STRIP_BITS,
                .at = at,
                .b = b,
            };
            if (t->to_panels) {
                fetch_strip(&s);
                move_strip(&s, true);
            } else {
                move_strip(&s, false);
            }
        }
    }
}

static void move(const rk__plane_transfer *t) {
    switch (t->planes->dtype) {
    case RK_DTYPE_Q4_0:
        move_blocks(t, &rk__panel_q4_0);
        break;
    case RK_DTYPE_Q4_1:
        move_blocks(t, &rk__panel_q4_1);
        break;
    case RK_DTYPE_Q5_0:
        move_blocks(t, &rk__panel_q5_0);
        break;
    case RK_DTYPE_Q5_1:
        move_blocks(t, &rk__panel_q5_1);
        break;
    case RK_DTYPE_Q8_0:
        move_blocks(t, &rk__panel_q8_0);
        break;
    default:
        rk__planes_move_floats(t);
        break;
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

void rk__planes_move_init_avx2(rk__plane_kernels *kernels) {
    kernels->from_panels = from_panels;
    kernels->to_panels = to_panels;
}
