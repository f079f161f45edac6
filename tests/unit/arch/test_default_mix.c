// The mixes on models of real sizes: never more than 3 % larger than what rwkv.cpp would make, and
// never wider than it for nothing.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "made_up_model.h"

typedef struct shapes {
    const char *name;
    const rk__arch *arch;
    test_sizes sizes;
} shapes;

static const shapes models[] = {
    {"RWKV-4 demo", &rk__arch_rwkv4, {5, {['V'] = 256, ['C'] = 192, ['F'] = 768}}},
    {"RWKV-4 169M", &rk__arch_rwkv4, {12, {['V'] = 50277, ['C'] = 768, ['F'] = 3072}}},
    {"RWKV-4 1.5B", &rk__arch_rwkv4, {24, {['V'] = 50277, ['C'] = 2048, ['F'] = 8192}}},
    {"RWKV-4 14B", &rk__arch_rwkv4, {40, {['V'] = 50277, ['C'] = 5120, ['F'] = 20480}}},
    {"RWKV-4 of one layer", &rk__arch_rwkv4, {1, {['V'] = 64, ['C'] = 32, ['F'] = 128}}},
    {"RWKV-5 1.5B",
     &rk__arch_rwkv5,
     {24, {['V'] = 65536, ['C'] = 2048, ['F'] = 7168, ['H'] = 32, ['N'] = 64}}},
    {"RWKV-6 1.6B",
     &rk__arch_rwkv6,
     {24,
      {['V'] = 65536,
       ['C'] = 2048,
       ['F'] = 7168,
       ['H'] = 32,
       ['N'] = 64,
       ['M'] = 32,
       ['J'] = 160,
       ['W'] = 64}}},
    {"RWKV-7 demo",
     &rk__arch_rwkv7,
     {4,
      {['V'] = 256,
       ['C'] = 128,
       ['F'] = 512,
       ['H'] = 2,
       ['N'] = 64,
       ['W'] = 32,
       ['A'] = 32,
       ['U'] = 32,
       ['G'] = 64}}},
    {"RWKV-7 2.9B",
     &rk__arch_rwkv7,
     {32,
      {['V'] = 65536,
       ['C'] = 2560,
       ['F'] = 10240,
       ['H'] = 40,
       ['N'] = 64,
       ['W'] = 96,
       ['A'] = 96,
       ['U'] = 64,
       ['G'] = 320}}},
};
enum { N_MODELS = sizeof models / sizeof models[0] };

static const rk_dtype targets[] = {RK_DTYPE_Q4_0, RK_DTYPE_Q4_1, RK_DTYPE_Q5_0, RK_DTYPE_Q5_1,
                                   RK_DTYPE_Q8_0};
enum { N_TARGETS = sizeof targets / sizeof targets[0] };

static rk_dtype *types_of(const test_made_up_model *m, rk_dtype target, rk_mix mix) {
    rk_error err;
    const rk__type_request request = {.target = target, .version = 101, .mix = mix};
    rk_dtype *types = calloc(m->plan.n_tensors, sizeof types[0]);
    cr_assert_eq(rk__type_plan(types, &m->stored, &request, &err), RK_OK, "%s", err.message);
    return types;
}

static double bytes_of(const test_made_up_model *m, rk_dtype target, rk_mix mix) {
    rk_dtype *types = types_of(m, target, mix);
    double total = 0;
    for (size_t i = 0; i < m->plan.n_tensors; i++) {
        size_t row_bytes;
        cr_assert(rk_dtype_row_bytes(&row_bytes, types[i], m->plan.tensors[i].columns));
        total += (double)m->plan.tensors[i].rows * (double)row_bytes;
    }
    free(types);
    return total;
}

Test(default_mix, is_at_most_3_percent_larger_than_the_reference) {
    for (size_t i = 0; i < N_MODELS; i++) {
        test_made_up_model *m = test_make_up_model(models[i].arch, &models[i].sizes, RK_DTYPE_BF16);
        for (size_t t = 0; t < N_TARGETS; t++) {
            const double reference = bytes_of(m, targets[t], RK_MIX_REFERENCE);
            const double mixed = bytes_of(m, targets[t], RK_MIX_DEFAULT);
            const double pure = bytes_of(m, targets[t], RK_MIX_PURE);
            const char *format = rk_dtype_describe(targets[t])->name;
            cr_expect(mixed <= 1.03 * reference, "%s %s: %.4f", models[i].name, format,
                      mixed / reference);
            cr_expect(pure <= mixed && pure < reference, "%s %s: %.4f, %.4f", models[i].name,
                      format, pure / reference, mixed / reference);
        }
        test_made_up_model_free(m);
    }
}

// A model is called by the format of most of its values, which is the one that was asked for.
Test(default_mix, leaves_most_values_in_the_target) {
    for (size_t i = 0; i < N_MODELS; i++) {
        test_made_up_model *m = test_make_up_model(models[i].arch, &models[i].sizes, RK_DTYPE_BF16);
        for (size_t t = 0; t < N_TARGETS; t++) {
            rk_dtype *types = types_of(m, targets[t], RK_MIX_DEFAULT);
            double all = 0, in_target = 0;
            for (size_t k = 0; k < m->plan.n_tensors; k++) {
                const rk__tensor_plan *tensor = &m->plan.tensors[k];
                if (tensor->row->role != RK__MATRIX) continue;
                all += (double)tensor->rows * (double)tensor->columns;
                if (types[k] == targets[t])
                    in_target += (double)tensor->rows * (double)tensor->columns;
            }
            cr_expect(in_target > 0.5 * all, "%s %s: %g", models[i].name,
                      rk_dtype_describe(targets[t])->name, in_target / all);
            free(types);
        }
        test_made_up_model_free(m);
    }
}

// Whatever the table says: nothing becomes narrower than the target, and whole blocks fit rows.
Test(default_mix, gives_every_tensor_a_type_that_fits) {
    for (size_t i = 0; i < N_MODELS; i++) {
        test_made_up_model *m = test_make_up_model(models[i].arch, &models[i].sizes, RK_DTYPE_BF16);
        for (size_t t = 0; t < N_TARGETS; t++) {
            rk_dtype *types = types_of(m, targets[t], RK_MIX_DEFAULT);
            const size_t least = rk_dtype_describe(targets[t])->block_bytes;
            for (size_t k = 0; k < m->plan.n_tensors; k++) {
                const rk__tensor_plan *tensor = &m->plan.tensors[k];
                const rk_dtype_info *type = rk_dtype_describe(types[k]);
                cr_assert_eq(tensor->columns % type->block_values, 0u);
                if (rk__arch_is_vector(tensor->row)) cr_assert_eq(types[k], RK_DTYPE_F32);
                cr_assert_geq(type->block_bytes * 32 / type->block_values, least, "%s: %s",
                              tensor->row->name, type->name);
            }
            free(types);
        }
        test_made_up_model_free(m);
    }
}

// A model that is in the target's format keeps every type; old layouts become the new ones.
Test(default_mix, leaves_models_of_the_same_format_alone) {
    const rk_dtype stored[] = {RK_DTYPE_Q5_1, RK_DTYPE_Q5_1_V100};
    for (size_t k = 0; k < 2; k++) {
        test_made_up_model *m = test_make_up_model(&rk__arch_rwkv4, &models[0].sizes, stored[k]);
        const size_t head = test_made_up_find(m, "head.weight");
        const size_t wide = test_made_up_find(m, "blocks.1.att.value.weight");
        const size_t early = test_made_up_find(m, "emb.weight");
        m->tensors[m->plan.tensors[head].source].dtype = RK_DTYPE_F16;
        m->tensors[m->plan.tensors[wide].source].dtype = RK_DTYPE_Q8_0;
        rk_dtype *types = types_of(m, RK_DTYPE_Q5_1, RK_MIX_DEFAULT);
        cr_expect_eq(types[head], RK_DTYPE_F16);
        cr_expect_eq(types[wide], RK_DTYPE_Q8_0);
        cr_expect_eq(types[early], RK_DTYPE_Q5_1);
        cr_expect_eq(types[test_made_up_find(m, "blocks.1.att.key.weight")], RK_DTYPE_Q5_1);
        cr_expect_eq(types[test_made_up_find(m, "ln_out.bias")], RK_DTYPE_F32);
        free(types);
        test_made_up_model_free(m);
    }
}

// The bytes that the narrower embedding and head give back are spent on other tensors.
Test(default_mix, spends_what_it_saves) {
    test_made_up_model *m = test_make_up_model(&rk__arch_rwkv4, &models[2].sizes, RK_DTYPE_BF16);
    rk_dtype *types = types_of(m, RK_DTYPE_Q4_0, RK_MIX_DEFAULT);
    size_t n_target = 0, n_wider = 0;
    for (size_t i = 0; i < m->plan.n_tensors; i++) {
        if (m->plan.tensors[i].row->role != RK__MATRIX) continue;
        n_target += types[i] == RK_DTYPE_Q4_0;
        n_wider += types[i] != RK_DTYPE_Q4_0;
    }
    cr_expect_neq(types[test_made_up_find(m, "emb.weight")], RK_DTYPE_F16);
    cr_expect_neq(types[test_made_up_find(m, "head.weight")], RK_DTYPE_F16);
    cr_expect_gt(n_target, 0u);
    cr_expect_gt(n_wider, 0u);
    cr_expect_gt(bytes_of(m, RK_DTYPE_Q4_0, RK_MIX_DEFAULT),
                 0.97 * bytes_of(m, RK_DTYPE_Q4_0, RK_MIX_REFERENCE));
    free(types);
    test_made_up_model_free(m);
}

static rk_dtype type_of(const test_made_up_model *m, const rk_dtype *types, const char *name) {
    return types[test_made_up_find(m, name)];
}

// What gains most for its bytes is served first, and of that the outermost layers.
Test(default_mix, serves_in_the_order_of_what_is_gained) {
    test_made_up_model *m = test_make_up_model(&rk__arch_rwkv4, &models[0].sizes, RK_DTYPE_BF16);
    rk_dtype *types = types_of(m, RK_DTYPE_Q4_0, RK_MIX_DEFAULT);
    for (size_t layer = 0; layer < 5; layer++) {
        char name[64];
        (void)snprintf(name, sizeof name, "blocks.%zu.att.output.weight", layer);
        cr_expect_eq(type_of(m, types, name), RK_DTYPE_Q8_0, "%s", name);
        (void)snprintf(name, sizeof name, "blocks.%zu.ffn.receptance.weight", layer);
        cr_expect_eq(type_of(m, types, name), RK_DTYPE_Q4_0, "%s", name);
    }
    cr_expect_eq(type_of(m, types, "blocks.0.att.value.weight"), RK_DTYPE_Q8_0);
    cr_expect_eq(type_of(m, types, "blocks.4.att.value.weight"), RK_DTYPE_Q8_0);
    cr_expect_eq(type_of(m, types, "blocks.2.att.value.weight"), RK_DTYPE_Q4_0);
    free(types);
    test_made_up_model_free(m);
}

// Rows of the adapters of RWKV-7 that are whole blocks give bytes back, others stay as they are.
Test(default_mix, takes_bytes_from_adapters) {
    const shapes *seven = &models[N_MODELS - 2];
    test_sizes odd = seven->sizes;
    odd.of['A'] = 24;
    for (int is_odd = 0; is_odd < 2; is_odd++) {
        test_made_up_model *m =
            test_make_up_model(seven->arch, is_odd ? &odd : &seven->sizes, RK_DTYPE_BF16);
        rk_dtype *types = types_of(m, RK_DTYPE_Q4_0, RK_MIX_DEFAULT);
        cr_expect_eq(type_of(m, types, "blocks.1.att.w1"), RK_DTYPE_Q8_0);
        cr_expect_eq(type_of(m, types, "blocks.1.att.g2"), RK_DTYPE_Q8_0);
        cr_expect_eq(type_of(m, types, "blocks.1.att.a1"), RK_DTYPE_Q8_0);
        cr_expect_eq(type_of(m, types, "blocks.1.att.a2"), is_odd ? RK_DTYPE_F16 : RK_DTYPE_Q8_0);
        free(types);
        types = types_of(m, RK_DTYPE_Q8_0, RK_MIX_DEFAULT);
        cr_expect_eq(type_of(m, types, "blocks.1.att.w1"), RK_DTYPE_F16);
        free(types);
        test_made_up_model_free(m);
    }
}

// Version 100 files are for programs that knew no mixes.
Test(default_mix, old_formats_follow_the_reference) {
    test_made_up_model *m = test_make_up_model(&rk__arch_rwkv4, &models[0].sizes, RK_DTYPE_F16);
    rk_dtype types[2][256];
    cr_assert_leq(m->plan.n_tensors, 256u);
    for (rk_dtype target = RK_DTYPE_Q4_0_V100; target <= RK_DTYPE_Q8_0_V100; target++) {
        for (int mix = RK_MIX_DEFAULT; mix <= RK_MIX_REFERENCE; mix++) {
            const rk__type_request request = {.target = target, .version = 100, .mix = (rk_mix)mix};
            cr_assert_eq(rk__type_plan(types[mix], &m->stored, &request, NULL), RK_OK);
        }
        cr_expect_arr_eq(types[0], types[1], m->plan.n_tensors * sizeof types[0][0]);
        cr_expect_eq(types[0][test_made_up_find(m, "head.weight")], RK_DTYPE_F16);
        cr_expect_eq(types[0][test_made_up_find(m, "blocks.4.ffn.key.weight")], target);
    }
    test_made_up_model_free(m);
}
