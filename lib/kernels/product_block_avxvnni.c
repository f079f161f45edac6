// Products with Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 matrices with AVX-VNNI, on top
// of AVX2.
//
// As with AVX2, but one instruction (vpdpbusd) multiplies 4 columns of 8 rows
// with 4 activations and adds each row's products to a sum of 32 bits. Codes
// must be unsigned for it, so those of Q8_0 are packed with 128 added.
#include <immintrin.h>

#include "kernels/inlining.h"
#include "kernels/panel_layout.h"
#include "kernels/product_parts.h"

enum { SIGNED_BYTES = 0 };

static RK__ALWAYS_INLINE __m256i add_products(const rk__panel_layout *layout, __m256i sum,
                                              __m256i codes, __m256i q) {
    (void)layout;
    return _mm256_dpbusd_avx_epi32(sum, codes, q);
}

static RK__ALWAYS_INLINE __m256i products(const rk__panel_layout *layout, __m256i codes,
                                          __m256i q) {
    return add_products(layout, _mm256_setzero_si256(), codes, q);
}

static RK__ALWAYS_INLINE __m256i finish_sums(const rk__panel_layout *layout, __m256i sum) {
    (void)layout;
    return sum;
}

static RK__ALWAYS_INLINE bool goes_on(const rk__panel_layout *layout) {
    (void)layout;
    return true;
}

// clang-format off: the second builds on the first
#include "kernels/product_block_256.h"
#include "kernels/product_block_tiles.h"
// clang-format on

void rk__block_product_init_avxvnni(rk__product product[RK_DTYPE_COUNT]) {
    init_block_products(product);
}
