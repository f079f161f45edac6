// Products with float32, FP16 and bfloat16 matrices with AVX2, FMA and F16C: panels of 8 rows in 16
// registers.
#include <immintrin.h>
#include <string.h>

#include "kernels/inlining.h"
#include "kernels/product_parts.h"

typedef __m256 lanes;
enum { ROWS = 8, FEW_PANELS = 4, FEW_TOKENS = 3, TILE_PANELS = 2, TILE_TOKENS = 6 };

typedef enum weight_kind { KIND_F32, KIND_F16, KIND_BF16 } weight_kind;

static RK__ALWAYS_INLINE lanes lanes_zero(void) {
    return _mm256_setzero_ps();
}

static RK__ALWAYS_INLINE lanes lanes_add(lanes a, lanes b) {
    return _mm256_add_ps(a, b);
}

static RK__ALWAYS_INLINE lanes lanes_fmadd(lanes a, lanes b, lanes c) {
    return _mm256_fmadd_ps(a, b, c);
}

static RK__ALWAYS_INLINE lanes lanes_broadcast(const float *x) {
    return _mm256_broadcast_ss(x);
}

static RK__ALWAYS_INLINE lanes lanes_load(const float *from) {
    return _mm256_loadu_ps(from);
}

static RK__ALWAYS_INLINE void lanes_store(float *to, lanes values, size_t n) {
    if (n >= ROWS) {
        _mm256_storeu_ps(to, values);
        return;
    }
    float all[ROWS];
    _mm256_storeu_ps(all, values);
    memcpy(to, all, n * sizeof *to);
}

static RK__ALWAYS_INLINE lanes load_column(weight_kind kind, const uint8_t *weights) {
    if (kind == KIND_F32) return _mm256_loadu_ps((const float *)(const void *)weights);
    const __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)weights);
    if (kind == KIND_F16) return _mm256_cvtph_ps(halves);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

#include "kernels/product_float_tiles.h"

void rk__float_product_init_avx2(rk__product product[RK_DTYPE_COUNT]) {
    init_float_products(product);
}
