// Products with float32, FP16 and bfloat16 matrices with AVX-512: panels of 16 rows in 32
// registers.
#include <immintrin.h>

#include "kernels/inlining.h"
#include "kernels/product_parts.h"

typedef __m512 lanes;
enum { ROWS = 16, FEW_PANELS = 4, FEW_TOKENS = 3, TILE_PANELS = 2, TILE_TOKENS = 12 };

typedef enum weight_kind { KIND_F32, KIND_F16, KIND_BF16 } weight_kind;

static RK__ALWAYS_INLINE lanes lanes_zero(void) {
    return _mm512_setzero_ps();
}

static RK__ALWAYS_INLINE lanes lanes_add(lanes a, lanes b) {
    return _mm512_add_ps(a, b);
}

static RK__ALWAYS_INLINE lanes lanes_fmadd(lanes a, lanes b, lanes c) {
    return _mm512_fmadd_ps(a, b, c);
}

static RK__ALWAYS_INLINE lanes lanes_broadcast(const float *x) {
    return _mm512_set1_ps(*x);
}

static RK__ALWAYS_INLINE lanes lanes_load(const float *from) {
    return _mm512_loadu_ps(from);
}

static RK__ALWAYS_INLINE void lanes_store(float *to, lanes values, size_t n) {
    const __mmask16 wanted = (__mmask16)(n >= ROWS ? 0xffffu : (1u << n) - 1);
    _mm512_mask_storeu_ps(to, wanted, values);
}

static RK__ALWAYS_INLINE lanes load_column(weight_kind kind, const uint8_t *weights) {
    if (kind == KIND_F32) return _mm512_loadu_ps(weights);
    const __m256i halves = _mm256_loadu_si256((const __m256i *)(const void *)weights);
    if (kind == KIND_F16) return _mm512_cvtph_ps(halves);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

#include "kernels/product_float_tiles.h"

void rk__float_product_init_avx512(rk__product product[RK_DTYPE_COUNT]) {
    init_float_products(product);
}
