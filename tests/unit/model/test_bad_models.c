// Models with one thing wrong: every tensor of every version is left out, doubled, misshapen,
// emptied and filled with what is no number, in checkpoints and in model files. Each has to be
// refused with a message that names the file and the tensor, and with the flags of include/rwkv.h.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/convert.h"
#include "rk/model.h"
#include "rwkv.h"
#include "support/model_file_fields.h"
#include "support/scratch.h"
#include "support/weights_copy.h"

TestSuite(bad_models, .init = test_scratch_remove, .fini = test_scratch_remove);

enum { LONGEST_NAME = 128 };

// A model about to get something wrong: tensors that it shares with the good one, but for one.
typedef struct variant {
    test_weights weights; // .tensors is its own, what they point to is the good model's
    test_pth_tensor *odd; // the one that is wrong; NULL when it has been left out
    float *values;        // its own, in place of the good ones
    char name[LONGEST_NAME];
    char says[2 * LONGEST_NAME]; // must be in the message, besides the tensor's name
} variant;

static variant copy_of(const test_weights *good, size_t index) {
    variant v = {.weights = *good};
    const size_t most = good->count + 1;
    v.weights.tensors = calloc(most, sizeof v.weights.tensors[0]);
    memcpy(v.weights.tensors, good->tensors, good->count * sizeof good->tensors[0]);
    v.odd = &v.weights.tensors[index];
    (void)snprintf(v.name, sizeof v.name, "%s", v.odd->name);
    return v;
}

// Own values, with room for `n`; those beyond the good ones are 0.5.
static void own_values(variant *v, size_t n) {
    v->values = calloc(n + 1, sizeof v->values[0]);
    for (size_t i = 0; i < n; i++) {
        v->values[i] = i < v->odd->n_values ? ((const float *)v->odd->data)[i] : 0.5F;
    }
    v->odd->data = v->values;
    v->odd->n_values = n;
}

static void free_variant(variant *v) {
    free(v->weights.tensors);
    free(v->values);
}

// ---- what can be wrong: each function gives the status that must follow

static rk_status leave_out(variant *v) {
    *v->odd = v->weights.tensors[--v->weights.count];
    v->odd = NULL;
    (void)snprintf(v->says, sizeof v->says, "1 tensor missing");
    return RK_ERR_SHAPE;
}

static rk_status add_another(variant *v) {
    test_pth_tensor *surplus = &v->weights.tensors[v->weights.count++];
    *surplus = *v->odd;
    (void)snprintf(v->name, sizeof v->name, "%.120s_2", v->odd->name);
    surplus->name = v->name;
    (void)snprintf(v->says, sizeof v->says, "1 tensor unknown");
    return RK_ERR_SHAPE;
}

static rk_status set_size(variant *v, size_t dim, size_t size) {
    v->odd->dims[dim] = size;
    size_t n = 1;
    for (size_t i = 0; i < v->odd->n_dims; i++) n *= v->odd->dims[i];
    own_values(v, n);
    if (size == 0 && v->weights.model_file) {
        (void)snprintf(v->says, sizeof v->says, "has a size of 0 in dimension %zu",
                       v->odd->n_dims - 1 - dim);
        return RK_ERR_FORMAT;
    }
    int length = snprintf(v->says, sizeof v->says, "[");
    for (size_t i = 0; i < v->odd->n_dims; i++) {
        length += snprintf(v->says + length, sizeof v->says - (size_t)length, "%s%zu",
                           i == 0 ? "" : ", ", v->odd->dims[i]);
    }
    (void)snprintf(v->says + length, sizeof v->says - (size_t)length, "]");
    return RK_ERR_SHAPE;
}

static rk_status add_row(variant *v) {
    return set_size(v, 0, v->odd->dims[0] + 1);
}

static rk_status add_column(variant *v) {
    const size_t last = v->odd->n_dims - 1;
    return set_size(v, last, v->odd->dims[last] + 1);
}

static rk_status empty_rows(variant *v) {
    return set_size(v, 0, 0);
}

static rk_status empty_columns(variant *v) {
    return set_size(v, v->odd->n_dims - 1, 0);
}

static rk_status fill_with_nan(variant *v) {
    own_values(v, v->odd->n_values);
    for (size_t i = 0; i < v->odd->n_values; i++) v->values[i] = NAN;
    (void)snprintf(v->says, sizeof v->says, " 0 of tensor %s ", v->name);
    return RK_ERR_RANGE;
}

static rk_status end_with_nan(variant *v) {
    own_values(v, v->odd->n_values);
    v->values[v->odd->n_values - 1] = NAN;
    (void)snprintf(v->says, sizeof v->says, " of tensor %s ", v->name);
    return RK_ERR_RANGE;
}

static rk_status (*const damages[])(variant *v) = {
    leave_out,  add_another,   add_row,       add_column,
    empty_rows, empty_columns, fill_with_nan, end_with_nan,
};
enum { N_DAMAGES = sizeof damages / sizeof damages[0] };

// ---- what must follow

static int flags_of(rk_status status) {
    switch (status) {
    case RK_OK:
        return 0;
    case RK_ERR_SHAPE:
        return RWKV_ERROR_MODEL_PARAMS + RWKV_ERROR_SHAPE;
    case RK_ERR_RANGE:
        return RWKV_ERROR_MODEL_PARAMS + RWKV_ERROR_DATA;
    case RK_ERR_FORMAT:
        return RWKV_ERROR_FILE + RWKV_ERROR_DATA;
    default:
        return -1;
    }
}

static void check_opening(const variant *v, const char *path, rk_status expected) {
    rk_error err = {0};
    rk_model *model = NULL;
    const rk_status status = rk_model_open(&model, path, NULL, &err);
    rk_model_close(&model);
    cr_assert_eq(status, expected, "%s: %s instead of %s: %s", v->name, rk_status_name(status),
                 rk_status_name(expected), err.message);

    struct rwkv_context *ctx = rwkv_init_from_file(path, 1, 0);
    const int flags = (int)rwkv_get_last_error(NULL);
    cr_assert_eq(ctx != NULL, expected == RK_OK, "%s", v->name);
    cr_assert_eq(flags, flags_of(expected), "%s: flags %#x", v->name, (unsigned)flags);
    rwkv_free(ctx);

    if (expected == RK_OK) return;
    cr_assert_eq(strstr(err.message, path), err.message, "names the file: %s", err.message);
    cr_assert_not_null(strstr(err.message, v->name), "names %s: %s", v->name, err.message);
    cr_assert_not_null(strstr(err.message, v->says), "says '%s': %s", v->says, err.message);
}

// RWKV-7's first layer has no use for these, and whoever writes them may write anything.
static bool is_unused(const test_weights *good, const char *name) {
    static const char *const unused[] = {"blocks.0.att.v0", "blocks.0.att.v1", "blocks.0.att.v2"};
    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++) {
        if (!good->model_file && strcmp(name, unused[i]) == 0) return true;
    }
    return false;
}

static void check_variant(const test_weights *good, size_t tensor, size_t damage) {
    const char *path = test_scratch_path(good->model_file ? "bad.bin" : "bad.pth");
    variant v = copy_of(good, tensor);
    rk_status expected = damages[damage](&v);
    if (is_unused(good, v.name)) expected = RK_OK;
    cr_assert(test_weights_write(&v.weights, path));
    check_opening(&v, path, expected);
    free_variant(&v);
}

// The good file itself must load, or the refusals would mean nothing.
static void check_file(const char *path, size_t step) {
    test_weights good;
    cr_assert(test_weights_read(&good, path));
    const char *copy = test_scratch_path("copy");
    cr_assert(test_weights_write(&good, copy));
    const variant unchanged = {.name = "unchanged"};
    check_opening(&unchanged, copy, RK_OK);
    for (size_t i = 0; i < good.count * N_DAMAGES; i += step) {
        check_variant(&good, i / N_DAMAGES, i % N_DAMAGES);
    }
    test_weights_free(&good);
}

static void check_version(const char *name) {
    rwkv_set_print_errors(NULL, false);
    const char *wanted = getenv("RK_TEST_STEP"); // one variant in so many is tried
    const size_t step = wanted == NULL ? 1 : strtoul(wanted, NULL, 10);
    char checkpoint[768];
    (void)snprintf(checkpoint, sizeof checkpoint, "%s/models/%s.pth", RK_TEST_DATA, name);
    check_file(checkpoint, step);
    const char *model_file = test_scratch_path("good.bin");
    const rk_convert_options options = {.dtype = RK_DTYPE_F32, .keep_state = true, .no_sync = true};
    rk_error err;
    cr_assert_eq(rk_convert(checkpoint, model_file, &options, NULL, &err), RK_OK, "%s",
                 err.message);
    check_file(model_file, step);
}

Test(bad_models, of_rwkv4) {
    check_version("v4");
}
Test(bad_models, of_rwkv4_with_odd_width) {
    check_version("v4-96");
}
Test(bad_models, of_rwkv5_1) {
    check_version("v5.1");
}
Test(bad_models, of_rwkv5_1_gated) {
    check_version("v5.1g");
}
Test(bad_models, of_rwkv5_2) {
    check_version("v5.2");
}
Test(bad_models, of_rwkv6) {
    check_version("v6");
}
Test(bad_models, of_rwkv6_with_state) {
    check_version("v6-with-state");
}
Test(bad_models, of_rwkv7) {
    check_version("v7");
}
Test(bad_models, of_rwkv7_with_unused_tensors) {
    check_version("v7-v0");
}

// ---- numbers that are none, in the types of matrices

// The last element or block of every matrix, one after the other, gets an infinite value or step.
static void check_type(const char *checkpoint, rk_dtype dtype) {
    const char *good = test_scratch_path("good.bin");
    const char *bad = test_scratch_path("bad.bin");
    const rk_convert_options options = {.dtype = dtype, .no_sync = true};
    cr_assert_eq(rk_convert(checkpoint, good, &options, NULL, NULL), RK_OK);
    test_model_file file;
    cr_assert(test_model_file_read(&file, good));
    const size_t size = rk_dtype_describe(dtype)->block_bytes;
    size_t n_tried = 0;
    for (size_t i = 0; i < file.n_records; i++) {
        const test_record *record = &file.records[i];
        if (record->type != file.type) continue;
        const size_t at = (size_t)(record->data - file.bytes) + record->size - size;
        unsigned char kept[2];
        memcpy(kept, file.bytes + at, 2);
        memcpy(file.bytes + at, "\x00\x7c", 2); // infinity in FP16
        cr_assert(test_write_file(bad, file.bytes, file.size));
        memcpy(file.bytes + at, kept, 2);
        variant v = {0};
        (void)snprintf(v.name, sizeof v.name, "%s", record->name);
        (void)snprintf(v.says, sizeof v.says, "holds NaN or infinity");
        check_opening(&v, bad, RK_ERR_RANGE);
        n_tried++;
    }
    test_model_file_free(&file);
    cr_assert_gt(n_tried, 5, "%s: %zu matrices", checkpoint, n_tried);
}

Test(bad_models, with_infinite_steps) {
    rwkv_set_print_errors(NULL, false);
    static const rk_dtype dtypes[] = {RK_DTYPE_F16,  RK_DTYPE_Q4_0, RK_DTYPE_Q4_1,
                                      RK_DTYPE_Q5_0, RK_DTYPE_Q5_1, RK_DTYPE_Q8_0};
    static const char *const names[] = {"v4", "v5.2", "v7"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[768];
        (void)snprintf(path, sizeof path, "%s/models/%s.pth", RK_TEST_DATA, names[i]);
        for (size_t k = 0; k < sizeof dtypes / sizeof dtypes[0]; k++) check_type(path, dtypes[k]);
    }
}
