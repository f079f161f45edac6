// Conversion by several threads, of a model with an adapter merged on the way and of one whose
// tensors are cut into several slabs: the thread sanitizer watches them read one checkpoint, and
// the file is the same as from one thread.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rk/convert.h"
#include "support/scratch.h"
#include "support/small_model.h"

static const char model_path[] = RK_MODELS "/demo/demo-rwkv4.pth";
static const char adapter_path[] = RK_MODELS "/demo/demo-lora.pth";

static void count_tensor(void *user, const rk_convert_tensor *tensor) {
    if (tensor->name[0] != '\0') ++*(size_t *)user;
}

// What is converted: a model, and an adapter or NULL.
typedef struct task {
    const char *model, *adapter;
    rk_dtype dtype;
} task;

// Converts with this many threads; returns the number of tensors reported.
static size_t convert(const char *output, const task *job, size_t n_threads) {
    rk_error err;
    rk_pool *pool = NULL;
    const rk_pool_options pool_options = {.n_threads = n_threads};
    const rk_adapter adapter = {.path = job->adapter, .alpha = 16, .scale = 1};
    size_t n_reported = 0;
    rk_status status = rk_pool_new(&pool, &pool_options, &err);
    if (status == RK_OK) {
        const rk_convert_options options = {.dtype = job->dtype,
                                            .adapters = &adapter,
                                            .n_adapters = job->adapter == NULL ? 0 : 1,
                                            .no_sync = true,
                                            .pool = pool,
                                            .report = count_tensor,
                                            .report_user = &n_reported};
        status = rk_convert(job->model, output, &options, NULL, &err);
    }
    rk_pool_free(&pool);
    if (status != RK_OK) {
        printf("%zu threads: %s\n", n_threads, err.message);
        test_scratch_remove();
        exit(1);
    }
    return n_reported;
}

static bool check(const task *job) {
    const char *name = rk_dtype_describe(job->dtype)->name;
    const char *alone = test_scratch_path("alone.bin"), *shared = test_scratch_path("shared.bin");
    const size_t n = convert(alone, job, 1);
    bool good = n > 0;
    for (size_t n_threads = 2; n_threads <= 5; n_threads++) {
        const size_t n_shared = convert(shared, job, n_threads);
        if (n_shared == n && test_same_bytes(alone, shared)) continue;
        printf("%s, %s: %zu threads write another file than one\n", job->model, name, n_threads);
        good = false;
    }
    printf("%s: %zu tensors, %s from 1 to 5 threads\n", name, n, good ? "the same file" : "WRONG");
    return good;
}

int main(void) {
    if (access(model_path, R_OK) != 0 || access(adapter_path, R_OK) != 0) {
        printf("skipped: %s or %s is not here\n", model_path, adapter_path);
        return 77;
    }
    static const test_small_model wide = {
        .n_vocab = 4000, .n_embd = 256, .n_layer = 1, .n_ffn = 3000, .seed = 11};
    const char *wide_path = test_scratch_path("wide.pth");
    static const rk_dtype dtypes[] = {RK_DTYPE_F16, RK_DTYPE_Q5_1};
    bool good = test_small_model_write(wide_path, &wide);
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        good = check(&(task){model_path, adapter_path, dtypes[i]}) && good;
        good = check(&(task){wide_path, NULL, dtypes[i]}) && good;
    }
    test_scratch_remove();
    return good ? 0 : 1;
}
