// Damaged checkpoints: checksums are compared after the data has been converted, and still nothing
// of it gets out.
#include <criterion/criterion.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rk/convert.h"
#include "support/scratch.h"
#include "support/small_model.h"

TestSuite(convert_damage, .fini = test_scratch_remove);

// The embedding is cut into three slabs.
static const test_small_model sizes = {
    .n_vocab = 9001, .n_embd = 64, .n_layer = 1, .n_ffn = 128, .seed = 7};
static const char victim[] = "emb.weight";
enum { N_VALUES = 9001 * 64 };

// Writes the model, then puts `value` in the place of value number `at` of its embedding, leaving
// the checksum as it was.
static const char *write_damaged(size_t at, float value) {
    cr_assert_lt(at, N_VALUES);
    const char *path = test_scratch_path("model.pth");
    test_small_tensors model = test_small_model_new(&sizes);
    float *values = test_small_model_find(&model, victim);
    cr_assert(test_pth_write(path, model.tensors, model.count));
    size_t size;
    unsigned char *file = test_read_file(path, &size);
    cr_assert_not_null(file);
    unsigned char *data = memmem(file, size, values, N_VALUES * sizeof *values);
    cr_assert_not_null(data);
    memcpy(data + at * sizeof value, &value, sizeof value);
    cr_assert(test_write_file(path, file, size));
    free(file);
    test_small_model_free(&model);
    return path;
}

static void expect_refused(const char *input, rk_dtype dtype, size_t n_threads) {
    const char *output = test_scratch_path("out.bin");
    rk_pool *pool = NULL;
    const rk_pool_options threads = {.n_threads = n_threads};
    cr_assert_eq(rk_pool_new(&pool, &threads, NULL), RK_OK);
    const rk_convert_options options = {.dtype = dtype, .pool = pool};
    rk_error err = {0};
    cr_assert(test_write_file(output, "old", 3));
    cr_assert_eq(rk_convert(input, output, &options, NULL, &err), RK_ERR_FORMAT, "%s: %s",
                 rk_dtype_describe(dtype)->name, err.message);
    cr_assert(strstr(err.message, input) != NULL && strstr(err.message, victim) != NULL &&
                  strstr(err.message, "CRC-32") != NULL,
              "%s", err.message);
    size_t size;
    unsigned char *old = test_read_file(output, &size);
    cr_assert(size == 3 && memcmp(old, "old", 3) == 0);
    cr_assert_eq(test_scratch_count(), 2, "a temporary file is left");
    free(old);
    rk_pool_free(&pool);
}

// In the first slab, in the last, and in between; read as it is, or converted.
Test(convert_damage, wherever_it_is) {
    static const size_t places[] = {0, 256 * 1024 - 1, 256 * 1024, N_VALUES - 1};
    static const rk_dtype dtypes[] = {RK_DTYPE_F32, RK_DTYPE_F16, RK_DTYPE_Q4_0};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *input = write_damaged(places[i], 0.125F);
        for (size_t k = 0; k < sizeof dtypes / sizeof dtypes[0]; k++) {
            for (size_t n_threads = 1; n_threads <= 3; n_threads++) {
                expect_refused(input, dtypes[k], n_threads);
            }
        }
    }
}

// Values that do not fit into FP16 are told as such, unless they are damage.
Test(convert_damage, is_told_before_what_it_leads_to) {
    static const float values[] = {1e30F, -70000.0F};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        expect_refused(write_damaged(N_VALUES / 2, values[i]), RK_DTYPE_F16, 2);
    }
}
