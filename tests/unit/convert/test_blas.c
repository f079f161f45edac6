// Products through OpenBLAS: right, and right from several threads at once (its single-threaded
// build is not made for that; without the lock about one product in a thousand is wrong).
#include <criterion/criterion.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "convert/blas.h"
#include "support/small_model.h"

enum { M = 61, N = 515, K = 7, REPEATS = 4000, THREADS = 4 };

static float a[M * K], b[K * N], c[M * N], expected[M * N];

static void fill(void) {
    test_fill(a, M * K, 1, 1);
    test_fill(b, K * N, 1, 2);
    test_fill(c, M * N, 1, 3);
}

TestSuite(blas, .init = fill);

Test(blas, adds_the_scaled_product) {
    memcpy(expected, c, sizeof c);
    rk__blas_add_product(expected, a, b, M, N, K, -2.5F);
    for (size_t i = 0; i < M * N; i++) {
        double sum = 0;
        for (size_t k = 0; k < K; k++) sum += (double)a[i / N * K + k] * (double)b[k * N + i % N];
        cr_assert_float_eq((double)expected[i], (double)c[i] - 2.5 * sum, 4e-6, "value %zu", i);
    }
}

static void *multiply(void *wrong) {
    float *own = malloc(sizeof c);
    for (size_t i = 0; i < REPEATS; i++) {
        memcpy(own, c, sizeof c);
        rk__blas_add_product(own, a, b, M, N, K, 1.0F);
        *(size_t *)wrong += memcmp(own, expected, sizeof expected) != 0;
    }
    free(own);
    return NULL;
}

Test(blas, serves_several_threads) {
    memcpy(expected, c, sizeof c);
    rk__blas_add_product(expected, a, b, M, N, K, 1.0F);
    pthread_t threads[THREADS];
    size_t wrong[THREADS] = {0};
    for (size_t i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, multiply, &wrong[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        cr_expect_eq(wrong[i], 0, "%zu of %d products", wrong[i], (int)REPEATS);
    }
}

// ---- float64

enum { SIZE = 37, DEPTH = 90, RIGHT = 3 };

static void widen(double *out, const float *values, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = (double)values[i];
}

// A matrix [DEPTH][SIZE], and the products of its columns.
static void make_gram(double matrix[DEPTH * SIZE], double gram[SIZE * SIZE]) {
    float values[DEPTH * SIZE];
    test_fill(values, DEPTH * SIZE, 1, 4);
    widen(matrix, values, DEPTH * SIZE);
    memset(gram, 0, SIZE * SIZE * sizeof *gram);
    for (size_t i = 0; i < SIZE * SIZE; i++) {
        for (size_t k = 0; k < DEPTH; k++) {
            gram[i] += matrix[k * SIZE + i / SIZE] * matrix[k * SIZE + i % SIZE];
        }
    }
}

Test(blas, adds_products_of_columns_and_of_rows) {
    static double matrix[DEPTH * SIZE], turned[SIZE * DEPTH], gram[SIZE * SIZE];
    static double of_columns[SIZE * SIZE], of_rows[SIZE * SIZE];
    make_gram(matrix, gram);
    for (size_t i = 0; i < DEPTH * SIZE; i++) turned[i % SIZE * DEPTH + i / SIZE] = matrix[i];
    for (size_t i = 0; i < SIZE * SIZE; i++) of_columns[i] = of_rows[i] = (double)i;
    rk__blas_add_gram_of_columns(of_columns, matrix, SIZE, DEPTH);
    rk__blas_add_gram_of_rows(of_rows, turned, SIZE, DEPTH);
    for (size_t i = 0; i < SIZE; i++) {
        for (size_t j = 0; j < SIZE; j++) {
            const size_t at = i * SIZE + j;
            const double wanted = (double)at + (j <= i ? gram[at] : 0); // the lower triangle
            cr_assert_float_eq(of_columns[at], wanted, 1e-11, "[%zu][%zu]", i, j);
            cr_assert_float_eq(of_rows[at], wanted, 1e-11, "[%zu][%zu]", i, j);
        }
    }
}

Test(blas, multiplies_by_rows) {
    double wide_a[M * K], wide_b[N * K], *product = calloc(M * N, sizeof *product);
    widen(wide_a, a, M * K);
    widen(wide_b, b, N * K); // its rows are as long as those of a
    rk__blas_multiply_by_rows(product, wide_a, wide_b, M, N, K);
    for (size_t i = 0; i < M * N; i++) {
        double sum = 0;
        for (size_t k = 0; k < K; k++) sum += wide_a[i / N * K + k] * wide_b[i % N * K + k];
        cr_assert_float_eq(product[i], sum, 1e-13, "value %zu", i);
    }
    free(product);
}

Test(blas, solves_by_cholesky) {
    static double matrix[DEPTH * SIZE], gram[SIZE * SIZE], factor[SIZE * SIZE];
    double x[RIGHT][SIZE], right[RIGHT][SIZE];
    make_gram(matrix, gram);
    for (size_t r = 0; r < RIGHT; r++) {
        for (size_t i = 0; i < SIZE; i++) x[r][i] = (double)(i + 1) / (double)(r + 1) - 5;
        for (size_t i = 0; i < SIZE; i++) {
            right[r][i] = 0;
            for (size_t j = 0; j < SIZE; j++) right[r][i] += gram[i * SIZE + j] * x[r][j];
        }
    }
    memcpy(factor, gram, sizeof gram);
    for (size_t i = 0; i < SIZE; i++) {
        for (size_t j = i + 1; j < SIZE; j++) factor[i * SIZE + j] = NAN; // is not read
    }
    cr_assert(rk__blas_cholesky(factor, SIZE));
    rk__blas_cholesky_solve(factor, SIZE, &right[0][0], RIGHT);
    for (size_t i = 0; i < RIGHT * SIZE; i++) {
        cr_assert_float_eq(right[i / SIZE][i % SIZE], x[i / SIZE][i % SIZE], 1e-9, "value %zu", i);
    }
    gram[3 * SIZE + 3] = -1;
    cr_assert_not(rk__blas_cholesky(gram, SIZE), "not positive definite");
}

// ---- what factors of adapters are made with

enum { ROWS = 9 };

// x A = row, for a matrix without any symmetry.
Test(blas, solves_systems) {
    static double matrix[SIZE * SIZE], factors[SIZE * SIZE], rows[ROWS * SIZE], x[ROWS * SIZE];
    int pivots[SIZE];
    for (size_t i = 0; i < SIZE * SIZE; i++) factors[i] = matrix[i] = (double)b[i];
    for (size_t i = 0; i < ROWS * SIZE; i++) x[i] = (double)c[i];
    for (size_t i = 0; i < ROWS * SIZE; i++) {
        for (size_t k = 0; k < SIZE; k++) {
            rows[i] += x[i / SIZE * SIZE + k] * matrix[k * SIZE + i % SIZE];
        }
    }
    cr_assert(rk__blas_factorise(factors, SIZE, pivots));
    rk__blas_solve(factors, pivots, SIZE, rows, ROWS);
    for (size_t i = 0; i < ROWS * SIZE; i++) cr_assert_float_eq(rows[i], x[i], 1e-10, "%zu", i);
    static double singular[4] = {1, 2, 2, 4};
    cr_expect_not(rk__blas_factorise(singular, 2, pivots));
}

static double dot(const float *x, const float *y, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)y[i];
    return sum;
}

static void expect_orthonormal(const float *rows, size_t n, size_t size) {
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            const double product = dot(rows + i * size, rows + j * size, size);
            cr_assert_float_eq(product, i == j ? 1 : 0, 2e-6, "%zu, %zu: %g", i, j, product);
        }
    }
}

// Rows that depend on each other, or are zero, become orthonormal ones that span them all the same.
Test(blas, orthonormalises_rows) {
    static float rows[K * N], before[K * N];
    memcpy(before, b, sizeof before);
    memcpy(before + 3 * N, b + N, N * sizeof b[0]);
    memset(before + 5 * N, 0, N * sizeof b[0]);
    memcpy(rows, before, sizeof rows);
    cr_assert_eq(rk__blas_orthonormalise(rows, K, N, NULL), RK_OK);
    expect_orthonormal(rows, K, N);
    for (size_t i = 0; i < K; i++) { // what is left of a row without its share in each of them
        double left = dot(before + i * N, before + i * N, N);
        for (size_t k = 0; k < K; k++) {
            const double share = dot(before + i * N, rows + k * N, N);
            left -= share * share;
        }
        cr_assert_float_eq(left, 0, 1e-3, "row %zu: %g", i, left);
    }
    static float square[K * K];
    memcpy(square, b, sizeof square);
    cr_assert_eq(rk__blas_orthonormalise(square, K, K, NULL), RK_OK);
    expect_orthonormal(square, K, K);
}

Test(blas, decomposes_by_singular_values) {
    static float vectors[K * N], values[K], turns[K * K];
    memcpy(vectors, b, sizeof vectors);
    cr_assert_eq(rk__blas_decompose(vectors, values, turns, K, N, NULL), RK_OK);
    expect_orthonormal(vectors, K, N);
    for (size_t k = 0; k + 1 < K; k++) cr_expect_geq(values[k], values[k + 1]);
    cr_expect_gt(values[K - 1], 0);
    for (size_t i = 0; i < K * N; i++) {
        double sum = 0;
        for (size_t k = 0; k < K; k++) {
            sum +=
                (double)turns[i / N * K + k] * (double)values[k] * (double)vectors[k * N + i % N];
        }
        cr_assert_float_eq(sum, (double)b[i], 1e-5, "%zu", i);
    }
}

Test(blas, multiplies) {
    static float product[M * N], turned[N * K];
    rk__blas_multiply(product, a, b, M, N, K);
    for (size_t i = 0; i < N * K; i++) turned[i] = b[i % K * N + i / K];
    rk__blas_multiply_transposed(expected, a, turned, M, N, K);
    for (size_t i = 0; i < M * N; i++) {
        double sum = 0;
        for (size_t k = 0; k < K; k++) sum += (double)a[i / N * K + k] * (double)b[k * N + i % N];
        cr_assert_float_eq((double)product[i], sum, 2e-6, "%zu", i);
        cr_assert_float_eq((double)expected[i], sum, 2e-6, "%zu", i);
    }
}
