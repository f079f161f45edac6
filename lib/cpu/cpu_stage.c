// Opens a CPU stage: loads every tensor that its layers and its ends need into the place that the
// tables name.
#include "cpu/cpu_stage_internal.h"

#include <string.h>

#include "base/memory.h"
#include "tensor/finite.h"

static const rk__cpu_version *const versions[] = {&rk__cpu_rwkv4, &rk__cpu_rwkv5, &rk__cpu_rwkv6,
                                                  &rk__cpu_rwkv7};

static const rk__cpu_version *version_of(rk_arch arch) {
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (versions[i]->arch == arch) return versions[i];
    }
    return NULL;
}

// The loading of one stage.
typedef struct opener {
    rk__stage *stage;
    const rk__weights *weights;
    rk__stage_part *part;
} opener;

static bool is_ours(const opener *o, const rk__tensor_plan *tensor) {
    switch (tensor->row->place) {
    case RK__BEFORE_LAYERS:
        return o->part->has_embedding;
    case RK__AFTER_LAYERS:
        return o->part->has_head;
    case RK__IN_LAYER:
        break;
    }
    return tensor->layer >= o->part->first_layer &&
           tensor->layer < o->part->first_layer + o->part->n_layers;
}

// The pointer that the tensor's row names, in the layer's struct or in that of the tensors around
// the layers.
static void *slot_of(const opener *o, const rk__tensor_plan *tensor) {
    rk__stage *s = o->stage;
    uint8_t *base = (uint8_t *)&s->outer;
    if (tensor->row->place == RK__IN_LAYER) {
        base = s->layers + (tensor->layer - s->first_layer) * s->arch->layer_bytes;
    }
    return base + tensor->row->slot;
}

// Vectors start at multiples of a cache line.
static size_t padded(size_t n) {
    const size_t unit = RK_CACHE_LINE / sizeof(float);
    return (n + unit - 1) / unit * unit;
}

static rk_status alloc_weights(opener *o, rk_error *err) {
    rk__stage *s = o->stage;
    size_t n_matrices = 0;
    size_t n_floats = 0;
    for (size_t i = 0; i < o->weights->plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &o->weights->plan.tensors[i];
        if (!is_ours(o, tensor)) continue;
        if (rk__arch_is_vector(tensor->row)) {
            n_floats += padded(tensor->columns * tensor->repeat);
        } else {
            n_matrices++;
        }
    }
    RK_TRY(rk__alloc((void **)&s->matrices, n_matrices, sizeof s->matrices[0], err));
    RK_TRY(rk__alloc_aligned((void **)&s->vectors, n_floats, sizeof s->vectors[0], err));
    return rk__alloc((void **)&s->layers, s->n_layers, s->arch->layer_bytes, err);
}

// Spreads n values to `repeat` places each, in place, from the last one on.
static void repeat_values(float *values, size_t n, size_t repeat) {
    for (size_t i = n; i-- > 0;) {
        const float value = values[i];
        for (size_t j = 0; j < repeat; j++) values[i * repeat + j] = value;
    }
}

static rk_status check_vector(const opener *o, const rk__tensor_plan *tensor, const float *vector,
                              rk_error *err) {
    if (rk__values_are_finite(RK_DTYPE_F32, vector, tensor->columns)) return RK_OK;
    size_t i = 0;
    while (rk__values_are_finite(RK_DTYPE_F32, vector + i, 1)) i++;
    return rk__fail(err, RK_ERR_RANGE, "%s: value %zu of tensor %s is NaN or infinite",
                    rk_checkpoint_path(o->weights->file), i,
                    rk__weights_info(o->weights, tensor)->name);
}

static rk_status load_vector(opener *o, const rk__tensor_plan *tensor, rk_error *err) {
    rk__stage *s = o->stage;
    float *vector = s->vectors + s->n_vector_floats;
    s->n_vector_floats += padded(tensor->columns * tensor->repeat);
    RK_TRY(rk__weights_read_floats(o->weights, tensor, 0, 1, vector, err));
    RK_TRY(check_vector(o, tensor, vector, err));
    if (tensor->repeat > 1) repeat_values(vector, tensor->columns, tensor->repeat);
    memcpy(slot_of(o, tensor), &(const float *){vector}, sizeof(const float *));
    return RK_OK;
}

// The type a matrix is held in. Types that no kernel multiplies (float64, old block formats) become
// FP32.
static rk_dtype type_of(const opener *o, const rk__tensor_plan *tensor) {
    const rk_dtype stored = rk__weights_info(o->weights, tensor)->dtype;
    rk_dtype dtype = stored;
    if (!o->part->keep_types) {
        dtype = rk__arch_type(tensor->row, tensor->columns, stored, o->part->dtype,
                              o->weights->converted);
    }
    return o->stage->kernels.product[dtype].multiply == NULL ? RK_DTYPE_F32 : dtype;
}

static rk_status load_matrix(opener *o, const rk__tensor_plan *tensor, rk_error *err) {
    rk__stage *s = o->stage;
    rk__matrix *matrix = &s->matrices[s->n_matrices];
    const rk_dtype dtype = type_of(o, tensor);
    if (tensor->row->role == RK__EMBEDDING) {
        RK_TRY(rk__matrix_load_rows(matrix, o->weights, tensor, dtype, o->part->pool, err));
    } else {
        RK_TRY(rk__matrix_load(matrix, &s->kernels, o->weights, tensor, dtype, o->part->pool, err));
    }
    s->n_matrices++;
    memcpy(slot_of(o, tensor), &(const rk__matrix *){matrix}, sizeof(const rk__matrix *));
    return RK_OK;
}

static rk_status report_progress(opener *o, const rk__tensor_plan *tensor, rk_error *err) {
    rk__stage_part *part = o->part;
    part->loaded += rk__weights_source_bytes(o->weights, tensor);
    if (part->progress.report == NULL ||
        part->progress.report(part->progress.user, part->loaded, part->total)) {
        return RK_OK;
    }
    return rk__fail(err, RK_ERR_CANCELLED, "%s: loading was cancelled",
                    rk_checkpoint_path(o->weights->file));
}

static rk_status load_tensors(opener *o, rk_error *err) {
    for (size_t i = 0; i < o->weights->plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &o->weights->plan.tensors[i];
        if (!is_ours(o, tensor)) continue;
        if (rk__arch_is_vector(tensor->row)) {
            RK_TRY(load_vector(o, tensor, err));
        } else {
            RK_TRY(load_matrix(o, tensor, err));
        }
        RK_TRY(report_progress(o, tensor, err));
    }
    return RK_OK;
}

static void close_stage(rk__stage **stage) {
    rk__stage *s = *stage;
    if (s == NULL) return;
    for (size_t i = 0; i < s->n_matrices; i++) rk__matrix_fini(&s->matrices[i]);
    rk__free(s->matrices);
    rk__free(s->vectors);
    rk__free(s->layers);
    rk__free(s);
    *stage = NULL;
}

static rk_status open_stage(rk__stage **out, const rk__weights *weights, rk__stage_part *part,
                            rk_error *err) {
    rk__stage *s = NULL;
    rk_status status = rk__alloc((void **)&s, 1, sizeof *s, err);
    if (status != RK_OK) goto out;
    rk__kernels_init(&s->kernels, rk__isa_available());
    s->arch = weights->plan.arch;
    s->version = version_of(s->arch->id);
    s->dims = weights->plan.dims;
    s->sizes = weights->plan.sizes;
    s->group_norm_eps = part->group_norm_eps;
    s->first_layer = part->first_layer;
    s->n_layers = part->n_layers;
    s->has_embedding = part->has_embedding;
    s->has_head = part->has_head;
    opener o = {s, weights, part};
    status = alloc_weights(&o, err);
    if (status == RK_OK) status = load_tensors(&o, err);
out:
    if (status != RK_OK) close_stage(&s);
    *out = s;
    return status;
}

const rk__common_weights *rk__layer_common(const rk__stage *stage, size_t layer) {
    return (const rk__common_weights *)(const void *)(stage->layers +
                                                      layer * stage->arch->layer_bytes);
}

static uint64_t weight_bytes(const rk__stage *stage) {
    uint64_t bytes = stage->n_vector_floats * sizeof(float);
    for (size_t i = 0; i < stage->n_matrices; i++) bytes += rk__matrix_bytes(&stage->matrices[i]);
    return bytes;
}

static rk_dtype main_dtype(const rk__stage *stage) {
    uint64_t values[RK_DTYPE_COUNT] = {0};
    rk_dtype most = RK_DTYPE_F32;
    for (size_t i = 0; i < stage->n_matrices; i++) {
        const rk__matrix *matrix = &stage->matrices[i];
        if (matrix == stage->outer.emb || matrix == stage->outer.head) continue;
        values[matrix->dtype] += (uint64_t)matrix->rows * matrix->columns;
        if (values[matrix->dtype] > values[most]) most = matrix->dtype;
    }
    return most;
}

const rk__stage_ops rk__cpu_stage_ops = {
    .device = "cpu",
    .open = open_stage,
    .close = close_stage,
    .weight_bytes = weight_bytes,
    .main_dtype = main_dtype,
    .workspace_new = rk__cpu_workspace_new,
    .workspace_free = rk__cpu_workspace_free,
    .state_new = rk__cpu_state_new,
    .state_free = rk__cpu_state_free,
    .state_clear = rk__cpu_state_clear,
    .state_export = rk__cpu_state_export,
    .state_import = rk__cpu_state_import,
    .forward = rk__cpu_forward,
};
