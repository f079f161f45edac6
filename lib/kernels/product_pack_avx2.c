// Packing with AVX2: panels of 8 rows, and those of 16 rows that the AVX-512 kernels read.
//
// 8 rows are handled together. 4 bytes of a row, or one value of a matrix of floats, are a lane;
// lanes of rows side by side are a transposition of 4 x 4 or 8 x 8 lanes. In a panel of 16 rows
// every part is twice as long as panel_layout.h says, twice as far from the beginning, and its
// halves belong to rows 0 .. 7 and 8 .. 15.
//
// Functions that take a layout, a number of panel rows or a size of values are inlined where these
// are constants.
#include <immintrin.h>
#include <string.h>

#include "kernels/inlining.h"
#include "kernels/panel_layout.h"
#include "kernels/product_parts.h"
#include "tensor/little_endian.h"

enum { GROUP = 8, WIDE_ROWS = 16 };
_Static_assert((int)GROUP == (int)RK__PANEL_ROWS, "layouts are those of one group");

static RK__ALWAYS_INLINE __m128i load_16_bytes(const uint8_t *bytes) {
    return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

static RK__ALWAYS_INLINE void store_32_bytes(uint8_t *to, __m256i bytes) {
    _mm256_storeu_si256((__m256i *)(void *)to, bytes);
}

// ---- block formats

// The 8 rows of a group; missing ones are read from a block of zeros again and again.
typedef struct row_group {
    const uint8_t *at[GROUP];
    size_t step[GROUP]; // bytes to the next block
} row_group;

static const uint8_t zero_block[sizeof(rk__block_q8_0)];

static row_group group_of(const rk__panel_layout *layout, const uint8_t *rows, size_t row_bytes,
                          size_t n_rows) {
    row_group group;
    for (size_t r = 0; r < GROUP; r++) {
        group.at[r] = r < n_rows ? rows + r * row_bytes : zero_block;
        group.step[r] = r < n_rows ? layout->file_bytes : 0;
    }
    return group;
}

// The rows' halves at `offset`, side by side.
static RK__ALWAYS_INLINE void pack_halves(uint8_t *to, const row_group *group, size_t offset) {
    uint16_t halves[GROUP];
    RK__UNROLL
    for (size_t r = 0; r < GROUP; r++) memcpy(&halves[r], group->at[r] + offset, 2);
    memcpy(to, halves, sizeof halves);
}

// Lane r has the word of row r; its byte j becomes bits j, 4 + j, .. 28 + j of it.
static RK__ALWAYS_INLINE __m256i every_fourth_bits(__m256i words) {
    __m256i bytes = _mm256_setzero_si256();
    RK__UNROLL
    for (int j = 0; j < RK__LANE; j++) {
        __m256i x = _mm256_and_si256(_mm256_srli_epi32(words, j), _mm256_set1_epi32(0x11111111));
        x = _mm256_or_si256(x, _mm256_srli_epi32(x, 3));
        x = _mm256_and_si256(x, _mm256_set1_epi32(0x03030303));
        x = _mm256_or_si256(x, _mm256_srli_epi32(x, 6));
        x = _mm256_and_si256(x, _mm256_set1_epi32(0x000f000f));
        x = _mm256_or_si256(x, _mm256_srli_epi32(x, 12));
        x = _mm256_and_si256(x, _mm256_set1_epi32(0xff));
        bytes = _mm256_or_si256(bytes, _mm256_slli_epi32(x, 8 * j));
    }
    return bytes;
}

static RK__ALWAYS_INLINE void pack_fifth_bits(uint8_t *to, const row_group *group, size_t offset) {
    int32_t words[GROUP];
    RK__UNROLL
    for (size_t r = 0; r < GROUP; r++) memcpy(&words[r], group->at[r] + offset, sizeof words[r]);
    const __m256i all = _mm256_loadu_si256((const __m256i *)(const void *)words);
    store_32_bytes(to, every_fourth_bits(all));
}

// 16 bytes of each row at `offset` become 4 vectors, `stride` bytes apart. Codes that count from
// -128 are made to count from 0 by `flip`.
static RK__ALWAYS_INLINE void pack_codes(uint8_t *to, size_t stride, const row_group *group,
                                         size_t offset, __m256i flip) {
    __m256i rows[4]; // r and r + 4
    RK__UNROLL
    for (size_t r = 0; r < 4; r++) {
        rows[r] =
            _mm256_inserti128_si256(_mm256_castsi128_si256(load_16_bytes(group->at[r] + offset)),
                                    load_16_bytes(group->at[r + 4] + offset), 1);
        rows[r] = _mm256_xor_si256(rows[r], flip);
    }
    const __m256i low01 = _mm256_unpacklo_epi32(rows[0], rows[1]);
    const __m256i low23 = _mm256_unpacklo_epi32(rows[2], rows[3]);
    const __m256i high01 = _mm256_unpackhi_epi32(rows[0], rows[1]);
    const __m256i high23 = _mm256_unpackhi_epi32(rows[2], rows[3]);
    store_32_bytes(to, _mm256_unpacklo_epi64(low01, low23));
    store_32_bytes(to + stride, _mm256_unpackhi_epi64(low01, low23));
    store_32_bytes(to + 2 * stride, _mm256_unpacklo_epi64(high01, high23));
    store_32_bytes(to + 3 * stride, _mm256_unpackhi_epi64(high01, high23));
}

// The blocks of group `g` of a panel, 0 or 1. from_zero: codes of bytes shall count from 0.
static RK__ALWAYS_INLINE void pack_group(const rk__panel_layout *layout, size_t panel_rows,
                                         bool from_zero, uint8_t *panel, size_t g, row_group group,
                                         size_t n_blocks) {
    const size_t groups = panel_rows / GROUP, stride = groups * RK__VECTOR;
    const __m256i flip = _mm256_set1_epi8(from_zero ? -128 : 0);
    for (size_t b = 0; b < n_blocks; b++, panel += groups * layout->bytes) {
        uint8_t *const codes = panel + groups * layout->codes + g * RK__VECTOR;
        pack_halves(panel + g * RK__PANEL_F16, &group, 0);
        if (layout->has_m) {
            pack_halves(panel + groups * layout->m + g * RK__PANEL_F16, &group, layout->file_m);
        }
        if (layout->has_fifth_bits) {
            pack_fifth_bits(panel + groups * layout->fifth_bits + g * RK__VECTOR, &group,
                            layout->file_fifth_bits);
        }
        pack_codes(codes, stride, &group, layout->file_codes, flip);
        if (layout->has_bytes) {
            pack_codes(codes + 4 * stride, stride, &group, layout->file_codes + 16, flip);
        }
        RK__UNROLL
        for (size_t r = 0; r < GROUP; r++) group.at[r] += group.step[r];
    }
}

static RK__ALWAYS_INLINE void pack_blocks(const rk__panel_layout *layout, size_t panel_rows,
                                          bool from_zero, void *panel, const void *rows,
                                          size_t row_bytes, size_t n_rows, size_t columns) {
    for (size_t g = 0; g < panel_rows / GROUP; g++) {
        const size_t first = g * GROUP;
        const row_group group = group_of(layout, (const uint8_t *)rows + first * row_bytes,
                                         row_bytes, n_rows > first ? n_rows - first : 0);
        pack_group(layout, panel_rows, from_zero, panel, g, group, columns / RK__BLOCK);
    }
}

// ---- floats

// Columns c .. columns - 1 of 8 rows, of which n_rows exist, value by value.
static RK__ALWAYS_INLINE void pack_values(size_t value_bytes, size_t panel_rows, uint8_t *to,
                                          const uint8_t *rows, size_t row_bytes, size_t n_rows,
                                          size_t c, size_t columns) {
    for (; c < columns; c++) {
        uint8_t *const column = to + c * panel_rows * value_bytes;
        for (size_t r = 0; r < GROUP; r++) {
            if (r < n_rows) {
                memcpy(column + r * value_bytes, rows + r * row_bytes + c * value_bytes,
                       value_bytes);
            } else {
                memset(column + r * value_bytes, 0, value_bytes);
            }
        }
    }
}

// 4 values of 4 bytes of 8 rows become 4 columns, `stride` bytes apart.
static RK__ALWAYS_INLINE void pack_4_columns(uint8_t *to, size_t stride, const uint8_t *rows,
                                             size_t row_bytes) {
    row_group group;
    RK__UNROLL
    for (size_t r = 0; r < GROUP; r++) group.at[r] = rows + r * row_bytes;
    pack_codes(to, stride, &group, 0, _mm256_setzero_si256());
}

// 8 values of 2 bytes of 8 rows become 8 columns: transposed in lanes of 2, 4 and 8 bytes.
static RK__ALWAYS_INLINE void pack_8_columns(uint8_t *to, size_t stride, const uint8_t *rows,
                                             size_t row_bytes) {
    __m128i x[GROUP], y[GROUP];
    RK__UNROLL
    for (size_t r = 0; r < GROUP; r++) x[r] = load_16_bytes(rows + r * row_bytes);
    RK__UNROLL
    for (size_t i = 0; i < 4; i++) {
        y[i] = _mm_unpacklo_epi16(x[2 * i], x[2 * i + 1]);     // columns 0 .. 3 of 2 rows
        y[i + 4] = _mm_unpackhi_epi16(x[2 * i], x[2 * i + 1]); // columns 4 .. 7
    }
    RK__UNROLL
    for (size_t i = 0; i < 8; i += 4) {
        x[i] = _mm_unpacklo_epi32(y[i], y[i + 1]);         // columns 0, 1 (4, 5) of rows 0 .. 3
        x[i + 1] = _mm_unpackhi_epi32(y[i], y[i + 1]);     // columns 2, 3 (6, 7)
        x[i + 2] = _mm_unpacklo_epi32(y[i + 2], y[i + 3]); // of rows 4 .. 7
        x[i + 3] = _mm_unpackhi_epi32(y[i + 2], y[i + 3]);
    }
    RK__UNROLL
    for (size_t i = 0; i < 8; i += 4) {
        __m128i *const column = (__m128i *)(void *)(to + i * stride);
        const size_t step = stride / sizeof *column;
        _mm_storeu_si128(column, _mm_unpacklo_epi64(x[i], x[i + 2]));
        _mm_storeu_si128(column + step, _mm_unpackhi_epi64(x[i], x[i + 2]));
        _mm_storeu_si128(column + 2 * step, _mm_unpacklo_epi64(x[i + 1], x[i + 3]));
        _mm_storeu_si128(column + 3 * step, _mm_unpackhi_epi64(x[i + 1], x[i + 3]));
    }
}

static RK__ALWAYS_INLINE void pack_floats(size_t value_bytes, size_t panel_rows, void *panel,
                                          const void *rows, size_t row_bytes, size_t n_rows,
                                          size_t columns) {
    const size_t together = 16 / value_bytes, stride = panel_rows * value_bytes;
    for (size_t g = 0; g < panel_rows / GROUP; g++) {
        uint8_t *const to = (uint8_t *)panel + g * GROUP * value_bytes;
        const uint8_t *const from = (const uint8_t *)rows + g * GROUP * row_bytes;
        const size_t n = n_rows > g * GROUP ? n_rows - g * GROUP : 0;
        size_t c = 0;
        for (; n >= GROUP && c + together <= columns; c += together) {
            if (value_bytes == 4) {
                pack_4_columns(to + c * stride, stride, from + c * value_bytes, row_bytes);
            } else {
                pack_8_columns(to + c * stride, stride, from + c * value_bytes, row_bytes);
            }
        }
        pack_values(value_bytes, panel_rows, to, from, row_bytes, n, c, columns);
    }
}

// ---- the table's functions

static void pack_q4_0(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                      size_t columns) {
    pack_blocks(&rk__panel_q4_0, RK__PANEL_ROWS, false, panel, rows, row_bytes, n_rows, columns);
}

static void pack_wide_q4_0(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                           size_t columns) {
    pack_blocks(&rk__panel_q4_0, WIDE_ROWS, false, panel, rows, row_bytes, n_rows, columns);
}

static void pack_q4_1(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                      size_t columns) {
    pack_blocks(&rk__panel_q4_1, RK__PANEL_ROWS, false, panel, rows, row_bytes, n_rows, columns);
}

static void pack_wide_q4_1(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                           size_t columns) {
    pack_blocks(&rk__panel_q4_1, WIDE_ROWS, false, panel, rows, row_bytes, n_rows, columns);
}

static void pack_q5_0(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                      size_t columns) {
    pack_blocks(&rk__panel_q5_0, RK__PANEL_ROWS, false, panel, rows, row_bytes, n_rows, columns);
}

static void pack_wide_q5_0(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                           size_t columns) {
    pack_blocks(&rk__panel_q5_0, WIDE_ROWS, false, panel, rows, row_bytes, n_rows, columns);
}

static void pack_q5_1(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                      size_t columns) {
    pack_blocks(&rk__panel_q5_1, RK__PANEL_ROWS, false, panel, rows, row_bytes, n_rows, columns);
}

static void pack_wide_q5_1(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                           size_t columns) {
    pack_blocks(&rk__panel_q5_1, WIDE_ROWS, false, panel, rows, row_bytes, n_rows, columns);
}

static void pack_q8_0(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                      size_t columns) {
    pack_blocks(&rk__panel_q8_0, RK__PANEL_ROWS, false, panel, rows, row_bytes, n_rows, columns);
}

static void pack_unsigned_q8_0(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                               size_t columns) {
    pack_blocks(&rk__panel_q8_0, RK__PANEL_ROWS, true, panel, rows, row_bytes, n_rows, columns);
}

static void pack_wide_q8_0(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                           size_t columns) {
    pack_blocks(&rk__panel_q8_0, WIDE_ROWS, true, panel, rows, row_bytes, n_rows, columns);
}

static void pack_f32(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                     size_t columns) {
    pack_floats(4, RK__PANEL_ROWS, panel, rows, row_bytes, n_rows, columns);
}

static void pack_wide_f32(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                          size_t columns) {
    pack_floats(4, WIDE_ROWS, panel, rows, row_bytes, n_rows, columns);
}

static void pack_16(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                    size_t columns) {
    pack_floats(2, RK__PANEL_ROWS, panel, rows, row_bytes, n_rows, columns);
}

static void pack_wide_16(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                         size_t columns) {
    pack_floats(2, WIDE_ROWS, panel, rows, row_bytes, n_rows, columns);
}

void rk__pack_init_avx2(rk__product product[RK_DTYPE_COUNT]) {
    product[RK_DTYPE_F32].pack = pack_f32;
    product[RK_DTYPE_F16].pack = pack_16;
    product[RK_DTYPE_BF16].pack = pack_16;
    product[RK_DTYPE_Q4_0].pack = pack_q4_0;
    product[RK_DTYPE_Q4_1].pack = pack_q4_1;
    product[RK_DTYPE_Q5_0].pack = pack_q5_0;
    product[RK_DTYPE_Q5_1].pack = pack_q5_1;
    product[RK_DTYPE_Q8_0].pack = pack_q8_0;
}

void rk__pack_init_unsigned(rk__product product[RK_DTYPE_COUNT]) {
    product[RK_DTYPE_Q8_0].pack = pack_unsigned_q8_0;
    product[RK_DTYPE_Q8_0].codes_from_zero = true;
}

void rk__pack_init_wide(rk__product product[RK_DTYPE_COUNT]) {
    product[RK_DTYPE_F32].pack = pack_wide_f32;
    product[RK_DTYPE_F16].pack = pack_wide_16;
    product[RK_DTYPE_BF16].pack = pack_wide_16;
    product[RK_DTYPE_Q4_0].pack = pack_wide_q4_0;
    product[RK_DTYPE_Q4_1].pack = pack_wide_q4_1;
    product[RK_DTYPE_Q5_0].pack = pack_wide_q5_0;
    product[RK_DTYPE_Q5_1].pack = pack_wide_q5_1;
    product[RK_DTYPE_Q8_0].pack = pack_wide_q8_0;
    product[RK_DTYPE_Q8_0].codes_from_zero = true;
    static const rk_dtype wide[] = {RK_DTYPE_F32,  RK_DTYPE_F16,  RK_DTYPE_BF16, RK_DTYPE_Q4_0,
                                    RK_DTYPE_Q4_1, RK_DTYPE_Q5_0, RK_DTYPE_Q5_1, RK_DTYPE_Q8_0};
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        product[wide[i]].panel_rows = WIDE_ROWS;
    }
}
