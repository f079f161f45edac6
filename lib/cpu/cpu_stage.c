// Opens a CPU stage: loads every tensor that its layers and its ends need into the place that the
// tables name.
#include "cpu/cpu_stage_internal.h"

#include <string.h>

#include "base/memory.h"
#include "cpu/cpu_load.h"
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
    rk_dtype *types; // owned: of all tensors of the plan; NULL: as they are stored
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

// The whole model's types, by the plan that files are written by.
static rk_status plan_types(opener *o, rk_error *err) {
    const rk__type_request request = {.target = o->part->dtype, .version = 101};
    if (o->part->keep_types) return RK_OK;
    return rk__weights_plan_types(o->weights, &request, &o->types, err);
}

// The type that a tensor is wanted in.
static rk_dtype wanted_type(const opener *o, size_t index) {
    const rk__tensor_plan *tensor = &o->weights->plan.tensors[index];
    return o->types == NULL ? rk__weights_info(o->weights, tensor)->dtype : o->types[index];
}

static bool is_block(rk_dtype dtype) {
    return rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK;
}

// How a matrix is multiplied, and the type it is held in for that. What no kernel multiplies
// becomes FP32. Of that, the old block formats have their activations rounded as their programs
// did: not those of Q4_1_O, nor rows that do not fill the blocks that activations are rounded in.
static const rk__product *find_product(const opener *o, const rk__tensor_plan *tensor,
                                       rk_dtype *dtype) {
    const rk__kernels *kernels = &o->stage->kernels;
    if (kernels->product[*dtype].multiply != NULL) return &kernels->product[*dtype];
    const bool rounds =
        is_block(*dtype) && *dtype != RK_DTYPE_Q4_1_O_V100 && tensor->columns % RK__Q8_BLOCK == 0;
    *dtype = RK_DTYPE_F32;
    return rounds ? &kernels->rounded_product : &kernels->product[RK_DTYPE_F32];
}

// Its input is mostly zeros.
static bool follows_squared_relu(const rk__tensor_plan *tensor) {
    return tensor->row->place == RK__IN_LAYER &&
           tensor->row->slot == offsetof(rk__common_weights, ffn.value);
}

static rk_status describe_matrix(opener *o, size_t index, rk__matrix *matrix, rk_error *err) {
    const rk__tensor_plan *tensor = &o->weights->plan.tensors[index];
    const bool is_embedding = tensor->row->role == RK__EMBEDDING;
    rk_dtype dtype = wanted_type(o, index);
    const rk__product *product = NULL;
    // Rows that are looked up may be in any block format: one is decoded at a time.
    if (!is_embedding || !is_block(dtype)) product = find_product(o, tensor, &dtype);
    memcpy(slot_of(o, tensor), &(const rk__matrix *){matrix}, sizeof(const rk__matrix *));
    if (is_embedding) return rk__matrix_describe_rows(matrix, o->weights, tensor, dtype, err);
    if (follows_squared_relu(tensor) && product != &o->stage->kernels.rounded_product) {
        return rk__matrix_describe_sparse(matrix, product, o->weights, tensor, dtype,
                                          rk_pool_threads(o->part->pool), err);
    }
    return rk__matrix_describe(matrix, product, o->weights, tensor, dtype, err);
}

// Where a matrix lies in the stage's memory, each at a multiple of a cache line; *end is moved
// behind it.
static rk_status place_matrix(const rk__matrix *matrix, size_t *begin, size_t *end, rk_error *err) {
    size_t bytes, padded_bytes;
    if (!rk__matrix_packed_bytes(&bytes, matrix) ||
        !rk_size_add(&padded_bytes, bytes, RK_CACHE_LINE - 1)) {
        return rk__fail_memory(err, SIZE_MAX);
    }
    *begin = *end;
    if (!rk_size_add(end, *begin, padded_bytes / RK_CACHE_LINE * RK_CACHE_LINE)) {
        return rk__fail_memory(err, SIZE_MAX);
    }
    return RK_OK;
}

// Describes all matrices, and gives them one piece of memory together, in the order in which a pass
// reads them.
static rk_status describe_matrices(opener *o, rk_error *err) {
    rk__stage *s = o->stage;
    size_t n_bytes = 0, begin = 0, end = 0;
    for (size_t i = 0; i < o->weights->plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &o->weights->plan.tensors[i];
        if (!is_ours(o, tensor) || rk__arch_is_vector(tensor->row)) continue;
        rk__matrix *matrix = &s->matrices[s->n_matrices++];
        RK_TRY(describe_matrix(o, i, matrix, err));
        RK_TRY(place_matrix(matrix, &begin, &n_bytes, err));
    }
    RK_TRY(rk__alloc_large((void **)&s->panels, n_bytes, err));
    for (size_t i = 0; i < s->n_matrices; i++) {
        RK_TRY(place_matrix(&s->matrices[i], &begin, &end, err));
        if (end == begin) continue; // rows that stay in the file
        s->matrices[i].data = s->panels + begin;
        s->matrices[i].planes.data = s->matrices[i].data;
    }
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

static rk_status load_tensors(opener *o, rk__loader *loader, rk_error *err) {
    const rk__matrix *matrix = o->stage->matrices; // in the order of the plan
    for (size_t i = 0; i < o->weights->plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &o->weights->plan.tensors[i];
        if (!is_ours(o, tensor)) continue;
        if (rk__arch_is_vector(tensor->row)) {
            RK_TRY(load_vector(o, tensor, err));
        } else {
            RK_TRY(rk__loader_read(loader, matrix++, tensor, err));
        }
        RK_TRY(report_progress(o, tensor, err));
    }
    return RK_OK;
}

static rk_status load_stage(rk__stage *stage, const rk__weights *weights, rk__stage_part *part,
                            rk_error *err) {
    opener o = {stage, weights, part, NULL};
    rk__loader *loader = NULL;
    rk_status status = plan_types(&o, err);
    if (status == RK_OK) status = alloc_weights(&o, err);
    if (status == RK_OK) status = describe_matrices(&o, err);
    if (status == RK_OK)
        status = rk__loader_new(&loader, &stage->kernels, weights, part->pool, err);
    if (status == RK_OK) status = load_tensors(&o, loader, err);
    rk__loader_free(&loader);
    rk__free(o.types);
    return status;
}

static void close_stage(rk__stage **stage) {
    rk__stage *s = *stage;
    if (s == NULL) return;
    rk__free(s->matrices);
    rk__free(s->panels);
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
    if (s->version == NULL) {
        status = rk__fail(err, RK_ERR_UNSUPPORTED, "%s does not run on the CPU", s->arch->name);
        goto out;
    }
    s->dims = weights->plan.dims;
    s->sizes = weights->plan.sizes;
    s->group_norm_eps = part->group_norm_eps;
    s->first_layer = part->first_layer;
    s->n_layers = part->n_layers;
    s->has_embedding = part->has_embedding;
    s->has_head = part->has_head;
    status = load_stage(s, weights, part, err);
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

static uint64_t embedding_bytes(const rk__stage *stage) {
    return stage->has_embedding ? rk__matrix_bytes(stage->outer.emb) : 0;
}

static rk_dtype main_dtype(const rk__stage *stage) {
    uint64_t values[RK_DTYPE_COUNT] = {0};
    rk_dtype most = stage->n_layers == 0 ? stage->outer.head->dtype : RK_DTYPE_F32;
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
    .embedding_bytes = embedding_bytes,
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
