// Shapes: products of sizes that come from files, so every one is checked, and their text.
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "rk/tensor.h"

bool rk_shape_elements(size_t *out, const rk_shape *shape) {
    *out = 0;
    if (shape->n_dims > RK_MAX_DIMS) return false;
    size_t product = 1;
    for (size_t i = 0; i < shape->n_dims; i++) {
        if (!rk_size_mul(&product, product, shape->dims[i])) return false;
    }
    *out = product;
    return true;
}

bool rk_shape_matrix(size_t *rows, size_t *columns, const rk_shape *shape) {
    size_t elements;
    *rows = 0;
    *columns = 0;
    if (!rk_shape_elements(&elements, shape)) return false;
    // The rows are a partial product of what has just been found not to overflow.
    size_t product = 1;
    for (size_t i = 0; i + 1 < shape->n_dims; i++) product *= shape->dims[i];
    *rows = product;
    *columns = shape->n_dims == 0 ? 1 : shape->dims[shape->n_dims - 1];
    return true;
}

bool rk_tensor_bytes(size_t *out, const rk_tensor_info *tensor) {
    size_t rows, columns, row_bytes;
    *out = 0;
    return rk_shape_matrix(&rows, &columns, &tensor->shape) &&
           rk_dtype_row_bytes(&row_bytes, tensor->dtype, columns) &&
           rk_size_mul(out, rows, row_bytes);
}

char *rk_shape_format(char text[RK_SHAPE_TEXT], const rk_shape *shape) {
    // 8 sizes of at most 20 digits, 7 separators and 2 brackets fit RK_SHAPE_TEXT.
    _Static_assert(RK_MAX_DIMS * (20 + 2) + 3 <= RK_SHAPE_TEXT, "text of the largest shape");
    const size_t n = shape->n_dims < RK_MAX_DIMS ? shape->n_dims : RK_MAX_DIMS;
    size_t length = 0;
    text[length++] = '[';
    for (size_t i = 0; i < n; i++) {
        const char *const separator = i == 0 ? "" : ", ";
        const int written =
            snprintf(text + length, RK_SHAPE_TEXT - length, "%s%zu", separator, shape->dims[i]);
        length += written > 0 ? (size_t)written : 0;
    }
    memcpy(text + length, "]", 2);
    return text;
}
