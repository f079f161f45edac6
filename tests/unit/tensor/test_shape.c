// Shapes: products, matrices, bytes, text, and overflow in each.
#include <criterion/criterion.h>
#include <stdint.h>

#include "rk/tensor.h"

static const size_t big = (size_t)1 << 33; // its square does not fit 64 bits

Test(shape, elements) {
    size_t n = 7;
    cr_assert(rk_shape_elements(&n, &(rk_shape){0}));
    cr_assert_eq(n, 1u, "a scalar");
    cr_assert(rk_shape_elements(&n, &(rk_shape){1, {5}}));
    cr_assert_eq(n, 5u);
    cr_assert(rk_shape_elements(&n, &(rk_shape){3, {2, 3, 4}}));
    cr_assert_eq(n, 24u);
    cr_assert(rk_shape_elements(&n, &(rk_shape){3, {2, 0, 4}}));
    cr_assert_eq(n, 0u);
    cr_assert(rk_shape_elements(&n, &(rk_shape){2, {SIZE_MAX, 1}}));
    cr_assert_eq(n, SIZE_MAX);
}

Test(shape, elements_overflow) {
    size_t n = 7;
    cr_assert_not(rk_shape_elements(&n, &(rk_shape){2, {big, big}}));
    cr_assert_eq(n, 0u);
    n = 7;
    cr_assert_not(rk_shape_elements(&n, &(rk_shape){RK_MAX_DIMS + 1, {1}}));
    cr_assert_eq(n, 0u, "more dimensions than there is room for");
    cr_assert_not(rk_shape_elements(&n, &(rk_shape){2, {SIZE_MAX, 2}}));
}

static void check_matrix(rk_shape shape, size_t rows, size_t columns) {
    size_t r = 99, c = 99;
    cr_assert(rk_shape_matrix(&r, &c, &shape));
    cr_assert_eq(r, rows);
    cr_assert_eq(c, columns);
}

Test(shape, as_matrix) {
    check_matrix((rk_shape){0}, 1, 1);
    check_matrix((rk_shape){1, {768}}, 1, 768);
    check_matrix((rk_shape){2, {192, 768}}, 192, 768);
    check_matrix((rk_shape){3, {1, 1, 768}}, 1, 768);
    check_matrix((rk_shape){4, {2, 3, 5, 7}}, 30, 7);
    check_matrix((rk_shape){2, {0, 768}}, 0, 768);
    check_matrix((rk_shape){2, {768, 0}}, 768, 0);
}

Test(shape, as_matrix_overflow) {
    size_t rows = 9, columns = 9;
    cr_assert_not(rk_shape_matrix(&rows, &columns, &(rk_shape){3, {big, big, 1}}));
    cr_assert_eq(rows, 0u);
    cr_assert_eq(columns, 0u);
    cr_assert_not(rk_shape_matrix(&rows, &columns, &(rk_shape){2, {big, big}}),
                  "rows and columns fit, their product does not");
}

static bool bytes_of(size_t *bytes, rk_dtype dtype, rk_shape shape) {
    return rk_tensor_bytes(bytes, &(rk_tensor_info){"t", dtype, shape});
}

Test(shape, bytes_of_a_tensor) {
    size_t bytes;
    cr_assert(bytes_of(&bytes, RK_DTYPE_F16, (rk_shape){2, {192, 768}}));
    cr_assert_eq(bytes, 192u * 768u * 2u);
    cr_assert(bytes_of(&bytes, RK_DTYPE_Q5_0, (rk_shape){2, {3, 64}}));
    cr_assert_eq(bytes, 3u * 2u * 22u);
    cr_assert(bytes_of(&bytes, RK_DTYPE_F32, (rk_shape){0}));
    cr_assert_eq(bytes, 4u);
}

Test(shape, bytes_of_a_tensor_refused) {
    size_t bytes = 5;
    cr_assert_not(bytes_of(&bytes, RK_DTYPE_Q5_0, (rk_shape){2, {32, 33}}), "no whole blocks");
    cr_assert_eq(bytes, 0u);
    // The elements fit, their bytes do not.
    cr_assert_not(bytes_of(&bytes, RK_DTYPE_F64, (rk_shape){2, {big, (size_t)1 << 30}}));
    cr_assert_eq(bytes, 0u);
}

Test(shape, text) {
    char text[RK_SHAPE_TEXT];
    cr_assert_str_eq(rk_shape_format(text, &(rk_shape){2, {192, 768}}), "[192, 768]");
    cr_assert_str_eq(rk_shape_format(text, &(rk_shape){1, {5}}), "[5]");
    cr_assert_str_eq(rk_shape_format(text, &(rk_shape){0}), "[]");
    rk_shape largest = {.n_dims = RK_MAX_DIMS};
    for (size_t i = 0; i < RK_MAX_DIMS; i++) largest.dims[i] = SIZE_MAX;
    cr_assert_eq(strlen(rk_shape_format(text, &largest)), 8u * 20u + 7u * 2u + 2u);
}
