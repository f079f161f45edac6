// The shards of MiSS and Bone adapters.
#include "convert/shards.h"

#include <string.h>

#include "base/memory.h"
#include "convert/blas.h"

static const rk_tensor_info *info_of(const rk__adapter *adapter, size_t tensor) {
    return rk_checkpoint_tensor(adapter->file, adapter->changes[tensor].of[RK__KEY_SHARDS]);
}

static size_t count_values(const rk__adapter *adapter, size_t tensor) {
    size_t n;
    (void)rk_shape_elements(&n, &info_of(adapter, tensor)->shape); // the reader has checked it
    return n;
}

// ---- loading

// [size][width] as [width][size], so that what is added to a row of W lies together.
static rk_status turn(rk__shards *s, rk_error *err) {
    float *turned;
    RK_TRY(rk__alloc_aligned((void **)&turned, s->size * s->width, sizeof turned[0], err));
    for (size_t i = 0; i < s->size; i++) {
        for (size_t j = 0; j < s->width; j++) {
            turned[j * s->size + i] = s->values[i * s->width + j];
        }
    }
    rk__free(s->values);
    s->values = turned;
    return RK_OK;
}

static rk_status factorise(rk__shards *s, const rk__adapter *adapter, size_t tensor,
                           rk_error *err) {
    const size_t n_block = s->size * s->size;
    RK_TRY(rk__alloc((void **)&s->factors, s->n * n_block, sizeof s->factors[0], err));
    RK_TRY(rk__alloc((void **)&s->pivots, s->n * s->size, sizeof s->pivots[0], err));
    for (size_t b = 0; b < s->n; b++) {
        double *block = s->factors + b * n_block;
        const float *shard = s->values + b * n_block;
        for (size_t i = 0; i < n_block; i++) block[i] = (double)s->scale * (double)shard[i];
        for (size_t i = 0; i < s->size; i++) block[i * s->size + i] += 1.0;
        if (rk__blas_factorise(block, s->size, s->pivots + b * s->size)) continue;
        return rk__fail(err, RK_ERR_RANGE, "%s: block %zu of %s cannot be undone: it is singular",
                        rk_checkpoint_path(adapter->file), b, info_of(adapter, tensor)->name);
    }
    return RK_OK;
}

rk_status rk__shards_load(rk__shards *s, const rk__adapter *adapter, size_t tensor, bool undo,
                          rk_error *err) {
    *s = (rk__shards){0};
    const rk__adapter_change *change = &adapter->changes[tensor];
    const size_t index = change->of[RK__KEY_SHARDS];
    if (index == RK__NO_TENSOR) return RK_OK;
    const rk_shape *shape = &info_of(adapter, tensor)->shape;
    const size_t n_values = count_values(adapter, tensor);
    s->size = rk__adapter_shard_size(adapter, tensor);
    s->layout = change->layout;
    s->scale = (float)adapter->scale;
    size_t rows, columns;
    (void)rk_shape_matrix(&rows, &columns, shape);
    RK_TRY(rk__alloc_aligned((void **)&s->values, n_values, sizeof s->values[0], err));
    RK_TRY(rk_checkpoint_read_floats(adapter->file, index, 0, rows, s->values, err));
    if (s->layout == RK__SHARDS_ADDED) {
        s->width = columns;
        s->n = 1;
        if (undo) s->scale = -s->scale;
        return turn(s, err);
    }
    s->width = s->size;
    s->n = n_values / (s->size * s->size);
    return undo ? factorise(s, adapter, tensor, err) : RK_OK;
}

void rk__shards_free(rk__shards *s) {
    rk__free(s->values);
    rk__free(s->factors);
    rk__free(s->pivots);
    *s = (rk__shards){0};
}

size_t rk__shards_bytes(const rk__adapter *adapter, size_t tensor, bool undo) {
    const rk__adapter_change *change = &adapter->changes[tensor];
    if (change->of[RK__KEY_SHARDS] == RK__NO_TENSOR) return 0;
    const size_t n = count_values(adapter, tensor);
    const bool added = change->layout == RK__SHARDS_ADDED;
    size_t bytes = (added ? 2 : 1) * n * sizeof(float); // two while they are turned
    if (undo && !added) {
        bytes += n * sizeof(double) + n / rk__adapter_shard_size(adapter, tensor) * sizeof(int);
    }
    return bytes;
}

size_t rk__shards_scratch_bytes(const rk__adapter *adapter, size_t tensor, size_t n_rows) {
    return 2 * n_rows * rk__adapter_shard_size(adapter, tensor) * sizeof(double);
}

// ---- applying

static void add(const rk__shards *s, size_t first, size_t n_rows, size_t columns, float *values) {
    for (size_t i = 0; i < n_rows; i++) {
        const float *shard = s->values + (first + i) % s->width * s->size;
        float *row = values + i * columns;
        for (size_t begin = 0; begin < columns; begin += s->size) {
            const size_t left = columns - begin;
            const size_t n = left < s->size ? left : s->size;
            for (size_t j = 0; j < n; j++) row[begin + j] += s->scale * shard[j];
        }
    }
}

// A block of rows by `size` columns of W, and where it is in the matrix.
typedef struct block {
    float *values; // of its first row; rows are `columns` apart
    size_t columns;
    size_t first, n_rows; // of the matrix
    size_t shard;         // its number
} block;

// W + s (W M + M): the product is rounded before it is scaled and added, so that W is rounded once.
static void apply_block(const rk__shards *s, const block *b, void *scratch) {
    const size_t size = s->size;
    const float *shard = s->values + b->shard * size * size;
    float *before = scratch, *change = before + b->n_rows * size;
    for (size_t i = 0; i < b->n_rows; i++) {
        memcpy(before + i * size, b->values + i * b->columns, size * sizeof before[0]);
        memcpy(change + i * size, shard + (b->first + i) % size * size, size * sizeof change[0]);
    }
    rk__blas_add_product(change, before, shard, b->n_rows, size, size, 1.0F);
    for (size_t i = 0; i < b->n_rows; i++) {
        float *row = b->values + i * b->columns;
        for (size_t j = 0; j < size; j++) row[j] += s->scale * change[i * size + j];
    }
}

// (W' - s M) (I + s M)^-1.
static void undo_block(const rk__shards *s, const block *b, void *scratch) {
    const size_t size = s->size;
    const float *shard = s->values + b->shard * size * size;
    double *rows = scratch;
    for (size_t i = 0; i < b->n_rows; i++) {
        const float *added = shard + (b->first + i) % size * size;
        for (size_t j = 0; j < size; j++) {
            rows[i * size + j] =
                (double)b->values[i * b->columns + j] - (double)s->scale * (double)added[j];
        }
    }
    rk__blas_solve(s->factors + b->shard * size * size, s->pivots + b->shard * size, size, rows,
                   b->n_rows);
    for (size_t i = 0; i < b->n_rows; i++) {
        for (size_t j = 0; j < size; j++) {
            b->values[i * b->columns + j] = (float)rows[i * size + j];
        }
    }
}

// All blocks of a run of rows; of those that belong to rows the run has one shard.
static void change_run(const rk__shards *s, size_t first, size_t n_rows, size_t columns,
                       float *values, void *scratch) {
    for (size_t k = 0; k < columns / s->size; k++) {
        const block b = {.values = values + k * s->size,
                         .columns = columns,
                         .first = first,
                         .n_rows = n_rows,
                         .shard = s->layout == RK__SHARDS_BY_ROWS ? first / s->size : k};
        if (s->factors != NULL) {
            undo_block(s, &b, scratch);
        } else {
            apply_block(s, &b, scratch);
        }
    }
}

rk_status rk__shards_apply(const rk__shards *s, size_t first, size_t n_rows, size_t columns,
                           float *values, rk_error *err) {
    if (s->layout == RK__SHARDS_ADDED) {
        add(s, first, n_rows, columns, values);
        return RK_OK;
    }
    void *scratch;
    RK_TRY(rk__alloc_aligned(&scratch, 2 * n_rows * s->size, sizeof(double), err));
    for (size_t done = 0; done < n_rows;) {
        const size_t at = first + done, left = n_rows - done;
        const size_t in_shard = s->layout == RK__SHARDS_BY_ROWS ? s->size - at % s->size : left;
        const size_t n = in_shard < left ? in_shard : left;
        change_run(s, at, n, columns, values + done * columns, scratch);
        done += n;
    }
    rk__free(scratch);
    return RK_OK;
}
