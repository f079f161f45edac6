// Names of instruction sets, and what RWKV_CPU does.
#include <criterion/criterion.h>
#include <stdlib.h>

#include "kernels/cpu_features.h"
#include "kernels/kernels.h"

Test(cpu_features, names_round_trip) {
    for (size_t i = 0; i < RK__ISA_COUNT; i++) {
        rk__isa isa = RK__ISA_COUNT;
        cr_assert(rk__isa_parse(&isa, rk__isa_name((rk__isa)i)));
        cr_assert_eq(isa, i);
    }
    rk__isa isa;
    cr_assert(rk__isa_parse(&isa, "AVX2"));
    cr_assert_eq(isa, RK__ISA_AVX2);
}

Test(cpu_features, unknown_name_changes_nothing) {
    rk__isa isa = RK__ISA_AVX2;
    cr_assert_not(rk__isa_parse(&isa, "sse9"));
    cr_assert_eq(isa, RK__ISA_AVX2, "changed");
}

Test(cpu_features, environment_lowers_the_level) {
    setenv("RWKV_CPU", "scalar", 1);
    cr_assert_eq(rk__isa_available(), RK__ISA_SCALAR);
    setenv("RWKV_CPU", "avx2", 1);
    cr_assert_eq(rk__isa_available(), RK__ISA_SCALAR, "detected once");
}

Test(cpu_features, environment_that_names_no_level_is_ignored) {
    setenv("RWKV_CPU", "no such thing", 1);
    const rk__isa isa = rk__isa_available();
    cr_assert_lt((unsigned)isa, (unsigned)RK__ISA_COUNT);
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    cr_assert_eq(isa >= RK__ISA_AVX2, avx2);
    cr_assert_eq(isa >= RK__ISA_AVX512, avx2 && avx512);
#endif
}

Test(kernels, table_is_complete_at_every_level) {
    for (int isa = RK__ISA_SCALAR; isa <= (int)rk__isa_available(); isa++) {
        rk__kernels kernels;
        rk__kernels_init(&kernels, (rk__isa)isa);
        cr_assert_eq((int)kernels.isa, isa);
        cr_assert_not_null(kernels.quantize_activations);
        for (size_t i = 0; i < RK_DTYPE_COUNT; i++) {
            const rk__product *const product = &kernels.product[i];
            const bool runs = i <= RK_DTYPE_Q8_0;
            cr_assert_eq(product->multiply != NULL, runs, "type %zu", i);
            cr_assert_eq(product->pack != NULL, runs, "type %zu", i);
            cr_assert_leq(product->panel_rows, (size_t)RK__MAX_PANEL_ROWS);
            cr_assert_eq(product->quantized_input, runs && i >= RK_DTYPE_Q4_0, "type %zu", i);
        }
    }
}

#if defined(__x86_64__)
static void pack_nothing(void *panel, const void *rows, size_t row_bytes, size_t n_rows,
                         size_t columns) {
    (void)panel, (void)rows, (void)row_bytes, (void)n_rows, (void)columns;
}

// A type that a level has no kernels for keeps the panels that its scalar ones want.
Test(kernels, levels_leave_alone_what_they_have_no_kernels_for) {
    if (rk__isa_available() < RK__ISA_AVX512) cr_skip_test("no AVX-512 here");
    rk__kernels kernels;
    rk__kernels_init(&kernels, RK__ISA_SCALAR);
    kernels.product[RK_DTYPE_F64].pack = pack_nothing;
    kernels.product[RK_DTYPE_F64].panel_rows = 8;
    rk__product_init_avx2(&kernels);
    rk__product_init_avxvnni(&kernels);
    rk__product_init_avx512(&kernels);
    cr_assert_eq(kernels.product[RK_DTYPE_F64].panel_rows, 8u);
    cr_assert_eq(kernels.product[RK_DTYPE_F64].pack, pack_nothing);
    cr_assert_eq(kernels.product[RK_DTYPE_F32].panel_rows, 16u);
}
#endif
