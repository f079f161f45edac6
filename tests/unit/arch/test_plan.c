// The plan of a model: detection, dimensions, and every tensor of every version missing, surplus or
// misshapen.
#include "arch/arch.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 3, MOST = 256 };

static const rk__arch *const versions[] = {&rk__arch_rwkv4, &rk__arch_rwkv5, &rk__arch_rwkv6,
                                           &rk__arch_rwkv7};
enum { N_VERSIONS = sizeof versions / sizeof versions[0] };

// A made-up model of a version: its tensors' descriptions, as a file would give them.
typedef struct model {
    const rk__arch *arch;
    bool model_file;
    rk_tensor_info tensors[MOST];
    const rk__arch_row *rows[MOST];
    char names[MOST][RK__NAME_TEXT];
    size_t n_tensors;
} model;

static size_t size_of(char letter) {
    static const size_t sizes[128] = {
        ['V'] = 12, ['C'] = 24, ['F'] = 20, ['H'] = 3, ['N'] = 8, ['M'] = 5,
        ['J'] = 25, ['W'] = 6,  ['A'] = 7,  ['U'] = 4, ['G'] = 9};
    if (isdigit((unsigned char)letter)) return (size_t)(letter - '0');
    cr_assert_gt(sizes[(unsigned char)letter], 0, "no size for the letter %c", letter);
    return sizes[(unsigned char)letter];
}

// Left out so that one of two alternatives is there (RWKV-5's two names of the bonus), or because
// the first layer has no such tensor.
static bool is_left_out(const rk__arch_row *row, size_t layer) {
    if (row->presence == RK__NOT_IN_FIRST_LAYER && layer == 0) return true;
    return strcmp(row->name, "att.time_first") == 0 && row->presence == RK__OPTIONAL;
}

static void add(model *m, const rk__arch_row *row, size_t layer) {
    const bool joined = row->n_parts > 0 && (m->model_file || row->file_name == NULL);
    if (is_left_out(row, layer) || (joined && row->part > 0)) return;
    cr_assert_lt(m->n_tensors, MOST);
    const size_t i = m->n_tensors++;
    const char *shape = m->model_file && row->file_shape != NULL ? row->file_shape : row->shape;
    rk_tensor_info *tensor = &m->tensors[i];
    *tensor = (rk_tensor_info){.name = rk__arch_name(m->names[i], row, m->model_file, layer),
                               .dtype = RK_DTYPE_F32};
    for (; *shape != '\0' && *shape != '|'; shape++) {
        tensor->shape.dims[tensor->shape.n_dims++] = size_of(*shape);
    }
    m->rows[i] = row;
}

static model *make_model(const rk__arch *arch, bool model_file) {
    static const rk__arch_row outer[] = {
        {"emb.weight", "", "VC", RK__EMBEDDING, 0, RK__AS_IS, RK__BEFORE_LAYERS},
        {"blocks.0.ln0.weight", "", "C", RK__VECTOR, 0, RK__AS_IS, RK__BEFORE_LAYERS},
        {"blocks.0.ln0.bias", "", "C", RK__VECTOR, 0, RK__AS_IS, RK__BEFORE_LAYERS},
        {"ln_out.weight", "", "C", RK__VECTOR, 0, RK__AS_IS, RK__AFTER_LAYERS},
        {"ln_out.bias", "", "C", RK__VECTOR, 0, RK__AS_IS, RK__AFTER_LAYERS},
        {"head.weight", "", "VC", RK__HEAD, 0, RK__AS_IS, RK__AFTER_LAYERS},
    };
    model *m = calloc(1, sizeof *m);
    m->arch = arch;
    m->model_file = model_file;
    for (size_t i = 0; i < sizeof outer / sizeof outer[0]; i++) add(m, &outer[i], 0);
    for (size_t layer = 0; layer < LAYERS; layer++) {
        for (size_t i = 0; i < arch->n_rows; i++) add(m, &arch->rows[i], layer);
    }
    return m;
}

static rk_status plan_of(const model *m, rk_error *err) {
    rk__arch_plan plan;
    const rk_status status =
        rk__arch_plan_init(&plan, "here", m->tensors, m->n_tensors, m->model_file, err);
    rk__arch_plan_fini(&plan);
    return status;
}

// Calls check for every version, as a checkpoint and as a model file.
static void for_versions(void (*check)(const rk__arch *arch, bool model_file)) {
    for (size_t i = 0; i < N_VERSIONS; i++) {
        check(versions[i], false);
        check(versions[i], true);
    }
}

static void check_places(const rk__arch *arch, bool model_file) {
    model *m = make_model(arch, model_file);
    rk__arch_plan plan;
    rk_error err;
    cr_assert_eq(rk__arch_plan_init(&plan, "here", m->tensors, m->n_tensors, model_file, &err),
                 RK_OK, "%s: %s", arch->name, err.message);
    cr_assert_eq(plan.arch, arch);
    cr_assert_eq(plan.dims.n_vocab, 12);
    cr_assert_eq(plan.dims.n_embd, 24);
    cr_assert_eq(plan.dims.n_layer, LAYERS);
    cr_assert_eq(plan.dims.n_ffn, 20);
    if (arch != &rk__arch_rwkv4) {
        cr_assert_eq(plan.dims.n_head, 3, "%s has %zu heads", arch->name, plan.dims.n_head);
        cr_assert_eq(plan.dims.head_size, 8);
    }
    cr_assert_geq(plan.n_tensors, m->n_tensors);
    for (size_t i = 0; i < plan.n_tensors; i++) {
        const rk__tensor_plan *t = &plan.tensors[i];
        char name[RK__NAME_TEXT];
        rk__arch_name(name, t->row, model_file, t->layer);
        cr_assert_str_eq(name, m->tensors[t->source].name);
        cr_assert_eq(t->repeat, 1);
        if (t->row->part > 0) cr_assert_eq(t[-1].row->part, t->row->part - 1, "parts together");
    }
    rk__arch_plan_fini(&plan);
    free(m);
}

Test(plan, finds_dimensions_and_places_every_tensor) {
    for_versions(check_places);
}

static void check_ones(const rk__arch *arch, bool model_file) {
    model *m = make_model(arch, model_file);
    for (size_t i = 0; i < m->n_tensors; i++) {
        rk_shape *shape = &m->tensors[i].shape;
        if (shape->n_dims == 1) *shape = (rk_shape){.n_dims = 3, .dims = {1, 1, shape->dims[0]}};
    }
    rk_error err;
    cr_assert_eq(plan_of(m, &err), RK_OK, "%s", err.message);
    free(m);
}

Test(plan, sizes_of_one_do_not_matter) {
    for_versions(check_ones);
}

static void check_missing(const rk__arch *arch, bool model_file) {
    model *whole = make_model(arch, model_file);
    for (size_t i = 0; i < whole->n_tensors; i++) {
        model *m = make_model(arch, model_file);
        m->tensors[i] = m->tensors[--m->n_tensors];
        rk_error err;
        cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE, "%s without %s", arch->name, whole->names[i]);
        cr_assert_not_null(strstr(err.message, arch->name), "%s: %s", arch->name, err.message);
        cr_assert_not_null(strstr(err.message, whole->names[i]), "%s: %s", whole->names[i],
                           err.message);
        cr_assert_not_null(strstr(err.message, "1 tensor missing"), "%s", err.message);
        free(m);
    }
    free(whole);
}

Test(plan, names_every_missing_tensor) {
    for_versions(check_missing);
}

static void check_misshapen(const rk__arch *arch, bool model_file) {
    model *whole = make_model(arch, model_file);
    for (size_t i = 0; i < whole->n_tensors; i++) {
        model *m = make_model(arch, model_file);
        rk_shape *shape = &m->tensors[i].shape;
        for (size_t d = 0; d < shape->n_dims; d++) shape->dims[d] += 3;
        rk_error err;
        cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE, "%s with a wrong %s", arch->name,
                     whole->names[i]);
        cr_assert_not_null(strstr(err.message, whole->names[i]), "%s: %s", whole->names[i],
                           err.message);
        free(m);
    }
    free(whole);
}

Test(plan, refuses_every_misshapen_tensor) {
    for_versions(check_misshapen);
}

// A matrix whose rows do not lie one behind the other as its name demands.
static void check_row_order(const rk__arch *arch, bool model_file) {
    model *whole = make_model(arch, model_file);
    for (size_t i = 0; i < whole->n_tensors; i++) {
        const rk_shape *shape = &whole->tensors[i].shape;
        const rk__arch_row *row = whole->rows[i];
        const bool joined = row->n_parts > 0 && (model_file || row->file_name == NULL);
        if (row->role == RK__VECTOR && !joined) continue;
        model *m = make_model(arch, model_file);
        rk_shape *changed = &m->tensors[i].shape;
        changed->dims[changed->n_dims++] = 1; // [rows, columns, 1]: each value a row of its own
        rk_error err;
        cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE, "%s with %s of %zu dimensions", arch->name,
                     whole->names[i], shape->n_dims + 1);
        cr_assert_not_null(strstr(err.message, whole->names[i]), "%s", err.message);
        free(m);
    }
    free(whole);
}

Test(plan, sizes_of_one_behind_the_columns_of_a_matrix_matter) {
    for_versions(check_row_order);
}

Test(plan, a_state_has_square_heads) {
    model *m = make_model(&rk__arch_rwkv6, false);
    // 3 heads of 8 x 8, but as one vector: of all shapes with that many values only [3, 8, 8] will
    // do.
    for (size_t i = 0; i < m->n_tensors; i++) {
        if (strstr(m->names[i], "time_state") != NULL) {
            m->tensors[i].shape = (rk_shape){.n_dims = 1, .dims = {3 * 8 * 8}};
        }
    }
    rk_error err;
    cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE);
    cr_assert_not_null(strstr(err.message, "time_state is [192], expected [3, 8, 8]"), "%s",
                       err.message);
    free(m);
}

Test(plan, says_both_shapes) {
    model *m = make_model(&rk__arch_rwkv7, false);
    for (size_t i = 0; i < m->n_tensors; i++) {
        if (strcmp(m->names[i], "blocks.1.att.g2") == 0) m->tensors[i].shape.dims[1] = 99;
    }
    rk_error err;
    cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE);
    cr_assert_not_null(strstr(err.message, "blocks.1.att.g2 is [9, 99], expected [9, 24]"), "%s",
                       err.message);
    free(m);
}

static model *rwkv4_model(void) {
    return make_model(&rk__arch_rwkv4, false);
}

// Which of two is wrong cannot be known; of three it can.
Test(plan, names_both_of_two_that_contradict_each_other) {
    model *m = rwkv4_model();
    m->tensors[0].shape.dims[0] = 13; // emb.weight against head.weight
    rk_error err;
    cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE);
    cr_assert_not_null(
        strstr(err.message,
               "(head.weight is [12, 24], expected [13, 24] as emb.weight is [13, 24])"),
        "%s", err.message);
    m->tensors[0].shape.dims[0] = 12;
    for (size_t i = 0; i < m->n_tensors; i++) {
        if (strcmp(m->names[i], "blocks.0.ffn.key.weight") == 0) m->tensors[i].shape.dims[0] = 21;
    }
    cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE);
    cr_assert_not_null(
        strstr(err.message,
               "1 tensor of the wrong shape (blocks.0.ffn.key.weight is [21, 24], expected "
               "[20, 24])"),
        "%s", err.message);
    free(m);
}

static void check_types(const rk__arch *arch, bool model_file) {
    model *whole = make_model(arch, model_file);
    for (size_t i = 0; i < whole->n_tensors; i++) {
        model *m = make_model(arch, model_file);
        const bool vector = m->rows[i]->role == RK__VECTOR;
        m->tensors[i].dtype = vector ? RK_DTYPE_Q4_0 : RK_DTYPE_I64;
        rk_error err;
        cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE);
        cr_assert_not_null(strstr(err.message, whole->names[i]), "%s", err.message);
        cr_assert_not_null(strstr(err.message, vector ? "Q4_0" : "INT64"), "%s", err.message);
        free(m);
    }
    free(whole);
}

Test(plan, refuses_integer_tensors_and_quantized_vectors) {
    for_versions(check_types);
}

Test(plan, reports_all_kinds_of_trouble_together) {
    model *m = rwkv4_model();
    strcpy(m->names[7], "blocks.0.att.surprise"); // one missing, one unknown
    m->tensors[10].shape = (rk_shape){.n_dims = 1, .dims = {5}};
    m->tensors[m->n_tensors] = m->tensors[12]; // one twice
    m->n_tensors++;
    rk_error err;
    cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE);
    cr_assert_not_null(strstr(err.message, "1 tensor missing"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "1 tensor unknown (blocks.0.att.surprise)"), "%s",
                       err.message);
    cr_assert_not_null(strstr(err.message, "1 tensor that occur"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "[5], expected [24]"), "%s", err.message);
    free(m);
}

Test(plan, counts_what_it_cannot_name) {
    model *m = rwkv4_model();
    for (size_t i = 6; i < m->n_tensors; i++) {
        if (strcmp(m->names[i], rk__arch_rwkv4.marker) != 0) m->names[i][0] = 'x';
    }
    rk_error err;
    cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE);
    cr_assert_not_null(strstr(err.message, " more"), "%s", err.message);
    cr_assert_lt(strlen(err.message), sizeof err.message);
    free(m);
}

// Sets the shape of a tensor in all layers, or removes it where n_dims is 0.
static void reshape(model *m, const char *row_name, rk_shape shape) {
    for (size_t i = 0; i < m->n_tensors; i++) {
        if (strcmp(m->rows[i]->name, row_name) != 0) continue;
        m->tensors[i].shape = shape;
        if (shape.n_dims > 0) continue;
        m->n_tensors--;
        m->tensors[i] = m->tensors[m->n_tensors];
        m->rows[i] = m->rows[m->n_tensors];
        i--;
    }
}

static void expect_name(const model *m, const char *name, size_t decay_repeat) {
    rk__arch_plan plan;
    rk_error err;
    cr_assert_eq(rk__arch_plan_init(&plan, "here", m->tensors, m->n_tensors, m->model_file, &err),
                 RK_OK, "%s", err.message);
    cr_assert_str_eq(plan.name, name);
    cr_assert_eq(rk__arch_plan_find(&plan, "att.time_decay", 1)->repeat, decay_repeat);
    cr_assert_eq(plan.dims.head_size, 8);
    rk__arch_plan_fini(&plan);
}

Test(plan, tells_the_cuts_of_rwkv5_apart) {
    const rk_shape by_head = {.n_dims = 1, .dims = {3}};
    const rk_shape by_head_in_file = {.n_dims = 3, .dims = {3, 1, 1}};
    const rk_shape removed = {0};
    for (int model_file = 0; model_file < 2; model_file++) {
        model *m = make_model(&rk__arch_rwkv5, model_file);
        expect_name(m, "RWKV-5.2", 1);
        reshape(m, "att.time_decay", model_file ? by_head_in_file : by_head);
        reshape(m, "att.time_faaaa", model_file ? by_head_in_file : by_head);
        expect_name(m, "RWKV-5.1 (gated)", 8);
        reshape(m, "att.gate.weight", removed);
        reshape(m, "att.time_mix_g", removed);
        expect_name(m, "RWKV-5.1", 8);
        free(m);
    }
}

Test(plan, passes_over_what_the_first_layer_does_not_use) {
    model *m = make_model(&rk__arch_rwkv7, false);
    const rk__arch_row v0 = {.name = "att.v0", .shape = "C"};
    add(m, &v0, 0);
    rk__arch_plan plan;
    rk_error err;
    cr_assert_eq(rk__arch_plan_init(&plan, "here", m->tensors, m->n_tensors, false, &err), RK_OK,
                 "%s", err.message);
    cr_assert_eq(plan.n_unused, 1);
    cr_assert_null(rk__arch_plan_find(&plan, "att.v0", 0));
    cr_assert_not_null(rk__arch_plan_find(&plan, "att.v0", 1));
    rk__arch_plan_fini(&plan);
    free(m);
}

Test(plan, refuses_sizes_that_do_not_fit_together) {
    model *m = make_model(&rk__arch_rwkv6, false);
    reshape(m, "att.time_maa_w1", (rk_shape){.n_dims = 2, .dims = {24, 26}});
    rk_error err;
    cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE);
    cr_assert_not_null(strstr(err.message, "J = 26 is not the product 5M"), "%s", err.message);
    free(m);
}

Test(plan, names_variants_that_are_not_supported) {
    static const char *const names[][2] = {{"blocks.2.tiny_q.weight", "RWKV-4a"},
                                           {"blocks.0.att.gate_w1", "RWKV-6a"},
                                           {"blocks.0.att.time_maa_rkvw_w1", "RWKV-6b"},
                                           {"blocks.0.ffn.s_emb.weight", "RWKV-7a"},
                                           {"blocks.0.ffn.enn.weight", "RWKV-8"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        model *m = rwkv4_model();
        strcpy(m->names[9], names[i][0]);
        rk_error err;
        cr_assert_eq(plan_of(m, &err), RK_ERR_UNSUPPORTED);
        cr_assert_not_null(strstr(err.message, names[i][0]), "%s", err.message);
        cr_assert_not_null(strstr(err.message, names[i][1]), "%s", err.message);
        free(m);
    }
}

Test(plan, layer_numbers_are_decimal_and_bounded) {
    static const char *const odd[] = {"blocks.00.ln1.weight",
                                      "blocks.999999999.ln1.weight",
                                      "blocks.-1.ln1.weight",
                                      "blocks.1x.ln1.weight",
                                      "blocks.99999999999999999999.ln1.weight",
                                      "blocks..ln1"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        model *m = rwkv4_model();
        strcpy(m->names[6], odd[i]);
        rk_error err;
        cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE, "%s", odd[i]);
        free(m);
    }
}

Test(plan, empty_tensors_are_refused) {
    model *m = rwkv4_model();
    for (size_t i = 0; i < m->n_tensors; i++) {
        for (size_t d = 0; d < m->tensors[i].shape.n_dims; d++) {
            if (m->tensors[i].shape.dims[d] == 24) m->tensors[i].shape.dims[d] = 0;
        }
    }
    rk_error err;
    cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE);
    free(m);
}

// Sizes of 0 that agree with each other are no better.
Test(plan, empty_adapters_are_refused) {
    model *m = make_model(&rk__arch_rwkv7, false);
    for (size_t i = 0; i < m->n_tensors; i++) {
        const char *name = m->rows[i]->name;
        if (strcmp(name, "att.w1") == 0) m->tensors[i].shape.dims[1] = 0;
        if (strcmp(name, "att.w2") == 0) m->tensors[i].shape.dims[0] = 0;
    }
    rk_error err;
    cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE);
    cr_assert_not_null(strstr(err.message, "6 tensors of the wrong shape"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "blocks.0.att.w1 is [24, 0], expected no size of 0"),
                       "%s", err.message);
    free(m);
}

Test(plan, pairs_of_rwkv5_belong_together) {
    const rk_shape removed = {0};
    model *m = make_model(&rk__arch_rwkv5, false);
    rk_error err;
    reshape(m, "att.gate.weight", removed);
    cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE);
    cr_assert_not_null(strstr(err.message, "blocks.0.att.time_mix_g, but no "
                                           "blocks.0.att.gate.weight"),
                       "%s", err.message);
    reshape(m, "att.time_mix_g", removed);
    cr_assert_eq(plan_of(m, &err), RK_OK, "%s", err.message);
    reshape(m, "att.time_faaaa", removed);
    cr_assert_eq(plan_of(m, &err), RK_ERR_SHAPE);
    cr_assert_not_null(strstr(err.message, "neither blocks.0.att.time_first nor "
                                           "blocks.0.att.time_faaaa"),
                       "%s", err.message);
    free(m);
}

Test(plan, says_what_is_no_model) {
    const rk_tensor_info adapter[] = {{.name = "blocks.0.att.key.lora_A"},
                                      {.name = "blocks.0.att.key.lora_B"}};
    const rk_tensor_info state[] = {{.name = "blocks.0.att.time_state"}};
    const rk_tensor_info other[] = {{.name = "conv1.weight"}};
    rk__arch_plan plan;
    rk_error err;
    cr_assert_eq(rk__arch_plan_init(&plan, "f.pth", adapter, 2, false, &err), RK_ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(err.message, "f.pth: a LoRA adapter (1 pair)"), "%s", err.message);
    cr_assert_eq(rk__arch_plan_init(&plan, "f.pth", state, 1, false, &err), RK_ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(err.message, "tuned initial state"), "%s", err.message);
    cr_assert_eq(rk__arch_plan_init(&plan, "f.pth", other, 1, false, &err), RK_ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(err.message, "conv1.weight"), "%s", err.message);
    cr_assert_eq(rk__arch_plan_init(&plan, "f.pth", NULL, 0, false, &err), RK_ERR_FORMAT);
}

static void expect_refusal(const char *name, const char *words) {
    const rk_tensor_info tensors[] = {{.name = "emb.bias"}, {.name = name}};
    rk__arch_plan plan;
    rk_error err;
    cr_assert_eq(rk__arch_plan_init(&plan, "f.pth", tensors, 2, false, &err), RK_ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(err.message, words), "%s: %s", name, err.message);
}

Test(plan, knows_what_other_programs_write) {
    static const char *const adapters[] = {"base_model.model.blocks.0.att.key.lora_A.weight",
                                           "blocks.0.att.key.lora_B.default.weight",
                                           "blocks.0.att.key.lora.0",
                                           "blocks.0.ffn.key.lora_down.weight",
                                           "blocks.1.att.key.bone",
                                           "blocks.1.att.key.disha"};
    for (size_t i = 0; i < sizeof adapters / sizeof adapters[0]; i++) {
        expect_refusal(adapters[i], "f.pth: an adapter, not a model (it has ");
        expect_refusal(adapters[i], adapters[i]);
    }
    expect_refusal("model.layers.3.attn.w_lora.lora.0.weight", "flash-linear-attention");
    expect_refusal("student.net.blocks.0.ln0.weight", "pth2bin --prefix student.net)");
    expect_refusal("rwkv.blocks.0.pre_ln.weight", "not an RWKV model");
}
