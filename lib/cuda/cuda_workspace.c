// Scratch memory, streams and events of one context.
#include "cuda/cuda_internal.h"

#include <cuda_runtime_api.h>

#include "base/memory.h"

// Takes memory for rows x columns elements. Sizes beyond any machine's are refused by the runtime.
static rk_status take(rk__workspace *w, void **out, size_t rows, size_t columns, size_t element,
                      rk_error *err) {
    size_t n, bytes;
    if (!rk_size_mul(&n, rows, columns) || !rk_size_mul(&bytes, n, element)) {
        return rk__fail_memory(err, SIZE_MAX);
    }
    return rk__gpu_take(&w->pieces, out, bytes, "the workspace", err);
}

static rk_status take_floats(rk__workspace *w, float **out, size_t rows, size_t columns,
                             rk_error *err) {
    return take(w, (void **)out, rows, columns, sizeof **out, err);
}

static rk_status take_pinned(rk__workspace *w, void **out, size_t rows, size_t columns,
                             rk_error *err) {
    size_t n, bytes;
    if (!rk_size_mul(&n, rows, columns) || !rk_size_mul(&bytes, n, sizeof(float))) {
        return rk__fail_memory(err, SIZE_MAX);
    }
    return rk__gpu_take_pinned(&w->pieces, out, bytes, "the workspace", err);
}

// All forms of an input that a product may read.
static rk_status take_input(rk__workspace *w, rk__cuda_input *input, size_t columns,
                            rk_error *err) {
    enum { BLOCK = 32 };
    const size_t n = w->max_tokens;
    input->columns = columns;
    if (columns == 0) return RK_OK;
    RK_TRY(take_floats(w, &input->gpu.x, n, columns, err));
    if (columns % BLOCK == 0) {
        RK_TRY(take(w, (void **)&input->gpu.q, n, columns, sizeof(int8_t), err));
        RK_TRY(take_floats(w, &input->gpu.scale, n, columns / BLOCK, err));
        RK_TRY(take(w, (void **)&input->gpu.qsum, n, columns / BLOCK, sizeof(int32_t), err));
    }
    if (w->blas == NULL) return RK_OK;
    return take(w, (void **)&input->gpu.half, n, columns, sizeof(uint16_t), err);
}

static size_t input_columns(const rk__stage *stage, size_t i) {
    const rk__cuda_version *version = stage->version;
    return version->input_width == NULL ? stage->dims.n_embd
                                        : version->input_width(&stage->dims, &stage->sizes, i);
}

static rk_status take_layers(rk__workspace *w, rk_error *err) {
    const rk__stage *stage = w->stage;
    const rk__cuda_version *version = stage->version;
    const size_t n_embd = stage->dims.n_embd, n = w->max_tokens;
    RK_TRY(take_floats(w, &w->x, n, n_embd, err));
    RK_TRY(take_floats(w, &w->branch, n, n_embd, err));
    for (size_t i = 0; i < version->n_inputs; i++) {
        RK_TRY(take_input(w, &w->input[i], input_columns(stage, i), err));
    }
    for (size_t i = 0; i < version->n_vectors; i++) {
        RK_TRY(take_floats(w, &w->vector[i], n, n_embd, err));
    }
    RK_TRY(take_input(w, &w->ffn_key, n_embd, err));
    RK_TRY(take_input(w, &w->ffn_receptance, n_embd, err));
    RK_TRY(take_input(w, &w->ffn_hidden, stage->dims.n_ffn, err));
    return take_floats(w, &w->ffn_gate, n, n_embd, err);
}

static rk_status take_head(rk__workspace *w, rk_error *err) {
    const rk_dims *dims = &w->stage->dims;
    if (!w->stage->has_head) return RK_OK;
    RK_TRY(take_floats(w, &w->logits, w->max_rows, dims->n_vocab, err));
    RK_TRY(take_floats(w, &w->hidden, w->max_rows, dims->n_embd, err));
    RK_TRY(take_pinned(w, (void **)&w->host_logits, w->max_rows, dims->n_vocab, err));
    return take_pinned(w, (void **)&w->host_hidden, w->max_rows, dims->n_embd, err);
}

// What comes from the host and goes back there.
static rk_status take_ends(rk__workspace *w, rk_error *err) {
    enum { NUMBERS_OF_A_TOKEN = 9 }; // cuda_forward.c
    const rk__stage *stage = w->stage;
    const size_t n_embd = stage->dims.n_embd, n_ffn = stage->dims.n_ffn, n = w->max_tokens;
    w->n_numbers = NUMBERS_OF_A_TOKEN * n;
    RK_TRY(take(w, (void **)&w->numbers, n, NUMBERS_OF_A_TOKEN, sizeof(int32_t), err));
    RK_TRY(take_pinned(w, (void **)&w->host_numbers, n, NUMBERS_OF_A_TOKEN, err));
    RK_TRY(take_pinned(w, (void **)&w->host_seen, RK__CUDA_SEEN_TOKENS,
                       n_ffn > n_embd ? n_ffn : n_embd, err));
    if (stage->has_embedding && stage->has_head) return RK_OK;
    RK_TRY(take_pinned(w, (void **)&w->host_x, n, n_embd, err));
    if (!stage->version->hands_on_value) return RK_OK;
    return take_pinned(w, (void **)&w->host_value, n, n_embd, err);
}

static rk_status take_blas(rk__workspace *w, rk_error *err) {
    if (w->blas == NULL) return RK_OK;
    RK_TRY(take(w, (void **)&w->wide, 1, RK__CUDA_WIDE_BYTES, 1, err));
    return take(w, &w->blas_scratch, 1, RK__GPU_BLAS_SCRATCH, 1, err);
}

static unsigned make_event(void **event) {
    return cudaEventCreateWithFlags((cudaEvent_t *)event, cudaEventDisableTiming);
}

static rk_status make_streams(rk__workspace *w, rk_error *err) {
    unsigned code = cudaStreamCreateWithFlags((cudaStream_t *)&w->stream, cudaStreamNonBlocking);
    if (code == 0) {
        code = cudaStreamCreateWithFlags((cudaStream_t *)&w->copy_stream, cudaStreamNonBlocking);
    }
    if (code == 0) code = make_event(&w->begun);
    for (size_t i = 0; i < RK__STREAM_BUFFERS; i++) {
        if (code == 0) code = make_event(&w->loaded[i]);
        if (code == 0) code = make_event(&w->freed[i]);
    }
    return rk__gpu_check(code, w->stage->device, "making streams", err);
}

rk_status rk__cuda_workspace_new(rk__workspace **out, const rk__stage *stage, size_t max_tokens,
                                 size_t n_threads, rk_error *err) {
    (void)n_threads; // the device's own
    rk__workspace *w = NULL;
    rk_status status = rk__alloc((void **)&w, 1, sizeof *w, err);
    if (status != RK_OK) goto out;
    w->stage = stage;
    w->max_tokens = max_tokens;
    w->max_rows = max_tokens < RK__CUDA_LOGITS_ROWS ? max_tokens : RK__CUDA_LOGITS_ROWS;
    w->pieces.device = stage->device;
    status = rk__gpu_use(stage->device, err);
    if (status == RK_OK && max_tokens > RK__CUDA_FEW_TOKENS) w->blas = rk__gpu_blas_open();
    if (status == RK_OK) status = make_streams(w, err);
    if (status == RK_OK) status = take_layers(w, err);
    if (status == RK_OK) status = take_head(w, err);
    if (status == RK_OK) status = take_ends(w, err);
    if (status == RK_OK) status = take_blas(w, err);
out:
    if (status != RK_OK) rk__cuda_workspace_free(&w);
    *out = w;
    return status;
}

static void free_event(void *event) {
    if (event != NULL) (void)cudaEventDestroy(event);
}

void rk__cuda_workspace_free(rk__workspace **workspace) {
    rk__workspace *w = *workspace;
    *workspace = NULL;
    if (w == NULL) return;
    (void)rk__gpu_use(w->stage->device, NULL);
    if (w->graph != NULL) (void)cudaGraphExecDestroy(w->graph);
    rk__gpu_blas_close(&w->blas);
    if (w->stream != NULL) (void)cudaStreamDestroy(w->stream);
    if (w->copy_stream != NULL) (void)cudaStreamDestroy(w->copy_stream);
    free_event(w->begun);
    for (size_t i = 0; i < RK__STREAM_BUFFERS; i++) {
        free_event(w->loaded[i]);
        free_event(w->freed[i]);
    }
    rk__gpu_release(&w->pieces);
    rk__free(w);
}
