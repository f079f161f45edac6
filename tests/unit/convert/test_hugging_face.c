// Checkpoints of the transformers package: the same tensors under other names. The test models are
// written again under the names that the package gives them, and must then be the same models.
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter_files.h"
#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "rk/convert.h"
#include "rk/model.h"
#include "support/pth_writer.h"
#include "support/scratch.h"

TestSuite(hugging_face, .fini = test_scratch_remove);

enum { MOST_TENSORS = 256, LONGEST_NAME = 128 };

// What its conversion scripts do to names. Of the mixes, those of RWKV-6 keep their letters.
static const struct {
    const char *from, *to;
} renamings[] = {
    {"emb.", "rwkv.embeddings."},
    {"ln_out.", "rwkv.ln_out."},
    {"blocks.", "rwkv.blocks."},
    {".ln0.", ".pre_ln."},
    {".att.", ".attention."},
    {".ffn.", ".feed_forward."},
    {".time_mix_k", ".time_mix_key"},
    {".time_mix_v", ".time_mix_value"},
    {".time_mix_r", ".time_mix_receptance"},
    {".time_mix_g", ".time_mix_gate"},
};

static void rename_tensor(char out[LONGEST_NAME], const char *name) {
    (void)snprintf(out, LONGEST_NAME, "%s", name);
    for (size_t i = 0; i < sizeof renamings / sizeof renamings[0]; i++) {
        const char *at = strstr(out, renamings[i].from);
        if (at == NULL) continue;
        char text[LONGEST_NAME];
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - out), out, renamings[i].to,
                       at + strlen(renamings[i].from));
        (void)snprintf(out, LONGEST_NAME, "%s", text);
    }
}

// The tensors of a test model under their other names.
typedef struct renamed {
    test_pth_tensor tensors[MOST_TENSORS];
    rk_tensor_info infos[MOST_TENSORS];
    size_t count;
} renamed;

static renamed read_renamed(const char *path) {
    static renamed out;
    rk_checkpoint *file = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_checkpoint_open(&file, path, &err), RK_OK, "%s", err.message);
    out.count = rk_checkpoint_count(file);
    cr_assert_leq(out.count, MOST_TENSORS);
    for (size_t i = 0; i < out.count; i++) {
        const rk_tensor_info *info = rk_checkpoint_tensor(file, i);
        char name[LONGEST_NAME];
        size_t rows, columns;
        rename_tensor(name, info->name);
        cr_assert(rk_shape_matrix(&rows, &columns, &info->shape));
        const size_t size = rk_checkpoint_tensor_bytes(file, i);
        void *data = malloc(size);
        cr_assert_eq(rk_checkpoint_read_raw(file, i, 0, rows, data, size, &err), RK_OK);
        const bool half = info->dtype == RK_DTYPE_BF16;
        cr_assert(half || info->dtype == RK_DTYPE_F32);
        test_pth_tensor *tensor = &out.tensors[i];
        *tensor = (test_pth_tensor){.name = strdup(name),
                                    .storage = half ? "BFloat16Storage" : "FloatStorage",
                                    .n_dims = info->shape.n_dims,
                                    .n_values = rows * columns,
                                    .data = data};
        memcpy(tensor->dims, info->shape.dims, info->shape.n_dims * sizeof tensor->dims[0]);
        out.infos[i] = *info;
        out.infos[i].name = tensor->name;
    }
    rk_checkpoint_close(&file);
    return out;
}

static void free_renamed(renamed *model) {
    for (size_t i = 0; i < model->count; i++) {
        free((void *)(uintptr_t)model->tensors[i].name);
        free((void *)(uintptr_t)model->tensors[i].data);
    }
}

static void write_safetensors(const renamed *model, const char *path) {
    rk__output *output = NULL;
    cr_assert_eq(rk__output_open(&output, path, NULL), RK_OK);
    cr_assert_eq(rk__safetensors_begin(output, model->infos, model->count, NULL, 0, NULL), RK_OK);
    for (size_t i = 0; i < model->count; i++) {
        size_t bytes;
        cr_assert(rk_tensor_bytes(&bytes, &model->infos[i]));
        cr_assert_eq(rk__output_write(output, model->tensors[i].data, bytes, NULL), RK_OK);
    }
    cr_assert_eq(rk__output_commit(&output, false, NULL), RK_OK);
}

enum { N_TOKENS = 20 };

// Logits after each of some tokens; release with free.
static float *logits_of(const char *path, const char *strategy, const char *arch_name, size_t *n) {
    rk_model *model = NULL;
    rk_context *context = NULL;
    rk_state *state = NULL;
    rk_error err = {0};
    const rk_model_options options = {.strategy = strategy};
    cr_assert_eq(rk_model_open(&model, path, &options, &err), RK_OK, "%s", err.message);
    const rk_model_info *info = rk_model_describe(model);
    cr_assert_str_eq(info->arch_name, arch_name);
    cr_assert_eq(rk_context_new(&context, model, NULL, &err), RK_OK);
    cr_assert_eq(rk_state_new(&state, model, 1, &err), RK_OK);
    *n = N_TOKENS * info->dims.n_vocab;
    float *logits = calloc(*n, sizeof logits[0]);
    uint32_t tokens[N_TOKENS];
    for (uint32_t i = 0; i < N_TOKENS; i++) {
        tokens[i] = i * 37 % (uint32_t)info->dims.n_vocab;
    }
    cr_assert_eq(rk_eval(context, state, tokens, N_TOKENS, RK_LOGITS_ALL, logits, &err), RK_OK);
    rk_state_free(&state);
    rk_context_free(&context);
    rk_model_close(&model);
    return logits;
}

static void expect_same_logits(const char *path, const char *original, const char *arch_name) {
    static const char *const strategies[] = {"cpu fp32", "cpu Q8_0"};
    for (size_t i = 0; i < sizeof strategies / sizeof strategies[0]; i++) {
        size_t n_found, n_expected;
        float *found = logits_of(path, strategies[i], arch_name, &n_found);
        float *expected = logits_of(original, strategies[i], arch_name, &n_expected);
        cr_assert_eq(n_found, n_expected);
        cr_assert_eq(memcmp(found, expected, n_found * sizeof found[0]), 0, "%s", path);
        free(found);
        free(expected);
    }
}

static void expect_same_file(const char *path, const char *original, rk_dtype dtype) {
    const rk_convert_options options = {.dtype = dtype};
    const char *found = test_scratch_path("found.bin"),
               *expected = test_scratch_path("original.bin");
    rk_error err = {0};
    cr_assert_eq(rk_convert(path, found, &options, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_convert(original, expected, &options, NULL, &err), RK_OK, "%s", err.message);
    cr_assert(test_same_bytes(found, expected), "%s is not converted as %s", path, original);
}

static void check_model(const char *name, const char *arch_name) {
    char original[512];
    (void)snprintf(original, sizeof original, "%s/models/%s.pth", RK_TEST_DATA, name);
    renamed model = read_renamed(original);
    const char *zip = test_scratch_path("renamed.pth"), *plain = test_scratch_path("renamed.st");
    cr_assert(test_pth_write(zip, model.tensors, model.count));
    write_safetensors(&model, plain);
    expect_same_logits(zip, original, arch_name);
    expect_same_logits(plain, original, arch_name);
    expect_same_file(zip, original, RK_DTYPE_F16);
    expect_same_file(plain, original, RK_DTYPE_Q5_1);
    free_renamed(&model);
}

Test(hugging_face, rwkv4) {
    check_model("v4", "RWKV-4");
    check_model("v4-96", "RWKV-4");
}

Test(hugging_face, rwkv5) {
    check_model("v5.1", "RWKV-5.1");
    check_model("v5.1g", "RWKV-5.1 (gated)");
    check_model("v5.2", "RWKV-5.2");
}

Test(hugging_face, rwkv6) {
    check_model("v6", "RWKV-6");
}

// What is wrong with such a file is told in its own names.
Test(hugging_face, complaints_are_in_its_names) {
    renamed model = read_renamed(RK_TEST_DATA "/models/v5.2.pth");
    const char *path = test_scratch_path("renamed.pth");
    for (size_t i = 0; i < model.count; i++) {
        if (strcmp(model.tensors[i].name, "rwkv.blocks.1.attention.gate.weight") != 0) continue;
        model.tensors[i].name = "rwkv.blocks.1.attention.gates.weight";
    }
    cr_assert(test_pth_write(path, model.tensors, model.count));
    rk_model *opened = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_model_open(&opened, path, NULL, &err), RK_ERR_SHAPE);
    cr_assert(strstr(err.message, "missing (rwkv.blocks.1.attention.gate.weight)") != NULL &&
                  strstr(err.message, "unknown (rwkv.blocks.1.attention.gates.weight)") != NULL,
              "%s", err.message);
}

// Adapters made for either names are merged into a checkpoint of these names, as they are into one
// of RWKV's own; a checkpoint that is written has those.
Test(hugging_face, adapters) {
    static const char *const names[] = {"v4", "v5.2", "v6"};
    const char *changed = test_scratch_path("changed.pth"), *base = test_scratch_path("base.pth");
    const char *wanted = test_scratch_path("wanted.bin"), *output = test_scratch_path("out.bin");
    const char *again = test_scratch_path("again.pth");
    const rk_convert_options plain = {.dtype = RK_DTYPE_F32};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char original[512];
        (void)snprintf(original, sizeof original, "%s/models/%s.pth", RK_TEST_DATA, names[i]);
        test_write_changed(changed, original, 0.9F, 0.01F);
        test_convert(changed, wanted, &plain);
        renamed model = read_renamed(original);
        cr_assert(test_pth_write(base, model.tensors, model.count));
        free_renamed(&model);
        model = read_renamed(changed);
        cr_assert(test_pth_write(again, model.tensors, model.count));
        free_renamed(&model);
        const char *const adapters[] = {changed, again};
        for (size_t k = 0; k < 2; k++) {
            const rk_adapter one = {.path = adapters[k], .alpha = 1, .scale = 1};
            rk_convert_options options = plain;
            options.adapters = &one;
            options.n_adapters = 1;
            test_convert(base, output, &options);
            cr_expect(test_same_bytes(wanted, output), "%s by the names of %s", names[i],
                      adapters[k]);
            options.output = RK_OUTPUT_SAFETENSORS;
            const char *checkpoint = test_scratch_path("out.safetensors");
            test_convert(base, checkpoint, &options);
            test_convert(checkpoint, output, &plain);
            cr_expect(test_same_bytes(wanted, output), "%s, as a checkpoint", names[i]);
        }
    }
}
