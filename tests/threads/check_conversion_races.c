// Conversion by several threads, with an adapter merged on the way: the thread sanitizer watches
// them read one checkpoint, and the file is the same as from one thread.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rk/convert.h"
#include "support/scratch.h"

static const char model_path[] = RK_MODELS "/demo/demo-rwkv4.pth";
static const char adapter_path[] = RK_MODELS "/demo/demo-lora.pth";

static void count_tensor(void *user, const rk_convert_tensor *tensor) {
    if (tensor->name[0] != '\0') ++*(size_t *)user;
}

// Converts with this many threads; returns the number of tensors reported.
static size_t convert(const char *output, rk_dtype dtype, size_t n_threads) {
    rk_error err;
    rk_pool *pool = NULL;
    const rk_pool_options pool_options = {.n_threads = n_threads};
    const rk_adapter adapter = {.path = adapter_path, .alpha = 16};
    size_t n_reported = 0;
    rk_status status = rk_pool_new(&pool, &pool_options, &err);
    if (status == RK_OK) {
        const rk_convert_options options = {.dtype = dtype,
                                            .adapters = &adapter,
                                            .n_adapters = 1,
                                            .no_sync = true,
                                            .pool = pool,
                                            .report = count_tensor,
                                            .report_user = &n_reported};
        status = rk_convert(model_path, output, &options, NULL, &err);
    }
    rk_pool_free(&pool);
    if (status != RK_OK) {
        printf("%zu threads: %s\n", n_threads, err.message);
        test_scratch_remove();
        exit(1);
    }
    return n_reported;
}

int main(void) {
    if (access(model_path, R_OK) != 0 || access(adapter_path, R_OK) != 0) {
        printf("skipped: %s or %s is not here\n", model_path, adapter_path);
        return 77;
    }
    int failed = 0;
    static const rk_dtype dtypes[] = {RK_DTYPE_F16, RK_DTYPE_Q5_1};
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        const char *name = rk_dtype_describe(dtypes[i])->name;
        const char *alone = test_scratch_path("alone.bin"),
                   *shared = test_scratch_path("shared.bin");
        const size_t n = convert(alone, dtypes[i], 1);
        for (size_t n_threads = 2; n_threads <= 5; n_threads++) {
            const size_t n_shared = convert(shared, dtypes[i], n_threads);
            if (n_shared != n || n == 0 || !test_same_bytes(alone, shared)) {
                printf("%s: %zu threads write another file than one\n", name, n_threads);
                failed = 1;
            }
        }
        printf("%s: %zu tensors, the same file from 1 to 5 threads\n", name, n);
    }
    test_scratch_remove();
    return failed;
}
