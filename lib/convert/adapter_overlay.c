// Adapters as an overlay, a slab of rows at a time.
#include "convert/adapter_overlay.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "convert/blas.h"

static size_t number_of(const rk__adapter_overlay *overlay, const rk__tensor_plan *tensor) {
    return (size_t)(tensor - overlay->model->plan.tensors);
}

static bool touches(void *self, const rk__tensor_plan *tensor) {
    const rk__adapter_overlay *overlay = self;
    const size_t number = number_of(overlay, tensor);
    for (size_t i = 0; i < overlay->n_adapters; i++) {
        if (rk__adapter_changes(&overlay->adapters[i], number)) return true;
    }
    return false;
}

// Is the tensor read the other way round than a checkpoint has it?
static bool is_turned(const rk__weights *model, const rk__tensor_plan *tensor) {
    return tensor->row->conversion == RK__TRANSPOSE && !model->as_checkpoint;
}

// ---- loading

// The part of a tensor of a file that belongs to the model's: rows, and columns.
typedef struct extent {
    size_t first, rows, columns;
} extent;

static extent extent_of(const rk_checkpoint *file, size_t index, const rk__tensor_plan *tensor) {
    extent e = {0};
    (void)rk_shape_matrix(&e.rows, &e.columns, &rk_checkpoint_tensor(file, index)->shape);
    if (rk__arch_is_joined(tensor->row, RK__NAMES_CHECKPOINT)) {
        e.rows /= tensor->row->n_parts;
        e.first = tensor->row->part * e.rows;
    }
    return e;
}

static rk_status load(float *out, rk_checkpoint *file, size_t index, rk_error *err) {
    const rk_shape *shape = &rk_checkpoint_tensor(file, index)->shape;
    return rk_checkpoint_read_floats(file, index, 0, shape->dims[0], out, err);
}

static void transpose(float *out, const float *in, size_t rows, size_t columns) {
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) out[j * rows + i] = in[i * columns + j];
    }
}

// Whole replacements are those of vectors, and of small matrices that are turned.
static rk_status load_whole(rk__adapter_work *w, const rk__adapter *adapter,
                            const rk__weights *model, const rk__tensor_plan *tensor,
                            rk_error *err) {
    const extent e = extent_of(adapter->file, w->replacement, tensor);
    const size_t n = e.rows * e.columns;
    float *values = NULL;
    RK_TRY(rk__alloc_aligned((void **)&values, n, sizeof values[0], err));
    rk_status status =
        rk_checkpoint_read_floats(adapter->file, w->replacement, e.first, e.rows, values, err);
    if (status != RK_OK) goto out;
    if (rk__arch_is_vector(tensor->row)) {
        const bool turned = is_turned(model, tensor);
        if (turned) rk__transpose_squares(values, n, model->plan.dims.head_size);
        w->whole = values;
        return RK_OK;
    }
    status = rk__alloc_aligned((void **)&w->whole, n, sizeof values[0], err);
    if (status == RK_OK) transpose(w->whole, values, e.rows, e.columns);
out:
    rk__free(values);
    return status;
}

// B with the initial one behind each of its rows: [rows][rank], then [rows][rank_0].
static void join_columns(float *out, const float *b, const float *initial, size_t rows, size_t rank,
                         size_t rank_0) {
    for (size_t i = 0; i < rows; i++) {
        float *row = out + i * (rank + rank_0);
        memcpy(row, b + i * rank, rank * sizeof row[0]);
        for (size_t k = 0; k < rank_0; k++) row[rank + k] = -initial[i * rank_0 + k];
    }
}

static size_t initial_rank(const rk__adapter *adapter, size_t tensor) {
    if (adapter->init == NULL) return 0;
    const size_t a = adapter->changes[tensor].of[RK__KEY_INITIAL_A];
    return rk_checkpoint_tensor(adapter->init, a)->shape.dims[0];
}

static rk_status load_b(rk__adapter_work *w, const rk__adapter *adapter,
                        const rk__adapter_change *change, size_t rank, rk_error *err) {
    const size_t rank_0 = w->rank - rank;
    float *both = NULL;
    if (rank_0 == 0) return load(w->b, adapter->file, change->of[RK__KEY_B], err);
    RK_TRY(rk__alloc_aligned((void **)&both, w->rows * w->rank, sizeof both[0], err));
    float *initial = both + w->rows * rank;
    rk_status status = load(both, adapter->file, change->of[RK__KEY_B], err);
    if (status == RK_OK) {
        status = load(initial, adapter->init, change->of[RK__KEY_INITIAL_B], err);
    }
    if (status == RK_OK) join_columns(w->b, both, initial, w->rows, rank, rank_0);
    rk__free(both);
    return status;
}

// (B A)^T = A^T B^T.
static rk_status turn_product(rk__adapter_work *w, rk_error *err) {
    float *a = NULL, *b = NULL;
    RK_TRY(rk__alloc_aligned((void **)&a, w->rank * w->rows, sizeof a[0], err));
    const rk_status status = rk__alloc_aligned((void **)&b, w->columns * w->rank, sizeof b[0], err);
    if (status != RK_OK) {
        rk__free(a);
        return status;
    }
    transpose(a, w->b, w->rows, w->rank);
    transpose(b, w->a, w->rank, w->columns);
    rk__free(w->a);
    rk__free(w->b);
    const size_t rows = w->rows;
    w->a = a;
    w->b = b;
    w->rows = w->columns;
    w->columns = rows;
    return RK_OK;
}

static rk_status load_product(rk__adapter_work *w, const rk__adapter *adapter, size_t tensor,
                              bool turned, rk_error *err) {
    const rk__adapter_change *change = &adapter->changes[tensor];
    const size_t rank = rk__adapter_rank(adapter, tensor);
    if (rank == 0) return RK_OK;
    w->rank = rank + initial_rank(adapter, tensor);
    w->rows = rk_checkpoint_tensor(adapter->file, change->of[RK__KEY_B])->shape.dims[0];
    w->columns = rk_checkpoint_tensor(adapter->file, change->of[RK__KEY_A])->shape.dims[1];
    w->scale = (float)rk__adapter_product_scale(adapter, tensor);
    RK_TRY(rk__alloc_aligned((void **)&w->a, w->rank * w->columns, sizeof w->a[0], err));
    RK_TRY(rk__alloc_aligned((void **)&w->b, w->rows * w->rank, sizeof w->b[0], err));
    RK_TRY(load(w->a, adapter->file, change->of[RK__KEY_A], err));
    if (w->rank > rank) {
        RK_TRY(load(w->a + rank * w->columns, adapter->init, change->of[RK__KEY_INITIAL_A], err));
    }
    RK_TRY(load_b(w, adapter, change, rank, err));
    return turned ? turn_product(w, err) : RK_OK;
}

static void drop_work(rk__adapter_overlay *overlay) {
    for (size_t i = 0; overlay->work != NULL && i < overlay->n_adapters; i++) {
        rk__adapter_work *w = &overlay->work[i];
        rk__free(w->a);
        rk__free(w->b);
        rk__free(w->whole);
        rk__shards_free(&w->shards);
        *w = (rk__adapter_work){.replacement = RK__NO_TENSOR};
    }
    overlay->selected = RK__NO_TENSOR;
}

static rk_status load_work(rk__adapter_overlay *overlay, size_t number, size_t tensor,
                           rk_error *err) {
    const rk__adapter *adapter = &overlay->adapters[number];
    const rk__tensor_plan *plan = &overlay->model->plan.tensors[tensor];
    rk__adapter_work *w = &overlay->work[number];
    const bool turned = is_turned(overlay->model, plan);
    w->replacement = adapter->changes[tensor].of[RK__KEY_REPLACEMENT];
    if (w->replacement != RK__NO_TENSOR && (turned || rk__arch_is_vector(plan->row))) {
        RK_TRY(load_whole(w, adapter, overlay->model, plan, err));
    }
    RK_TRY(rk__shards_load(&w->shards, adapter, tensor, overlay->subtract, err));
    RK_TRY(load_product(w, adapter, tensor, turned, err));
    if (overlay->subtract) w->scale = -w->scale;
    return RK_OK;
}

rk_status rk__adapter_overlay_select(rk__adapter_overlay *overlay, size_t tensor, rk_error *err) {
    drop_work(overlay);
    for (size_t i = 0; i < overlay->n_adapters; i++) {
        RK_TRY(load_work(overlay, i, tensor, err));
    }
    overlay->selected = tensor;
    return RK_OK;
}

// ---- applying

// W += scale * (X - W); with a scale of 1 that is X.
static void blend(float *values, const float *given, size_t n, float scale) {
    for (size_t i = 0; i < n; i++) values[i] += scale * (given[i] - values[i]);
}

static rk_status replace(const rk__adapter_work *w, const rk__adapter *adapter,
                         const rk__tensor_plan *tensor, size_t first, size_t n_rows, float *values,
                         rk_error *err) {
    const size_t n = n_rows * tensor->columns;
    const float scale = (float)adapter->scale;
    const float *whole = w->whole == NULL ? NULL : w->whole + first * tensor->columns;
    const size_t begin = extent_of(adapter->file, w->replacement, tensor).first + first;
    if (whole == NULL && scale == 1.0F) {
        return rk_checkpoint_read_floats(adapter->file, w->replacement, begin, n_rows, values, err);
    }
    if (scale == 1.0F) {
        memcpy(values, whole, n * sizeof values[0]);
    } else if (whole != NULL) {
        blend(values, whole, n, scale);
    } else {
        float *given;
        RK_TRY(rk__alloc_aligned((void **)&given, n, sizeof given[0], err));
        const rk_status status =
            rk_checkpoint_read_floats(adapter->file, w->replacement, begin, n_rows, given, err);
        if (status == RK_OK) blend(values, given, n, scale);
        rk__free(given);
        return status;
    }
    return RK_OK;
}

static void add_product(const rk__adapter_work *w, const rk__tensor_plan *tensor, size_t first,
                        size_t n_rows, float *values) {
    if (w->rank == 0) return;
    // A vector that is a matrix in a checkpoint is read whole.
    const bool vector = rk__arch_is_vector(tensor->row);
    rk__blas_add_product(values, w->b + (vector ? 0 : first * w->rank), w->a,
                         vector ? w->rows : n_rows, w->columns, w->rank, w->scale);
}

static rk_status apply(void *self, const rk__tensor_plan *tensor, size_t first, size_t n_rows,
                       float *values, rk_error *err) {
    const rk__adapter_overlay *overlay = self;
    assert(number_of(overlay, tensor) == overlay->selected);
    for (size_t i = 0; i < overlay->n_adapters; i++) {
        const size_t number = overlay->subtract ? overlay->n_adapters - 1 - i : i;
        const rk__adapter_work *w = &overlay->work[number];
        if (overlay->subtract) add_product(w, tensor, first, n_rows, values);
        if (w->replacement != RK__NO_TENSOR) {
            RK_TRY(replace(w, &overlay->adapters[number], tensor, first, n_rows, values, err));
        }
        if (w->shards.values != NULL) {
            RK_TRY(rk__shards_apply(&w->shards, first, n_rows, tensor->columns, values, err));
        }
        if (!overlay->subtract) add_product(w, tensor, first, n_rows, values);
    }
    return RK_OK;
}

// ---- the overlay

rk_status rk__adapter_overlay_init(rk__adapter_overlay *overlay, const rk__weights *model,
                                   const rk_convert_options *options, rk_error *err) {
    *overlay = (rk__adapter_overlay){.overlay = {apply, touches, overlay},
                                     .model = model,
                                     .subtract = options->subtract,
                                     .selected = RK__NO_TENSOR};
    const size_t n = options->n_adapters;
    rk_status status = rk__alloc((void **)&overlay->adapters, n, sizeof overlay->adapters[0], err);
    if (status != RK_OK) goto out;
    status = rk__alloc((void **)&overlay->work, n, sizeof overlay->work[0], err);
    for (size_t i = 0; status == RK_OK && i < n; i++) {
        status =
            rk__adapter_open(&overlay->adapters[i], &options->adapters[i], model, options, err);
        if (status == RK_OK) overlay->n_adapters++;
    }
out:
    if (status != RK_OK) rk__adapter_overlay_fini(overlay);
    return status;
}

void rk__adapter_overlay_fini(rk__adapter_overlay *overlay) {
    drop_work(overlay);
    rk__free(overlay->work);
    for (size_t i = 0; i < overlay->n_adapters; i++) rk__adapter_close(&overlay->adapters[i]);
    rk__free(overlay->adapters);
    *overlay = (rk__adapter_overlay){0};
}

size_t rk__adapter_overlay_describe(const rk__adapter_overlay *overlay, size_t tensor,
                                    rk_merge_part *parts) {
    size_t n = 0;
    for (size_t i = 0; i < overlay->n_adapters; i++) {
        const size_t number = overlay->subtract ? overlay->n_adapters - 1 - i : i;
        const size_t n_own =
            rk__adapter_describe(&overlay->adapters[number], tensor, number, parts + n);
        for (size_t k = 0; overlay->subtract && k < n_own; k++) {
            parts[n + k].scale = -parts[n + k].scale;
        }
        n += n_own;
    }
    return n;
}

// Factors as float32, twice while they are joined or turned.
static size_t product_bytes(const rk__adapter *adapter, const rk__weights *model, size_t tensor) {
    const size_t rank = rk__adapter_rank(adapter, tensor);
    if (rank == 0) return 0;
    const rk_shape shape =
        rk__arch_shape(&model->plan, &model->plan.tensors[tensor], RK__NAMES_CHECKPOINT);
    const size_t bytes =
        (rank + initial_rank(adapter, tensor)) * (shape.dims[0] + shape.dims[1]) * sizeof(float);
    const bool twice = adapter->init != NULL || is_turned(model, &model->plan.tensors[tensor]);
    return twice ? 2 * bytes : bytes;
}

size_t rk__adapter_overlay_bytes(const rk__adapter_overlay *overlay, size_t tensor, size_t n_rows,
                                 size_t n_threads) {
    const rk__tensor_plan *plan = &overlay->model->plan.tensors[tensor];
    size_t bytes = 0;
    for (size_t i = 0; i < overlay->n_adapters; i++) {
        const rk__adapter *adapter = &overlay->adapters[i];
        const bool replaced = adapter->changes[tensor].of[RK__KEY_REPLACEMENT] != RK__NO_TENSOR;
        const bool whole = is_turned(overlay->model, plan) || rk__arch_is_vector(plan->row);
        bytes += product_bytes(adapter, overlay->model, tensor);
        bytes += rk__shards_bytes(adapter, tensor, overlay->subtract);
        bytes += n_threads * rk__shards_scratch_bytes(adapter, tensor, n_rows);
        if (replaced && whole) bytes += 2 * plan->rows * plan->columns * sizeof(float);
        if (replaced && !whole) bytes += n_threads * n_rows * plan->columns * sizeof(float);
    }
    return bytes;
}
