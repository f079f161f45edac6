// What goes wrong with GPUs, on the emulated one, where it can be made to: no driver, an old one,
// no GPU, one that is not there, no memory, a device that is lost at any moment. Each is an error
// with a message; nothing is left behind; and `auto` goes on without the GPU.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulator.h"
#include "gpu_check.h"
#include "gpu_run.h"
#include "rk/device.h"
#include "rk/model.h"
#include "rwkv.h"

static gpu_fixture f;

// Opens the fixture and evaluates some tokens: one by one, so that a graph comes into it, and
// together.
static rk_status run_all(const char *strategy, uint64_t vram, char *placement, rk_error *err) {
    rk_model *model = NULL;
    rk_context *context = NULL;
    rk_state *state = NULL;
    const rk_model_options options = {.strategy = strategy, .vram_bytes = vram};
    float *logits = calloc(f.n_logits, sizeof *logits);
    if (logits == NULL) abort();
    rk_status status = rk_model_open(&model, f.path, &options, err);
    if (status == RK_OK && placement != NULL) {
        (void)snprintf(placement, 512, "%.500s", rk_model_describe(model)->placement);
    }
    if (status == RK_OK) status = rk_context_new(&context, model, NULL, err);
    if (status == RK_OK) status = rk_state_new(&state, model, 2, err);
    for (size_t i = 0; i < 4 && status == RK_OK; i++) {
        status = rk_eval(context, state, f.tokens + i, 1, RK_LOGITS_LAST, logits, err);
    }
    if (status == RK_OK) {
        status = rk_eval(context, state, f.tokens, 20, RK_LOGITS_ALL, logits, err);
    }
    if (status == RK_OK) status = rk_state_copy(state, 1, state, 0, err);
    if (status == RK_OK) status = rk_state_clear(state, 0, err);
    if (status == RK_OK) {
        status = rk_eval(context, state, f.tokens, f.n_tokens, RK_LOGITS_ALL, logits, err);
    }
    if (status == RK_OK) {
        gpu_expect(gpu_distance(logits, f.logits, f.n_logits) <= 5e-4, "%s computes", strategy);
    }
    rk_state_free(&state);
    rk_context_free(&context);
    rk_model_close(&model);
    free(logits);
    return status;
}

static void expect_refusal(const char *strategy, uint64_t vram, rk_status wanted,
                           const char *text) {
    rk_error err = {0};
    const rk_status status = run_all(strategy, vram, NULL, &err);
    gpu_expect(status == wanted && strstr(err.message, text) != NULL,
               "\"%s\": status %s, message \"%s\"; wanted %s with \"%s\"", strategy,
               rk_status_name(status), err.message, rk_status_name(wanted), text);
    gpu_expect(emulated_live() == 0, "\"%s\": %zu things are left", strategy, emulated_live());
}

static void expect_placement(const char *strategy, uint64_t vram, const char *text) {
    rk_error err = {0};
    char placement[512] = "";
    const rk_status status = run_all(strategy, vram, placement, &err);
    gpu_expect(status == RK_OK, "\"%s\": %s", strategy, err.message);
    gpu_expect(strstr(placement, text) != NULL, "\"%s\": placed as\n%swanted \"%s\"", strategy,
               placement, text);
    gpu_expect(emulated_live() == 0, "\"%s\": %zu things are left", strategy, emulated_live());
}

static void check_absence(void) {
    emulated_driver(0);
    gpu_expect(rk_device_count() == 0, "no driver, no device");
    gpu_expect(strstr(rk_device_absence(), "no NVIDIA driver") != NULL, "%s", rk_device_absence());
    expect_refusal("cuda fp32", 0, RK_ERR_DEVICE, "there is no NVIDIA driver");
    expect_placement("auto fp32", 0, "auto: no GPU can be used: there is no NVIDIA driver");
    emulated_driver(12020);
    expect_refusal("cuda fp32", 0, RK_ERR_DEVICE,
                   "the NVIDIA driver is for CUDA 12.2, this build wants 13.0");
    emulated_driver(-1);
    emulated_devices(0, (size_t)2 << 30);
    expect_refusal("cuda fp32", 0, RK_ERR_DEVICE, "there is a driver, but no GPU");
    expect_placement("auto fp32", 0, "0-2, head                    cpu");
    emulated_devices(2, (size_t)2 << 30);
    expect_refusal("cuda:2 fp32", 0, RK_ERR_DEVICE, "there is no cuda:2: this machine has 2 GPUs");
    expect_placement("cuda:1 fp32 *1 -> cuda:0 fp32", 0, "cuda:1");
    rk_device_info info;
    rk_error err = {0};
    gpu_expect(rk_device_describe(&info, 1, &err) == RK_OK && info.capability == 90 &&
                   info.total_bytes == (uint64_t)2 << 30 && strstr(info.name, "emulated") != NULL,
               "a device describes itself: %s", err.message);
    gpu_expect(rk_device_describe(&info, 2, &err) == RK_ERR_DEVICE, "one that is not there");
    emulated_devices(1, (size_t)2 << 30);
}

// The fixture's layers take about 190 KiB each as FP32.
static void check_memory(void) {
    const uint64_t kib = 1024;
    expect_refusal("cuda fp32", 200 * kib, RK_ERR_MEMORY, "there is room for 0.2 MiB of weights");
    expect_refusal("cuda fp32 *0+", 200 * kib, RK_ERR_MEMORY, "with 0 of them resident");
    expect_placement("cuda fp32 *1 -> cpu fp32", 250 * kib, "0                            cuda:0");
    expect_placement("auto fp32", 450 * kib, "auto: as much on 1 GPU as fits");
    expect_placement("auto fp32", 450 * kib, "cpu      FP32");
    expect_placement("cuda fp32 +", 450 * kib, "streamed");
    expect_placement("cuda fp32 +", 0, "0-2, head                    cuda:0");
    // Weights fit, a workspace does not.
    emulated_devices(1, ((size_t)512 << 20) + 700 * kib);
    rk_error err = {0};
    rk_model *model = NULL;
    rk_context *context = NULL;
    const rk_model_options options = {.strategy = "cuda fp32"};
    const rk_context_options large = {.max_chunk = (size_t)1 << 20};
    gpu_expect(rk_model_open(&model, f.path, &options, &err) == RK_OK, "%s", err.message);
    gpu_expect(rk_context_new(&context, model, &large, &err) == RK_ERR_MEMORY &&
                   strstr(err.message, "of the device's memory were wanted") != NULL,
               "a workspace of gigabytes: %s", err.message);
    rk_model_close(&model);
    gpu_expect(emulated_live() == 0, "%zu things are left", emulated_live());
    emulated_devices(1, (size_t)2 << 30);
}

// Every call into CUDA fails once: for this time, or with the device lost for good.
static void check_every_call(const char *strategy) {
    rk_error err = {0};
    emulated_fail(0, false);
    gpu_expect(run_all(strategy, 0, NULL, &err) == RK_OK, "%s", err.message);
    const size_t n = emulated_calls();
    size_t n_failures = 0, n_unsaid = 0, n_left = 0;
    for (size_t i = 1; i <= n; i += 1 + n / 40) {
        for (int for_good = 0; for_good <= 1; for_good++) {
            err = (rk_error){0};
            emulated_fail(i, for_good != 0);
            const rk_status status = run_all(strategy, 0, NULL, &err);
            n_failures += status != RK_OK;
            n_unsaid += status != RK_OK && strstr(err.message, "cuda:0: ") == NULL;
            n_left += emulated_live();
            emulated_fail(0, false);
        }
    }
    printf("\"%s\": %zu calls into CUDA, %zu failures tried\n", strategy, n, n_failures);
    gpu_expect(n_failures > 60, "\"%s\": failures show", strategy);
    gpu_expect(n_unsaid == 0, "\"%s\": %zu failures without the device's name", strategy, n_unsaid);
    gpu_expect(n_left == 0, "\"%s\": %zu things are left", strategy, n_left);
    gpu_expect(run_all(strategy, 0, NULL, &err) == RK_OK, "afterwards it works: %s", err.message);
}

// auto goes on with the CPU when loading onto the GPU fails.
static void check_fallback(void) {
    rk_error err = {0};
    char placement[512] = "";
    emulated_fail(4, true);
    gpu_expect(run_all("auto fp32", 0, placement, &err) == RK_OK, "%s", err.message);
    gpu_expect(strncmp(placement, "auto: no GPU is used: cuda:0: ", 30) == 0, "%s", placement);
    emulated_fail(0, false);
    gpu_expect(emulated_live() == 0, "%zu things are left", emulated_live());
}

// The order in which threads and streams run is nothing that results may depend on.
static void check_order(const char *strategy, size_t chunk) {
    emulated_order(EMULATED_ASCENDING_LATE);
    gpu_result late = gpu_run(&f, strategy, 0, chunk);
    const size_t n_graphs = emulated_graphs();
    emulated_order(EMULATED_DESCENDING_EARLY);
    gpu_result early = gpu_run(&f, strategy, 0, chunk);
    emulated_order(EMULATED_ASCENDING_LATE);
    gpu_expect(memcmp(late.values, early.values, late.n * sizeof late.values[0]) == 0,
               "\"%s\", chunks of %zu: another order, another result", strategy, chunk);
    gpu_expect(chunk > 1 || emulated_graphs() - n_graphs == f.n_tokens - 1,
               "\"%s\": %zu of %zu tokens were graphs", strategy, emulated_graphs() - n_graphs,
               f.n_tokens);
    gpu_result_free(&late);
    gpu_result_free(&early);
}

// Without cuBLASLt products with many tokens are slower and the same.
static void check_without_blas(void) {
    emulated_blas(false);
    gpu_result without = gpu_run(&f, "cuda fp32", 0, f.n_tokens);
    emulated_blas(true);
    gpu_result one = gpu_run(&f, "cuda fp32", 0, 1);
    gpu_expect(memcmp(without.values, one.values, one.n * sizeof one.values[0]) == 0,
               "without cuBLASLt tokens together are what each of them is alone");
    gpu_result_free(&without);
    gpu_result_free(&one);
}

// n_gpu_layers of rwkv.h: layers on the GPU when the model is loaded, and later.
static void check_compatible_interface(void) {
    float *logits = calloc(f.n_logits, sizeof *logits);
    struct rwkv_context *ctx = rwkv_init_from_file(f.path, 1, 2);
    gpu_expect(ctx != NULL && emulated_live() > 0, "a context with two layers on the GPU");
    if (ctx == NULL || logits == NULL) abort();
    const size_t n_vocab = rwkv_get_n_vocab(ctx);
    float *state = calloc(rwkv_get_state_len(ctx), sizeof *state);
    if (state == NULL) abort();
    const uint32_t offloads[] = {0, 1, 99};
    rwkv_init_state(ctx, state);
    for (size_t i = 0; i < f.n_tokens; i++) {
        // Somewhere else every few tokens; the state goes on.
        const size_t turn = i / 5;
        if (i % 5 == 4 && turn < 3) {
            gpu_expect(rwkv_gpu_offload_layers(ctx, offloads[turn]), "%u layers on the GPU",
                       (unsigned)offloads[turn]);
            gpu_expect((emulated_live() > 0) == (offloads[turn] > 0), "memory of the GPU is used");
        }
        gpu_expect(rwkv_eval(ctx, f.tokens[i], state, state, logits + i * n_vocab), "token %zu", i);
    }
    const double off = gpu_distance(logits, f.logits, f.n_logits);
    gpu_expect(off <= 0.02, "through rwkv.h: logits off by %g", off);
    rwkv_free(ctx);
    gpu_expect(emulated_live() == 0, "rwkv_free leaves %zu things", emulated_live());
    emulated_devices(0, (size_t)2 << 30);
    ctx = rwkv_init_from_file(f.path, 1, 2);
    gpu_expect(ctx != NULL, "without a GPU n_gpu_layers has no effect");
    gpu_expect(!rwkv_gpu_offload_layers(ctx, 1), "without a GPU nothing is moved");
    rwkv_free(ctx);
    emulated_devices(1, (size_t)2 << 30);
    free(state);
    free(logits);
}

int main(void) {
    gpu_begin();
    f = gpu_fixture_read("v7");
    f.n_tokens = 20;
    f.n_logits = 20 * f.n_logits / 96;
    check_absence();
    check_memory();
    check_every_call("cuda fp32 *1+ -> cpu fp32 *1");
    check_fallback();
    check_order("cuda Q4_0", 1);
    check_order("cuda fp32 *0+", 1);
    check_order("cuda fp16 *1+", 20);
    check_without_blas();
    check_compatible_interface();
    gpu_fixture_free(&f);
    return gpu_end();
}
