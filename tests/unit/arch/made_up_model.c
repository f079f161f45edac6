// Descriptions of models' tensors.
#include "made_up_model.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch_internal.h"
#include "support/small_model.h"

static void fail(const char *what) {
    fprintf(stderr, "made-up model: %s\n", what);
    abort();
}

static size_t size_of(const test_sizes *sizes, char letter) {
    if (isdigit((unsigned char)letter)) return (size_t)(letter - '0');
    const size_t size = sizes->of[(unsigned char)letter];
    if (size == 0) fail("a letter without a size");
    return size;
}

// Left out so that one of two alternatives is there (RWKV-5's two names of the bonus), because the
// first layer has no such tensor, or because it is a state.
static bool is_left_out(const rk__arch_row *row, size_t layer) {
    if (row->presence == RK__NOT_IN_FIRST_LAYER && layer == 0) return true;
    if (row->role == RK__STATE) return true;
    return strcmp(row->name, "att.time_first") == 0 && row->presence == RK__OPTIONAL;
}

static void add(test_made_up_model *m, const test_sizes *sizes, const rk__arch_row *row,
                size_t layer, rk_dtype dtype) {
    if (is_left_out(row, layer) || (row->n_parts > 0 && row->file_name == NULL && row->part > 0)) {
        return;
    }
    const size_t i = m->n_tensors++;
    rk_tensor_info *tensor = &m->tensors[i];
    *tensor = (rk_tensor_info){.name = rk__arch_name(m->names[i], row, RK__NAMES_CHECKPOINT, layer),
                               .dtype = rk__arch_is_vector(row) ? RK_DTYPE_F32 : dtype};
    for (const char *shape = row->shape; *shape != '\0' && *shape != '|'; shape++) {
        tensor->shape.dims[tensor->shape.n_dims++] = size_of(sizes, *shape);
    }
}

test_made_up_model *test_make_up_model(const rk__arch *arch, const test_sizes *sizes,
                                       rk_dtype dtype) {
    test_made_up_model *m = calloc(1, sizeof *m);
    const size_t most = RK__ARCH_OUTER_ROWS + sizes->layers * arch->n_rows;
    m->tensors = calloc(most, sizeof m->tensors[0]);
    m->names = calloc(most, sizeof m->names[0]);
    for (size_t i = 0; i < RK__ARCH_OUTER_ROWS; i++) {
        add(m, sizes, &rk__arch_outer_rows[i], 0, dtype);
    }
    for (size_t layer = 0; layer < sizes->layers; layer++) {
        for (size_t i = 0; i < arch->n_rows; i++) add(m, sizes, &arch->rows[i], layer, dtype);
    }
    rk_error err;
    if (rk__arch_plan_init(&m->plan, "here", m->tensors, m->n_tensors, false, &err) != RK_OK) {
        fail(err.message);
    }
    m->stored = (rk__stored_model){.plan = &m->plan, .tensors = m->tensors, .where = "here"};
    return m;
}

void test_made_up_model_free(test_made_up_model *model) {
    rk__arch_plan_fini(&model->plan);
    free(model->tensors);
    free(model->names);
    free(model);
}

size_t test_made_up_find(const test_made_up_model *model, const char *name) {
    for (size_t i = 0; i < model->plan.n_tensors; i++) {
        if (strcmp(model->tensors[model->plan.tensors[i].source].name, name) == 0) return i;
    }
    fail(name);
    return 0;
}

bool test_made_up_write(const char *path, const rk__arch *arch, const test_sizes *sizes) {
    test_made_up_model *model = test_make_up_model(arch, sizes, RK_DTYPE_F32);
    test_pth_tensor *tensors = calloc(model->n_tensors, sizeof tensors[0]);
    for (size_t i = 0; i < model->n_tensors; i++) {
        const rk_tensor_info *info = &model->tensors[i];
        test_pth_tensor *tensor = &tensors[i];
        *tensor = (test_pth_tensor){
            .name = info->name, .storage = "FloatStorage", .n_dims = info->shape.n_dims};
        memcpy(tensor->dims, info->shape.dims, info->shape.n_dims * sizeof tensor->dims[0]);
        if (!rk_shape_elements(&tensor->n_values, &info->shape)) fail(info->name);
        float *values = calloc(tensor->n_values, sizeof values[0]);
        test_fill(values, tensor->n_values, 0.5F, (unsigned)i);
        tensor->data = values;
    }
    const bool done = test_pth_write(path, tensors, model->n_tensors);
    for (size_t i = 0; i < model->n_tensors; i++) free((void *)tensors[i].data);
    free(tensors);
    test_made_up_model_free(model);
    return done;
}
