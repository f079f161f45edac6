// The stage on a GPU: opening, closing, and what it knows about itself.
#include "cuda/cuda_internal.h"

#include "base/memory.h"
#include "cuda/cuda_devices.h"

static const rk__cuda_version *version_of(rk_arch arch) {
    static const rk__cuda_version *const versions[] = {&rk__cuda_rwkv4, &rk__cuda_rwkv5,
                                                       &rk__cuda_rwkv6, &rk__cuda_rwkv7};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (versions[i]->arch == arch) return versions[i];
    }
    return NULL;
}

static void close_stage(rk__stage **stage) {
    rk__stage *s = *stage;
    *stage = NULL;
    if (s == NULL) return;
    (void)rk__gpu_use(s->device, NULL);
    rk__gpu_release(&s->pieces);
    rk__free(s->matrices);
    rk__free(s->units);
    rk__free(s->layers);
    rk__free(s->empty_state);
    rk__free(s);
}

// Pieces are counted: a layer is one, and so is each end.
static rk_status check_model(const rk__stage *s, rk_error *err) {
    if (s->version == NULL) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "cuda:%zu: the GPU's kernels do not have %s",
                        s->device, s->arch->name);
    }
    if (s->dims.head_size > RK__GPU_HEAD_SIZE) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "cuda:%zu: heads of %zu channels; the GPU's kernels have up to %d",
                        s->device, s->dims.head_size, RK__GPU_HEAD_SIZE);
    }
    if (s->n_layers + 2 + RK__STREAM_BUFFERS > RK__GPU_PIECES) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "cuda:%zu: %zu layers in a stage, at most %d",
                        s->device, s->n_layers, RK__GPU_PIECES - 2 - RK__STREAM_BUFFERS);
    }
    return RK_OK;
}

static rk_status open_stage(rk__stage **out, const rk__weights *weights, rk__stage_part *part,
                            rk_error *err) {
    rk__stage *s = NULL;
    rk_status status = rk__alloc((void **)&s, 1, sizeof *s, err);
    if (status != RK_OK) goto out;
    s->device = part->device_index;
    s->pieces.device = part->device_index;
    s->arch = weights->plan.arch;
    s->version = version_of(s->arch->id);
    s->dims = weights->plan.dims;
    s->sizes = weights->plan.sizes;
    s->group_norm_eps = part->group_norm_eps;
    s->first_layer = part->first_layer;
    s->n_layers = part->n_layers;
    s->n_resident = part->n_resident;
    s->has_embedding = part->has_embedding;
    s->has_head = part->has_head;
    status = check_model(s, err);
    if (status == RK_OK) status = rk__gpu_use(s->device, err);
    if (status == RK_OK) status = rk__cuda_load(s, weights, part, err);
out:
    if (status != RK_OK) close_stage(&s);
    *out = s;
    return status;
}

static uint64_t matrix_bytes(const rk__matrix *matrix) {
    size_t row_bytes = 0;
    (void)rk_dtype_row_bytes(&row_bytes, matrix->gpu.dtype, matrix->gpu.columns);
    return (uint64_t)row_bytes * matrix->gpu.rows;
}

static uint64_t weight_bytes(const rk__stage *stage) {
    uint64_t bytes = stage->n_vector_floats * sizeof(float);
    for (size_t i = 0; i < stage->n_matrices; i++) bytes += matrix_bytes(&stage->matrices[i]);
    return bytes;
}

static uint64_t embedding_bytes(const rk__stage *stage) {
    return stage->has_embedding ? matrix_bytes(stage->outer.emb) : 0;
}

static rk_dtype main_dtype(const rk__stage *stage) {
    uint64_t values[RK_DTYPE_COUNT] = {0};
    rk_dtype most = stage->n_layers == 0 ? stage->outer.head->gpu.dtype : RK_DTYPE_F32;
    for (size_t i = 0; i < stage->n_matrices; i++) {
        const rk__matrix *matrix = &stage->matrices[i];
        if (matrix == stage->outer.emb || matrix == stage->outer.head) continue;
        values[matrix->gpu.dtype] += (uint64_t)matrix->gpu.rows * matrix->gpu.columns;
        if (values[matrix->gpu.dtype] > values[most]) most = matrix->gpu.dtype;
    }
    return most;
}

const rk__stage_ops rk__cuda_stage_ops = {
    .device = "cuda",
    .open = open_stage,
    .close = close_stage,
    .weight_bytes = weight_bytes,
    .embedding_bytes = embedding_bytes,
    .main_dtype = main_dtype,
    .workspace_new = rk__cuda_workspace_new,
    .workspace_free = rk__cuda_workspace_free,
    .state_new = rk__cuda_state_new,
    .state_free = rk__cuda_state_free,
    .state_clear = rk__cuda_state_clear,
    .state_export = rk__cuda_state_export,
    .state_import = rk__cuda_state_import,
    .forward = rk__cuda_forward,
};
