// Descriptions of models' tensors, as a file would give them, from the tables of the versions.
#ifndef TEST_MADE_UP_MODEL_H
#define TEST_MADE_UP_MODEL_H

#include "arch/type_plan.h"

// Sizes by their letters, as rk__sizes has them; what a version does not have is not looked at.
typedef struct test_sizes {
    size_t layers, of[128];
} test_sizes;

typedef struct test_made_up_model {
    rk_tensor_info *tensors; // [n_tensors]
    char (*names)[RK__NAME_TEXT];
    size_t n_tensors;
    rk__arch_plan plan;
    rk__stored_model stored; // of a checkpoint
} test_made_up_model;

// All matrices in one type, vectors in FP32. A failure ends the test.
test_made_up_model *test_make_up_model(const rk__arch *arch, const test_sizes *sizes,
                                       rk_dtype dtype);
void test_made_up_model_free(test_made_up_model *model);

// The tensor of the plan that has this name in a checkpoint; a failure ends the test.
size_t test_made_up_find(const test_made_up_model *model, const char *name);

// Writes such a model as a checkpoint of seeded random values in float32. False when the file
// cannot be written.
bool test_made_up_write(const char *path, const rk__arch *arch, const test_sizes *sizes);

#endif
