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
