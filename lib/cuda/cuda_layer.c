// Starts the kernels that the layers of all versions share. Which form of an input a product reads
// depends on the matrix and on the number of tokens:
//
//     few tokens     float matrices      x
//                    block formats       8 bits
//     many tokens    FP32                x            (cuBLASLt, FP32)
//                    all others          FP16         (cuBLASLt, matrices widened tile by tile)
#include "cuda/cuda_internal.h"

#include <assert.h>
#include <cuda_runtime_api.h>

typedef enum form { FORM_X, FORM_Q, FORM_HALF } form;

static bool is_block(rk_dtype dtype) {
    return rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK;
}

// Is it multiplied by cuBLASLt? Tensor cores want rows of whole vectors of 16 bytes.
static bool goes_to_blas(const rk__pass *pass, const rk__matrix *matrix) {
    if (pass->n_tokens <= RK__CUDA_FEW_TOKENS || pass->workspace->blas == NULL) return false;
    return !matrix->is_wide && matrix->gpu.columns % 8 == 0 && matrix->gpu.rows % 8 == 0;
}

static form form_for(const rk__pass *pass, const rk__matrix *matrix) {
    if (goes_to_blas(pass, matrix)) return matrix->gpu.dtype == RK_DTYPE_F32 ? FORM_X : FORM_HALF;
    return is_block(matrix->gpu.dtype) ? FORM_Q : FORM_X;
}

static void start(rk__pass *pass, unsigned code) {
    if (pass->code == 0) pass->code = code;
}

float *rk__cuda_state_row(const rk__pass *pass, size_t row) {
    const rk__stage *stage = pass->stage;
    return pass->state->data + pass->layer * stage->layer_floats + row * stage->dims.n_embd;
}

rk__gpu_input rk__cuda_forms(const rk__pass *pass, const rk__cuda_input *input,
                             const rk__matrix *reader, const rk__matrix *other) {
    const rk__matrix *const readers[] = {reader, other};
    bool wants_q = false, wants_half = false;
    for (size_t i = 0; i < 2; i++) {
        if (readers[i] == NULL) continue;
        wants_q |= form_for(pass, readers[i]) == FORM_Q;
        wants_half |= form_for(pass, readers[i]) == FORM_HALF;
    }
    rk__gpu_input forms = input->gpu;
    if (!wants_q) {
        forms.q = NULL;
        forms.scale = NULL;
        forms.qsum = NULL;
    }
    if (!wants_half) forms.half = NULL;
    return forms;
}

void rk__cuda_norm_mix(rk__pass *pass, const float *weight, const float *bias, size_t state_row,
                       bool keeps, const rk__cuda_mix *mixes, size_t n_mixes) {
    rk__gpu_norm_mix a = {.x = pass->workspace->x,
                          .weight = weight,
                          .bias = bias,
                          .state = rk__cuda_state_row(pass, state_row),
                          .sequence_floats = pass->state->sequence_floats,
                          .tokens = pass->tokens,
                          .n_mixes = (uint32_t)n_mixes,
                          .n_embd = (uint32_t)pass->stage->dims.n_embd,
                          .shifts_towards_previous = pass->stage->version->shifts_towards_previous,
                          .keeps = keeps};
    assert(n_mixes <= RK__GPU_MIXES);
    for (size_t i = 0; i < n_mixes; i++) {
        const rk__cuda_mix *m = &mixes[i];
        a.mix[i] = (rk__gpu_mix){m->weight, m->addend,
                                 rk__cuda_forms(pass, m->input, m->reader, m->other)};
    }
    if (pass->code == 0) start(pass, rk__gpu_norm_mix_run(pass->workspace->stream, &a));
}

void rk__cuda_round(rk__pass *pass, const rk__cuda_input *input, const rk__matrix *reader) {
    const rk__gpu_round a = {.input = rk__cuda_forms(pass, input, reader, NULL),
                             .n_tokens = (uint32_t)pass->n_tokens,
                             .columns = (uint32_t)input->columns};
    if (a.input.q == NULL && a.input.half == NULL) return;
    if (pass->code == 0) start(pass, rk__gpu_round_run(pass->workspace->stream, &a));
}

// ---- products

// Shows the input of a product to the observer, who wants it on the host: some tokens at a time.
static void show(rk__pass *pass, const rk__cuda_job *job) {
    const rk__observer *observer = pass->batch->observer;
    rk__workspace *w = pass->workspace;
    const size_t columns = job->input->columns;
    if (observer == NULL || job->matrix->name == NULL) return;
    for (size_t t = 0; t < pass->n_tokens && pass->code == 0; t += RK__CUDA_SEEN_TOKENS) {
        const size_t left = pass->n_tokens - t;
        const size_t n = left < RK__CUDA_SEEN_TOKENS ? left : RK__CUDA_SEEN_TOKENS;
        start(pass,
              cudaMemcpyAsync(w->host_seen, job->input->gpu.x + t * columns,
                              n * columns * sizeof(float), cudaMemcpyDeviceToHost, w->stream));
        if (pass->code == 0) start(pass, cudaStreamSynchronize(w->stream));
        if (pass->code != 0) return;
        observer->see(observer->user, job->matrix->name, w->host_seen, n, columns);
    }
}

static rk__gpu_product product_of(const rk__cuda_job *job) {
    return (rk__gpu_product){.matrix = job->matrix->gpu,
                             .input = job->input->gpu,
                             .out = job->out,
                             .gate = job->gate,
                             .out_stride = job->matrix->gpu.rows,
                             .ending = job->ending};
}

static void run_group(rk__pass *pass, const rk__gpu_products *group) {
    if (group->n == 0 || pass->code != 0) return;
    const bool blocks = is_block(group->product[0].matrix.dtype);
    start(pass, blocks ? rk__gpu_matvec_block_run(pass->workspace->stream, group)
                       : rk__gpu_matvec_float_run(pass->workspace->stream, group));
}

// Jobs for few tokens, those with matrices of one type together.
static void multiply_few(rk__pass *pass, const rk__cuda_job *jobs, size_t n_jobs) {
    bool done[RK__GPU_PRODUCTS] = {false};
    assert(n_jobs <= RK__GPU_PRODUCTS);
    for (size_t i = 0; i < n_jobs; i++) {
        rk__gpu_products group = {.n_tokens = (uint32_t)pass->n_tokens};
        for (size_t j = i; j < n_jobs; j++) {
            const rk__cuda_job *job = &jobs[j];
            if (done[j] || job->matrix == NULL || goes_to_blas(pass, job->matrix)) continue;
            if (group.n > 0 && job->matrix->gpu.dtype != group.product[0].matrix.dtype) continue;
            group.product[group.n++] = product_of(job);
            done[j] = true;
        }
        run_group(pass, &group);
    }
}

// A product of all its rows by the kernels for few tokens: where cuBLASLt has nothing. The 8-bit
// form may be missing.
static void multiply_slowly(rk__pass *pass, const rk__cuda_job *job) {
    rk__gpu_products one = {.product = {product_of(job)}, .n = 1};
    one.n_tokens = (uint32_t)pass->n_tokens;
    if (is_block(job->matrix->gpu.dtype)) {
        rk__gpu_round a = {.input = job->input->gpu,
                           .n_tokens = one.n_tokens,
                           .columns = (uint32_t)job->input->columns};
        a.input.half = NULL;
        start(pass, rk__gpu_round_run(pass->workspace->stream, &a));
    }
    run_group(pass, &one);
}

// Rows [first, first + n) of the matrix as cuBLASLt reads them.
static const void *rows_for_blas(rk__pass *pass, const rk__matrix *matrix, size_t first, size_t n) {
    const rk__gpu_matrix *m = &matrix->gpu;
    if (m->dtype == RK_DTYPE_F32) return (const float *)m->values + first * m->stride;
    if (m->dtype == RK_DTYPE_F16) return (const uint16_t *)m->values + first * m->stride;
    const rk__gpu_widen a = {
        .matrix = *m, .half = pass->workspace->wide, .first = (uint32_t)first, .n = (uint32_t)n};
    start(pass, rk__gpu_widen_run(pass->workspace->stream, &a));
    return pass->workspace->wide;
}

// Rows that are multiplied at once: as many as are widened together, of which there must be some.
static size_t tile_rows(const rk__matrix *matrix) {
    const rk_dtype dtype = matrix->gpu.dtype;
    if (dtype == RK_DTYPE_F32 || dtype == RK_DTYPE_F16) return matrix->gpu.rows;
    const size_t fit = RK__CUDA_WIDE_BYTES / sizeof(uint16_t) / matrix->gpu.columns;
    const size_t most = fit < 32768 ? fit / 8 * 8 : 32768; // of a grid's second dimension
    return most < matrix->gpu.rows ? most : matrix->gpu.rows;
}

// False when cuBLASLt has nothing for the first tile's shape: then nothing has been changed.
static bool multiply_tiles(rk__pass *pass, const rk__cuda_job *job, float *out, bool adds) {
    const rk__gpu_matrix *m = &job->matrix->gpu;
    const bool is_half = m->dtype != RK_DTYPE_F32;
    const size_t most = tile_rows(job->matrix);
    for (size_t first = 0; first < m->rows && pass->code == 0; first += most) {
        const size_t n = m->rows - first < most ? m->rows - first : most;
        const rk__gpu_gemm gemm = {.weights = rows_for_blas(pass, job->matrix, first, n),
                                   .x = is_half ? (const void *)job->input->gpu.half
                                                : job->input->gpu.x,
                                   .out = out + first,
                                   .scratch = pass->workspace->blas_scratch,
                                   .rows = (uint32_t)n,
                                   .columns = m->columns,
                                   .n_tokens = (uint32_t)pass->n_tokens,
                                   .out_stride = m->rows,
                                   .is_half = is_half,
                                   .adds = adds};
        if (pass->code != 0) return true;
        if (rk__gpu_gemm_run(pass->workspace->blas, pass->workspace->stream, &gemm)) continue;
        if (first == 0) return false;
        start(pass, cudaErrorNotSupported);
    }
    return true;
}

// cuBLASLt stores and adds by itself; the other endings follow it, the gated one out of a vector of
// its own.
static void multiply_many(rk__pass *pass, const rk__cuda_job *job) {
    rk__workspace *w = pass->workspace;
    const bool is_gated = job->ending == RK__END_GATED_ADD;
    float *out = is_gated ? w->branch : job->out;
    if (!multiply_tiles(pass, job, out, job->ending == RK__END_ADD)) {
        multiply_slowly(pass, job);
        return;
    }
    if (job->ending == RK__END_STORE || job->ending == RK__END_ADD || pass->code != 0) return;
    const rk__gpu_end a = {.product = out,
                           .out = job->out,
                           .gate = job->gate,
                           .rows = job->matrix->gpu.rows,
                           .out_stride = job->matrix->gpu.rows,
                           .n_tokens = (uint32_t)pass->n_tokens,
                           .ending = job->ending};
    start(pass, rk__gpu_end_run(w->stream, &a));
}

void rk__cuda_multiply(rk__pass *pass, const rk__cuda_job *jobs, size_t n_jobs) {
    for (size_t i = 0; i < n_jobs; i++) {
        if (jobs[i].matrix != NULL) show(pass, &jobs[i]);
    }
    multiply_few(pass, jobs, n_jobs);
    for (size_t i = 0; i < n_jobs; i++) {
        if (jobs[i].matrix == NULL || pass->code != 0) continue;
        if (goes_to_blas(pass, jobs[i].matrix)) multiply_many(pass, &jobs[i]);
    }
}

// ---- halves of layers

rk__gpu_heads rk__cuda_heads(const rk__pass *pass, const float *ln_weight, const float *ln_bias,
                             float *out) {
    const rk__stage *stage = pass->stage;
    return (rk__gpu_heads){.state = rk__cuda_state_row(pass, RK__CUDA_STATE_ROWS),
                           .sequence_floats = pass->state->sequence_floats,
                           .tokens = pass->tokens,
                           .ln_weight = ln_weight,
                           .ln_bias = ln_bias,
                           .eps = stage->group_norm_eps,
                           .n_head = (uint32_t)stage->dims.n_head,
                           .head_size = (uint32_t)stage->dims.head_size,
                           .out = out};
}

void rk__cuda_channel_mixing(rk__pass *pass) {
    const rk__common_weights *common = pass->common;
    const rk__channel_mixing_weights *w = &common->ffn;
    rk__workspace *ws = pass->workspace;
    const bool is_gated = w->receptance != NULL; // not in RWKV-7
    const rk__cuda_mix mixes[] = {{w->mix_k, NULL, &ws->ffn_key, w->key, NULL},
                                  {w->mix_r, NULL, &ws->ffn_receptance, w->receptance, NULL}};
    rk__cuda_norm_mix(pass, common->ln2_weight, common->ln2_bias, RK__CUDA_FFN_XX, true, mixes,
                      is_gated ? 2 : 1);
    const rk__cuda_job inputs[] = {
        {w->key, &ws->ffn_key, ws->ffn_hidden.gpu.x, RK__END_SQUARED_RELU, NULL},
        {w->receptance, &ws->ffn_receptance, ws->ffn_gate, RK__END_STORE, NULL}};
    rk__cuda_multiply(pass, inputs, 2);
    rk__cuda_round(pass, &ws->ffn_hidden, w->value);
    const rk__cuda_job value = {w->value, &ws->ffn_hidden, ws->x,
                                is_gated ? RK__END_GATED_ADD : RK__END_ADD, ws->ffn_gate};
    rk__cuda_multiply(pass, &value, 1);
}
