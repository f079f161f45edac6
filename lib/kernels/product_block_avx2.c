// Products with Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 matrices with AVX2, FMA and
// F16C.
//
// A vector of a panel holds 4 columns of 8 rows; 4 activations of a token,
// broadcast, meet all of them in one multiply-add of bytes (maddubs: unsigned
// times signed, pairs summed to 16 bits):
//
//     codes       | row 0: c c c c | row 1: c c c c | ... | row 7: c c c c |
//     unsigned bytes activations |        q q q q |        q q q q | ... | q q
//     q q |   signed bytes sums        |         s   s  |         s   s  | ...
//     |         s   s  |   16 bits
//
// 16 bits hold what is summed up in them before it is widened to 32: |q| <=
// 127, so the four-bit codes of a block give at most 8 * 2 * 15 * 127 = 30480,
// the five-bit codes of half a block 4 * 2
// * 31 * 127 = 31496, and one vector of Q8_0 2 * 128 * 127 = 32512. All integer
// sums are therefore exact.
#include <immintrin.h>

#include "kernels/inlining.h"
#include "kernels/panel_layout.h"
#include "kernels/product_parts.h"

enum { SIGNED_BYTES = 1 };

// The value, computed here and now. gcc would put off the additions of a tile
// until their results are needed, keep all the operands, and run out of
// registers.
static RK__ALWAYS_INLINE __m256i settled(__m256i value) {
    __asm__("" : "+x"(value));
    return value;
}

static RK__ALWAYS_INLINE __m256i widen_sums(__m256i pairs) {
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

// Signed codes: the sign goes over to the activation, for maddubs wants one
// unsigned operand.
static RK__ALWAYS_INLINE __m256i products(const rk__panel_layout *layout, __m256i codes,
                                          __m256i q) {
    if (!layout->has_bytes) return _mm256_maddubs_epi16(codes, q);
    return widen_sums(_mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(q, codes)));
}

static RK__ALWAYS_INLINE __m256i add_products(const rk__panel_layout *layout, __m256i sum,
                                              __m256i codes, __m256i q) {
    const __m256i more = products(layout, codes, q);
    return settled(layout->has_bytes ? _mm256_add_epi32(sum, more) : _mm256_add_epi16(sum, more));
}

static RK__ALWAYS_INLINE __m256i finish_sums(const rk__panel_layout *layout, __m256i sum) {
    return layout->has_bytes ? sum : widen_sums(sum);
}

static RK__ALWAYS_INLINE bool goes_on(const rk__panel_layout *layout) {
    return !layout->has_fifth_bits;
}

// clang-format off: the second builds on the first
#include "kernels/product_block_256.h"
#include "kernels/product_block_tiles.h"
// clang-format on

void rk__block_product_init_avx2(rk__product product[RK_DTYPE_COUNT]) {
    init_block_products(product);
}
