// Loads a stage. Where everything will lie is found first; then the threads of the pool read slabs
// of rows, check them, cut them as kernels want them, and copy them to their places: memory of the
// device, or pinned memory of the host for layers that are streamed.
#include "cuda/cuda_internal.h"

#include <cuda_runtime_api.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "cuda/cuda_pack.h"
#include "stage/weigh_layers.h"
#include "tensor/finite.h"

enum { ALIGNMENT = 256, SLAB_VALUES = 1 << 18, ROW_BYTES = 16 };

// Where a tensor lies in its unit.
typedef struct place {
    size_t unit;
    size_t values, steps, fifths;             // offsets
    size_t row_values, row_steps, row_fifths; // bytes of a row
} place;

typedef struct opener {
    rk__stage *stage;
    const rk__weights *weights;
    rk__stage_part *part;
    rk_dtype *types; // owned: of all tensors of the plan; NULL: as they are stored
    place *places;   // owned: of all tensors of the plan
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

static size_t unit_of(const opener *o, const rk__tensor_plan *tensor) {
    const rk__stage *s = o->stage;
    if (tensor->row->place == RK__BEFORE_LAYERS) return s->n_layers;
    if (tensor->row->place == RK__AFTER_LAYERS) return s->n_layers + 1;
    return tensor->layer - s->first_layer;
}

// Tuned initial states stay on the host, in the empty state.
static bool is_on_device(const rk__tensor_plan *tensor) {
    return tensor->row->role != RK__STATE;
}

// ---- where everything lies

// Moves the end of a unit behind a part of so many bytes; its offset.
static rk_status reserve(rk__cuda_unit *unit, size_t rows, size_t row_bytes, size_t *offset,
                         rk_error *err) {
    size_t bytes;
    *offset = (unit->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!rk_size_mul(&bytes, rows, row_bytes) || !rk_size_add(&unit->bytes, *offset, bytes)) {
        return rk__fail_memory(err, SIZE_MAX);
    }
    return RK_OK;
}

static rk_status place_tensor(opener *o, size_t index, rk_error *err) {
    const rk__tensor_plan *tensor = &o->weights->plan.tensors[index];
    const rk_dtype dtype = rk__held_type(o->weights, o->types, index);
    const rk__gpu_layout l = rk__gpu_layout_of(dtype);
    const size_t columns = tensor->columns * tensor->repeat;
    place *p = &o->places[index];
    if (l.block_values == 0) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: the GPU's kernels do not have %s",
                        rk__weights_info(o->weights, tensor)->name, rk_dtype_describe(dtype)->name);
    }
    if (columns % l.block_values != 0) {
        return rk__fail(err, RK_ERR_SHAPE, "%s: rows of %zu values do not fit %s",
                        rk__weights_info(o->weights, tensor)->name, columns,
                        rk_dtype_describe(dtype)->name);
    }
    if (columns > UINT32_MAX || tensor->rows > INT32_MAX) return rk__fail_memory(err, SIZE_MAX);
    const size_t n_blocks = columns / l.block_values;
    // Rows of floats begin where vectors of 16 bytes may be read.
    p->row_values = (n_blocks * l.values + ROW_BYTES - 1) / ROW_BYTES * ROW_BYTES;
    p->row_steps = n_blocks * l.steps;
    p->row_fifths = n_blocks * l.fifths;
    p->unit = unit_of(o, tensor);
    rk__cuda_unit *unit = &o->stage->units[p->unit];
    RK_TRY(reserve(unit, tensor->rows, p->row_values, &p->values, err));
    RK_TRY(reserve(unit, tensor->rows, p->row_steps, &p->steps, err));
    return reserve(unit, tensor->rows, p->row_fifths, &p->fifths, err);
}

static rk_status place_tensors(opener *o, rk_error *err) {
    size_t n_matrices = 0;
    for (size_t i = 0; i < o->weights->plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &o->weights->plan.tensors[i];
        if (!is_ours(o, tensor) || !is_on_device(tensor)) continue;
        n_matrices += rk__arch_is_vector(tensor->row) ? 0 : 1;
        RK_TRY(place_tensor(o, i, err));
    }
    return rk__alloc((void **)&o->stage->matrices, n_matrices, sizeof o->stage->matrices[0], err);
}

// ---- memory

static bool is_streamed(const rk__stage *s, size_t unit) {
    return unit >= s->n_resident && unit < s->n_layers;
}

static rk_status take_units(rk__stage *s, rk_error *err) {
    size_t largest = 0;
    for (size_t i = 0; i < s->n_layers + 2; i++) {
        rk__cuda_unit *unit = &s->units[i];
        if (!is_streamed(s, i)) {
            RK_TRY(rk__gpu_take(&s->pieces, (void **)&unit->data, unit->bytes, "weights", err));
            continue;
        }
        largest = unit->bytes > largest ? unit->bytes : largest;
        RK_TRY(rk__gpu_take_pinned(&s->pieces, (void **)&unit->host, unit->bytes,
                                   "layers to be streamed", err));
    }
    for (size_t i = 0; i < RK__STREAM_BUFFERS && s->n_resident + i < s->n_layers; i++) {
        RK_TRY(rk__gpu_take(&s->pieces, (void **)&s->buffers[i], largest,
                            "buffers of streamed layers", err));
    }
    for (size_t i = s->n_resident; i < s->n_layers; i++) {
        s->units[i].data = s->buffers[(i - s->n_resident) % RK__STREAM_BUFFERS];
    }
    return RK_OK;
}

// Copies bytes to their place in a unit.
static rk_status copy_to_unit(const rk__stage *s, const place *p, size_t offset, const void *bytes,
                              size_t size, rk_error *err) {
    const rk__cuda_unit *unit = &s->units[p->unit];
    if (size == 0) return RK_OK;
    if (unit->host != NULL) {
        memcpy(unit->host + offset, bytes, size);
        return RK_OK;
    }
    const unsigned code = cudaMemcpy(unit->data + offset, bytes, size, cudaMemcpyHostToDevice);
    return rk__gpu_check(code, s->device, "copying weights", err);
}

// ---- matrices, by all threads

// What one thread works with.
typedef struct buffers {
    uint8_t *rows, *values, *steps, *fifths; // owned
    float *scratch;                          // owned
} buffers;

typedef struct task {
    const opener *o;
    const rk__tensor_plan *tensor;
    const place *place;
    rk_dtype dtype;
    size_t row_bytes, slab_rows;
    atomic_size_t next; // row of the next slab
    atomic_bool failed, is_wide;
    pthread_mutex_t lock; // guards status and error: the first failure is reported
    rk_status status;
    rk_error error;
} task;

static rk_status buffers_init(buffers *b, const task *t, rk_error *err) {
    const size_t n = t->slab_rows;
    *b = (buffers){0};
    RK_TRY(rk__alloc_aligned((void **)&b->rows, n, t->row_bytes, err));
    RK_TRY(rk__alloc((void **)&b->values, n, t->place->row_values, err));
    RK_TRY(rk__alloc_aligned((void **)&b->steps, n, t->place->row_steps, err));
    RK_TRY(rk__alloc_aligned((void **)&b->fifths, n, t->place->row_fifths, err));
    return rk__alloc_aligned((void **)&b->scratch, n * t->tensor->columns, sizeof(float), err);
}

static void buffers_fini(buffers *b) {
    rk__free(b->rows);
    rk__free(b->values);
    rk__free(b->steps);
    rk__free(b->fifths);
    rk__free(b->scratch);
}

static rk_status check_slab(const task *t, const uint8_t *rows, size_t first, size_t n,
                            rk_error *err) {
    const size_t columns = t->tensor->columns;
    if (rk__values_are_finite(t->dtype, rows, n * columns)) return RK_OK;
    size_t row = 0;
    while (rk__values_are_finite(t->dtype, rows + row * t->row_bytes, columns)) row++;
    return rk__fail(err, RK_ERR_RANGE, "%s: row %zu of tensor %s holds NaN or infinity",
                    rk_checkpoint_path(t->o->weights->file), first + row,
                    rk__weights_info(t->o->weights, t->tensor)->name);
}

// Has a bfloat16 row values that FP16 does not reach?
static bool has_wide_values(const uint8_t *rows, size_t n) {
    enum { LARGEST = 0x477f }; // 65280
    for (size_t i = 0; i < n; i++) {
        const unsigned bits = rows[2 * i] | (unsigned)rows[2 * i + 1] << 8;
        if ((bits & 0x7fffu) > LARGEST) return true;
    }
    return false;
}

static rk_status load_slab(task *t, buffers *b, size_t first, size_t n, rk_error *err) {
    const rk__stage *s = t->o->stage;
    const place *p = t->place;
    const rk__gpu_layout l = rk__gpu_layout_of(t->dtype);
    const size_t columns = t->tensor->columns, n_blocks = columns / l.block_values;
    RK_TRY(rk__weights_read_as(t->o->weights, t->tensor, t->dtype, first, n, b->rows,
                               n * t->row_bytes, b->scratch, err));
    RK_TRY(check_slab(t, b->rows, first, n, err));
    if (t->dtype == RK_DTYPE_BF16 && has_wide_values(b->rows, n * columns)) {
        atomic_store(&t->is_wide, true);
    }
    for (size_t i = 0; i < n; i++) {
        rk__gpu_pack(t->dtype, b->rows + i * t->row_bytes, n_blocks, b->values + i * p->row_values,
                     b->steps + i * p->row_steps, b->fifths + i * p->row_fifths);
    }
    RK_TRY(
        copy_to_unit(s, p, p->values + first * p->row_values, b->values, n * p->row_values, err));
    RK_TRY(copy_to_unit(s, p, p->steps + first * p->row_steps, b->steps, n * p->row_steps, err));
    return copy_to_unit(s, p, p->fifths + first * p->row_fifths, b->fifths, n * p->row_fifths, err);
}

static rk_status load_slabs(task *t, rk_error *err) {
    buffers b = {0};
    rk_status status = rk__gpu_use(t->o->stage->device, err); // of this thread
    if (status == RK_OK) status = buffers_init(&b, t, err);
    while (status == RK_OK && !atomic_load(&t->failed)) {
        const size_t first = atomic_fetch_add(&t->next, t->slab_rows);
        if (first >= t->tensor->rows) break;
        const size_t left = t->tensor->rows - first;
        status = load_slab(t, &b, first, left < t->slab_rows ? left : t->slab_rows, err);
    }
    buffers_fini(&b);
    return status;
}

static void load_job(void *argument, size_t thread, size_t n_threads) {
    (void)thread;
    (void)n_threads;
    task *t = argument;
    rk_error error = {0};
    const rk_status status = load_slabs(t, &error);
    if (status == RK_OK) return;
    pthread_mutex_lock(&t->lock);
    if (t->status == RK_OK) {
        t->status = status;
        t->error = error;
    }
    pthread_mutex_unlock(&t->lock);
    atomic_store(&t->failed, true);
}

static size_t slab_rows(const rk__tensor_plan *tensor) {
    const size_t n = SLAB_VALUES / tensor->columns;
    const size_t some = n == 0 ? 1 : n;
    return some < tensor->rows ? some : tensor->rows;
}

static rk_status load_values(opener *o, size_t index, bool *is_wide, rk_error *err) {
    const rk__weights *weights = o->weights;
    const rk__tensor_plan *tensor = &weights->plan.tensors[index];
    task t = {.o = o,
              .tensor = tensor,
              .place = &o->places[index],
              .dtype = rk__held_type(weights, o->types, index),
              .slab_rows = slab_rows(tensor),
              .lock = PTHREAD_MUTEX_INITIALIZER};
    (void)rk_dtype_row_bytes(&t.row_bytes, t.dtype, tensor->columns); // place_tensor has checked it
    // A checksum is taken from the slabs as they are read, not from the file beforehand.
    if (!tensor->in_parts) rk__checkpoint_defer_check(weights->file, tensor->source);
    rk_pool_run(o->part->pool, load_job, &t);
    pthread_mutex_destroy(&t.lock);
    RK_TRY(rk__checkpoint_settle_check(weights->file, tensor->source, err));
    *is_wide = atomic_load(&t.is_wide);
    if (t.status != RK_OK && err != NULL) *err = t.error;
    return t.status;
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

static rk_status load_matrix(opener *o, size_t index, rk_error *err) {
    rk__stage *s = o->stage;
    const rk__tensor_plan *tensor = &o->weights->plan.tensors[index];
    const place *p = &o->places[index];
    const rk_dtype dtype = rk__held_type(o->weights, o->types, index);
    const rk__gpu_layout l = rk__gpu_layout_of(dtype);
    const uint8_t *base = s->units[p->unit].data;
    rk__matrix *matrix = &s->matrices[s->n_matrices++];
    *matrix = (rk__matrix){
        .name = rk__weights_info(o->weights, tensor)->name,
        .gpu = {.values = base + p->values,
                .steps = l.steps == 0 ? NULL : (const uint16_t *)(const void *)(base + p->steps),
                .fifths = l.fifths == 0 ? NULL : (const uint32_t *)(const void *)(base + p->fifths),
                .rows = (uint32_t)tensor->rows,
                .columns = (uint32_t)tensor->columns,
                .stride = (uint32_t)(p->row_values / l.values * l.block_values),
                .dtype = dtype}};
    memcpy(slot_of(o, tensor), &(const rk__matrix *){matrix}, sizeof(const rk__matrix *));
    return load_values(o, index, &matrix->is_wide, err);
}

// ---- vectors

// Spreads n values to `repeat` places each, in place, from the last one on.
static void repeat_values(float *values, size_t n, size_t repeat) {
    for (size_t i = n; i-- > 0;) {
        const float value = values[i];
        for (size_t j = 0; j < repeat; j++) values[i * repeat + j] = value;
    }
}

static rk_status check_vector(const opener *o, const rk__tensor_plan *tensor, const float *vector,
                              rk_error *err) {
    for (size_t i = 0; i < tensor->columns; i++) {
        if (rk__values_are_finite(RK_DTYPE_F32, vector + i, 1)) continue;
        return rk__fail(err, RK_ERR_RANGE, "%s: value %zu of tensor %s is NaN or infinite",
                        rk_checkpoint_path(o->weights->file), i,
                        rk__weights_info(o->weights, tensor)->name);
    }
    return RK_OK;
}

static rk_status store_vector(opener *o, size_t index, float *vector, rk_error *err) {
    rk__stage *s = o->stage;
    const rk__tensor_plan *tensor = &o->weights->plan.tensors[index];
    const size_t n = tensor->columns * tensor->repeat;
    RK_TRY(rk__weights_read_floats(o->weights, tensor, 0, 1, vector, err));
    RK_TRY(check_vector(o, tensor, vector, err));
    if (!is_on_device(tensor)) {
        float *state = s->empty_state + (tensor->layer - s->first_layer) * s->layer_floats;
        memcpy(state + RK__CUDA_STATE_ROWS * s->dims.n_embd, vector, n * sizeof vector[0]);
        return RK_OK;
    }
    if (tensor->repeat > 1) repeat_values(vector, tensor->columns, tensor->repeat);
    const place *p = &o->places[index];
    const float *data = (const float *)(const void *)(s->units[p->unit].data + p->values);
    memcpy(slot_of(o, tensor), &data, sizeof data);
    s->n_vector_floats += n;
    return copy_to_unit(s, p, p->values, vector, n * sizeof vector[0], err);
}

static rk_status load_vector(opener *o, size_t index, rk_error *err) {
    const rk__tensor_plan *tensor = &o->weights->plan.tensors[index];
    float *vector = NULL;
    RK_TRY(rk__alloc_aligned((void **)&vector, tensor->columns * tensor->repeat, sizeof vector[0],
                             err));
    const rk_status status = store_vector(o, index, vector, err);
    rk__free(vector);
    return status;
}

// ---- all of it

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
            RK_TRY(load_vector(o, i, err));
        } else {
            RK_TRY(load_matrix(o, i, err));
        }
        RK_TRY(report_progress(o, tensor, err));
    }
    return RK_OK;
}

static rk_status make_empty_state(rk__stage *s, rk_error *err) {
    s->layer_floats = s->arch->state_rows(&s->dims) * s->dims.n_embd;
    RK_TRY(rk__alloc((void **)&s->empty_state, s->n_layers * s->layer_floats,
                     sizeof s->empty_state[0], err));
    for (size_t i = 0; i < s->n_layers; i++) {
        s->arch->empty_state(s->empty_state + i * s->layer_floats, &s->dims);
    }
    return RK_OK;
}

static rk_status load(opener *o, rk_error *err) {
    rk__stage *s = o->stage;
    const rk__type_request request = {.target = o->part->dtype, .version = 101};
    if (!o->part->keep_types) {
        RK_TRY(rk__weights_plan_types(o->weights, &request, &o->types, err));
    }
    RK_TRY(rk__alloc((void **)&o->places, o->weights->plan.n_tensors, sizeof o->places[0], err));
    RK_TRY(rk__alloc((void **)&s->units, s->n_layers + 2, sizeof s->units[0], err));
    RK_TRY(rk__alloc((void **)&s->layers, s->n_layers, s->arch->layer_bytes, err));
    RK_TRY(make_empty_state(s, err));
    RK_TRY(place_tensors(o, err));
    RK_TRY(take_units(s, err));
    return load_tensors(o, err);
}

rk_status rk__cuda_load(rk__stage *stage, const rk__weights *weights, rk__stage_part *part,
                        rk_error *err) {
    opener o = {.stage = stage, .weights = weights, .part = part};
    const rk_status status = load(&o, err);
    rk__free(o.places);
    rk__free(o.types);
    return status;
}
