// Names of instruction sets, and what RWKV_CPU does.
#include <criterion/criterion.h>
#include <stdlib.h>

#include "kernels/cpu_features.h"
#include "kernels/kernels.h"

Test(cpu_features, names_round_trip) {
    for (size_t i = 0; i < RK__ISA_COUNT; i++) {
        rk__isa isa = RK__ISA_COUNT;
        cr_assert_eq(rk__isa_parse(&isa, rk__isa_name((rk__isa)i), NULL), RK_OK);
        cr_assert_eq(isa, i);
    }
    rk__isa isa;
    cr_assert_eq(rk__isa_parse(&isa, "AVX2", NULL), RK_OK);
    cr_assert_eq(isa, RK__ISA_AVX2);
}

Test(cpu_features, unknown_name_is_refused_with_the_choices) {
    rk__isa isa = RK__ISA_AVX2;
    rk_error err;
    cr_assert_eq(rk__isa_parse(&isa, "sse9", &err), RK_ERR_ARGUMENT);
    cr_assert_eq(isa, RK__ISA_AVX2, "changed");
    cr_assert_not_null(strstr(err.message, "'sse9'"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "scalar, avx2, avxvnni, avx512"), "%s", err.message);
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
