// Which tensor gets which type, and the conversion of values.
#include "arch/type_plan.h"

#include <criterion/criterion.h>
#include <math.h>

static const rk__arch_row vector = {.role = RK__VECTOR};
static const rk__arch_row matrix = {.role = RK__MATRIX};
static const rk__arch_row embedding = {.role = RK__EMBEDDING};
static const rk__arch_row head = {.role = RK__HEAD};

Test(type_plan, vectors_are_fp32) {
    for (rk_dtype target = RK_DTYPE_F32; target <= RK_DTYPE_Q8_0; target++) {
        cr_assert_eq(rk__reference_type(&vector, 64, RK_DTYPE_BF16, target, false), RK_DTYPE_F32);
    }
}

Test(type_plan, float_targets_reach_every_matrix) {
    const rk__arch_row *const rows[] = {&matrix, &embedding, &head};
    const rk_dtype targets[] = {RK_DTYPE_F32, RK_DTYPE_F16, RK_DTYPE_BF16};
    for (size_t r = 0; r < 3; r++) {
        for (size_t t = 0; t < 3; t++) {
            cr_assert_eq(rk__reference_type(rows[r], 33, RK_DTYPE_F16, targets[t], true),
                         targets[t]);
        }
    }
}

Test(type_plan, block_formats_reach_only_matrices_that_they_fit) {
    cr_assert_eq(rk__reference_type(&matrix, 64, RK_DTYPE_F16, RK_DTYPE_Q5_1, true), RK_DTYPE_Q5_1);
    cr_assert_eq(rk__reference_type(&matrix, 48, RK_DTYPE_F16, RK_DTYPE_Q5_1, true), RK_DTYPE_F16);
    cr_assert_eq(rk__reference_type(&embedding, 64, RK_DTYPE_F16, RK_DTYPE_Q4_0, true),
                 RK_DTYPE_F16);
    cr_assert_eq(rk__reference_type(&head, 64, RK_DTYPE_BF16, RK_DTYPE_Q4_0, false), RK_DTYPE_F16);
}

Test(type_plan, fp32_is_kept_only_in_model_files) {
    cr_assert_eq(rk__reference_type(&head, 64, RK_DTYPE_F32, RK_DTYPE_Q4_0, true), RK_DTYPE_F32);
    cr_assert_eq(rk__reference_type(&head, 64, RK_DTYPE_F32, RK_DTYPE_Q4_0, false), RK_DTYPE_F16);
    cr_assert_eq(rk__reference_type(&matrix, 48, RK_DTYPE_F32, RK_DTYPE_Q4_0, true), RK_DTYPE_F32);
}

Test(type_plan, decay_becomes_its_negative_exponential) {
    const rk__arch_row decay = {.conversion = RK__NEGATIVE_EXP};
    float values[] = {-3.5F, 0.0F, 1.25F};
    rk__arch_convert(&decay, values, 3);
    cr_assert_float_eq(values[0], -exp(-3.5), 1e-8);
    cr_assert_float_eq(values[1], -1.0, 1e-7);
    cr_assert_float_eq(values[2], -exp(1.25), 1e-6);
    float same[] = {-3.5F};
    rk__arch_convert(&matrix, same, 1);
    cr_assert_eq(same[0], -3.5F);
}
