// What a model does on a GPU, as shares of what the GPU does in the same run: of its memory's
// bandwidth (a copy), of its tensor peak (a large cuBLASLt product), of the way from the host (a
// copy from pinned memory). One line a figure: name, value, unit, share, of what.
//
//     bench_gpu limits
//     bench_gpu SHAPE TYPE [decode | batch | prefill | stream]...
//     bench_gpu SHAPE TYPE soak
//
// The last one generates 200,000 tokens and says by how much memory grew, of the device and of the
// process.
//
// A plain program without the options of the others: it is built where nothing but the toolkit is.
// Exit status 77: there is no GPU.
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cuda/cuda_blas.h"
#include "model/model_internal.h"
#include "rk/device.h"
#include "synthetic_model.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void require(unsigned code, const char *what) {
    if (code == 0) return;
    printf("failed: %s: %s\n", what, cudaGetErrorString((cudaError_t)code));
    exit(EXIT_FAILURE);
}

static void succeed(rk_status status, const rk_error *err) {
    if (status == RK_OK) return;
    printf("failed: %s\n", err->message);
    exit(EXIT_FAILURE);
}

// ---- limits

typedef struct limits {
    double copy;   // bytes a second, read and written ones counted, in the device's memory
    double upload; // bytes a second from pinned memory
    double tensor; // FP16 operations a second
} limits;

// The best of some rounds.
static double measure_copy(size_t bytes, bool from_host) {
    void *from = NULL, *to = NULL;
    double best = 0.0;
    require((unsigned)(from_host ? cudaMallocHost(&from, bytes) : cudaMalloc(&from, bytes)),
            "memory");
    require(cudaMalloc(&to, bytes), "memory");
    if (from_host) memset(from, 1, bytes);
    const enum cudaMemcpyKind kind = from_host ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToDevice;
    for (int round = 0; round < 12; round++) {
        const double begin = now();
        require(cudaMemcpyAsync(to, from, bytes, kind, NULL), "a copy");
        require(cudaDeviceSynchronize(), "a copy");
        const double rate = (double)bytes * (from_host ? 1.0 : 2.0) / (now() - begin);
        if (round > 1 && rate > best) best = rate;
    }
    require(cudaFree(to), "memory");
    require((unsigned)(from_host ? cudaFreeHost(from) : cudaFree(from)), "memory");
    return best;
}

static double measure_tensor(void) {
    enum { SIZE = 8192 };
    rk__gpu_blas *blas = rk__gpu_blas_open();
    if (blas == NULL) return 0.0;
    rk__gpu_gemm g = {
        .rows = SIZE, .columns = SIZE, .n_tokens = SIZE, .out_stride = SIZE, .is_half = true};
    void *weights = NULL, *x = NULL, *out = NULL;
    const size_t n = (size_t)SIZE * SIZE;
    require(cudaMalloc(&weights, 2 * n), "memory");
    require(cudaMalloc(&x, 2 * n), "memory");
    require(cudaMalloc(&out, 4 * n), "memory");
    require(cudaMalloc(&g.scratch, RK__GPU_BLAS_SCRATCH), "memory");
    require(cudaMemset(weights, 0x2e, 2 * n), "memory"); // 0.1
    require(cudaMemset(x, 0x2e, 2 * n), "memory");
    g.weights = weights;
    g.x = x;
    g.out = out;
    double best = 0.0;
    for (int round = 0; round < 12; round++) {
        const double begin = now();
        if (!rk__gpu_gemm_run(blas, NULL, &g)) break;
        require(cudaDeviceSynchronize(), "a product");
        const double rate = 2.0 * (double)n * SIZE / (now() - begin);
        if (round > 1 && rate > best) best = rate;
    }
    require(cudaFree(weights), "memory");
    require(cudaFree(x), "memory");
    require(cudaFree(out), "memory");
    require(cudaFree(g.scratch), "memory");
    rk__gpu_blas_close(&blas);
    return best;
}

static limits measure_limits(void) {
    const size_t gib = (size_t)1 << 30;
    const limits l = {.copy = measure_copy(2 * gib, false),
                      .upload = measure_copy(gib / 2, true),
                      .tensor = measure_tensor()};
    printf("limit copy            %9.1f GB/s\n", l.copy / 1e9);
    printf("limit upload          %9.1f GB/s\n", l.upload / 1e9);
    printf("limit tensor          %9.1f TFLOP/s%s\n", l.tensor / 1e12,
           l.tensor > 0 ? "" : " (no cuBLASLt)");
    return l;
}

// ---- models

typedef struct run {
    rk_model *model;
    rk_context *context;
    rk_state *state;
    rk_sequence *sequences;
    uint32_t *tokens;
    float *logits;
    size_t n_states, n_tokens;
} run;

static run run_new(rk_model *model, size_t n_states, size_t n_tokens) {
    const rk_model_info *info = rk_model_describe(model);
    rk_error err = {0};
    run r = {.model = model, .n_states = n_states, .n_tokens = n_tokens};
    const rk_context_options options = {.max_chunk = n_states * n_tokens};
    succeed(rk_context_new(&r.context, model, &options, &err), &err);
    succeed(rk_state_new(&r.state, model, n_states, &err), &err);
    r.sequences = calloc(n_states, sizeof *r.sequences);
    r.tokens = calloc(n_states * n_tokens, sizeof *r.tokens);
    r.logits = calloc(n_states * info->dims.n_vocab, sizeof *r.logits);
    if (r.sequences == NULL || r.tokens == NULL || r.logits == NULL) abort();
    for (size_t i = 0; i < n_states; i++) {
        r.sequences[i] = (rk_sequence){.index = i,
                                       .tokens = r.tokens + i * n_tokens,
                                       .n_tokens = n_tokens,
                                       .wanted = RK_LOGITS_LAST,
                                       .logits = r.logits + i * info->dims.n_vocab};
    }
    return r;
}

static void run_free(run *r) {
    rk_state_free(&r->state);
    rk_context_free(&r->context);
    free(r->sequences);
    free(r->tokens);
    free(r->logits);
}

// Seconds of a pass: the median of `rounds`, after some that are not counted.
static double run_seconds(run *r, size_t rounds) {
    enum { MOST = 256, FIRST = 4 };
    const size_t n_vocab = rk_model_describe(r->model)->dims.n_vocab;
    static uint64_t position;
    double seconds[MOST];
    rk_error err = {0};
    for (size_t i = 0; i < rounds + FIRST; i++) {
        for (size_t t = 0; t < r->n_states * r->n_tokens; t++) {
            r->tokens[t] = (uint32_t)((position++ * UINT64_C(2654435761) >> 7) % n_vocab);
        }
        const double begin = now();
        succeed(rk_eval_batch(r->context, r->state, r->sequences, r->n_states, &err), &err);
        if (i < FIRST) continue;
        size_t at = i - FIRST; // into its place
        const double taken = now() - begin;
        for (; at > 0 && seconds[at - 1] > taken; at--) seconds[at] = seconds[at - 1];
        seconds[at] = taken;
    }
    return seconds[rounds / 2];
}

static void print_share(const char *what, double value, const char *unit, double share,
                        const char *of) {
    printf("%-21s %9.1f %-9s %5.2f of %s\n", what, value, unit, share, of);
    fflush(stdout);
}

static double weight_bytes(const rk_model *model) {
    const rk_model_info *info = rk_model_describe(model);
    return (double)(info->weight_bytes - info->embedding_bytes);
}

static void measure_decode(rk_model *model, const limits *l) {
    run r = run_new(model, 1, 1);
    const double seconds = run_seconds(&r, 200);
    print_share("decode", 1 / seconds, "tokens/s", weight_bytes(model) / seconds / l->copy, "copy");
    run_free(&r);
}

// The limit of a batch: weights once, states read and written, arithmetic.
static void measure_batch(rk_model *model, const limits *l) {
    enum { STATES = 64 };
    const rk_model_info *info = rk_model_describe(model);
    run r = run_new(model, STATES, 1);
    const double seconds = run_seconds(&r, 60);
    const double states = 2.0 * STATES * 4.0 * (double)info->state_floats;
    const double operations = 2.0 * STATES * (double)info->n_parameters;
    const double least =
        (weight_bytes(model) + states) / l->copy + (l->tensor > 0 ? operations / l->tensor : 0.0);
    print_share("batch of 64", STATES / seconds, "tokens/s", least / seconds,
                "weights, states, arithmetic");
    run_free(&r);
}

static void measure_prefill(rk_model *model, const limits *l) {
    enum { TOKENS = 2048 };
    const rk_model_info *info = rk_model_describe(model);
    run r = run_new(model, 1, TOKENS);
    const double seconds = run_seconds(&r, 12);
    const double ends = 2.0 * (double)info->dims.n_vocab * (double)info->dims.n_embd;
    const double operations = 2.0 * TOKENS * ((double)info->n_parameters - ends) + ends;
    print_share("prefill of 2048", TOKENS / seconds, "tokens/s",
                l->tensor > 0 ? operations / seconds / l->tensor : 0.0, "tensor");
    run_free(&r);
}

static rk_model *open_model(const synthetic_model *weights, const char *name,
                            const char *strategy) {
    rk_model *model = NULL;
    rk_error err = {0};
    rk_pool *pool = NULL;
    succeed(rk_pool_new(&pool, NULL, &err), &err);
    const rk_model_options options = {.strategy = strategy, .pool = pool};
    const rk_status status =
        rk__model_open_source(&model, name, synthetic_model_source(weights), &options, &err);
    rk_pool_free(&pool);
    succeed(status, &err);
    return model;
}

// Every layer is streamed: a token takes as long as their way to the device.
static void measure_stream(const synthetic_model *weights, const char *name, const limits *l) {
    rk_model *model = open_model(weights, name, "cuda *0+");
    const rk_model_info *info = rk_model_describe(model);
    const double head = (double)info->embedding_bytes; // the same shape and type
    run r = run_new(model, 1, 1);
    const double seconds = run_seconds(&r, 30);
    print_share("streamed decode", 1 / seconds, "tokens/s",
                (weight_bytes(model) - head) / seconds / l->upload, "upload");
    run_free(&r);
    rk_model_close(&model);
}

static size_t device_bytes_in_use(void) {
    size_t left = 0, total = 0;
    require(cudaMemGetInfo(&left, &total), "memory");
    return total - left;
}

static size_t resident_bytes(void) {
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%lu %lu", &size, &resident) != 2) resident = 0;
    if (file != NULL) fclose(file);
    return (size_t)resident * 4096;
}

// Greedy generation: every token is the likeliest after the one before.
static void generate(run *r, size_t n_tokens) {
    const size_t n_vocab = rk_model_describe(r->model)->dims.n_vocab;
    rk_error err = {0};
    for (size_t t = 0; t < n_tokens; t++) {
        succeed(rk_eval_batch(r->context, r->state, r->sequences, 1, &err), &err);
        size_t best = 0;
        for (size_t i = 1; i < n_vocab; i++) {
            if (r->logits[i] > r->logits[best]) best = i;
        }
        r->tokens[0] = (uint32_t)best;
    }
}

static void soak(rk_model *model) {
    enum { FIRST = 1000, ALL = 200000 };
    run r = run_new(model, 1, 1);
    generate(&r, FIRST);
    const size_t device = device_bytes_in_use(), host = resident_bytes();
    generate(&r, ALL - FIRST);
    printf("after %d tokens       device %+.1f MiB, process %+.1f MiB\n", ALL,
           ((double)device_bytes_in_use() - (double)device) / 0x1p20,
           ((double)resident_bytes() - (double)host) / 0x1p20);
    run_free(&r);
}

static bool wants(int argc, char **argv, const char *what) {
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], what) == 0) return true;
    }
    return argc <= 3;
}

static void measure_model(int argc, char **argv, const limits *l) {
    const synthetic_shape *shape = synthetic_shape_find(argv[1]);
    rk_dtype dtype;
    if (shape == NULL || !rk_dtype_parse(&dtype, argv[2])) {
        printf("failed: no shape '%s', or no type '%s'\n", argv[1], argv[2]);
        exit(2);
    }
    synthetic_model *weights = synthetic_model_new(shape, dtype, -1.0);
    printf("model %s %s\n", argv[1], argv[2]);
    if (wants(argc, argv, "decode") || wants(argc, argv, "batch") || wants(argc, argv, "prefill")) {
        rk_model *model = open_model(weights, shape->name, "cuda");
        if (wants(argc, argv, "decode")) measure_decode(model, l);
        if (wants(argc, argv, "batch")) measure_batch(model, l);
        if (wants(argc, argv, "prefill")) measure_prefill(model, l);
        rk_model_close(&model);
    }
    if (wants(argc, argv, "stream")) measure_stream(weights, shape->name, l);
    if (argc > 3 && strcmp(argv[3], "soak") == 0) {
        rk_model *model = open_model(weights, shape->name, "cuda");
        soak(model);
        rk_model_close(&model);
    }
    synthetic_model_free(&weights);
}

int main(int argc, char **argv) {
    rk_device_info device;
    rk_error err = {0};
    if (argc < 2 || (argc == 2 && strcmp(argv[1], "limits") != 0)) {
        printf("usage: bench_gpu limits | SHAPE TYPE [decode | batch | prefill | stream]... | "
               "SHAPE TYPE soak\n");
        return 2;
    }
    if (rk_device_count() == 0) {
        printf("skipped: %s\n", rk_device_absence());
        return 77;
    }
    succeed(rk_device_describe(&device, 0, &err), &err);
    printf("device %s, compute capability %d.%d, %.1f GiB\n", device.name, device.capability / 10,
           device.capability % 10, (double)device.total_bytes / 0x1p30);
    const limits l = measure_limits();
    if (argc > 2) measure_model(argc, argv, &l);
    return 0;
}
