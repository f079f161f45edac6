// A weights file seen as a model.
#include "weights/weights.h"

#include <math.h>

#include "base/memory.h"
#include "tensor/convert_row.h"

rk_status rk__weights_open(rk__weights *weights, const char *path, rk_error *err) {
    *weights = (rk__weights){0};
    rk_status status = rk_checkpoint_open(&weights->file, path, err);
    if (status != RK_OK) goto out;
    const rk_container container = rk_checkpoint_container(weights->file);
    weights->converted =
        container == RK_CONTAINER_MODEL_V100 || container == RK_CONTAINER_MODEL_V101;
    const size_t n_tensors = rk_checkpoint_count(weights->file);
    const rk_tensor_info *tensors = n_tensors == 0 ? NULL : rk_checkpoint_tensor(weights->file, 0);
    status = rk__arch_plan_init(&weights->plan, path, tensors, n_tensors, weights->converted, err);
out:
    if (status != RK_OK) rk__weights_close(weights);
    return status;
}

void rk__weights_close(rk__weights *weights) {
    rk__arch_plan_fini(&weights->plan);
    rk_checkpoint_close(&weights->file);
    *weights = (rk__weights){0};
}

const rk_tensor_info *rk__weights_info(const rk__weights *weights, const rk__tensor_plan *tensor) {
    return rk_checkpoint_tensor(weights->file, tensor->source);
}

static bool is_touched(const rk__weights *weights, const char *name) {
    return weights->overlay != NULL && weights->overlay->touches(weights->overlay->self, name);
}

// The rows of the file's tensor, seen as a matrix, that hold the model's tensor.
typedef struct source_rows {
    size_t first, n, columns;
} source_rows;

static source_rows find_rows(const rk__weights *weights, const rk__tensor_plan *tensor) {
    source_rows out = {0};
    const rk_tensor_info *info = rk__weights_info(weights, tensor);
    (void)rk_shape_matrix(&out.n, &out.columns, &info->shape); // the reader has checked the size
    if (tensor->in_parts) {
        out.n /= tensor->row->n_parts;
        out.first = tensor->row->part * out.n;
    }
    return out;
}

// Rows [first, first + n) of the file's tensor as float32, overlaid. *raw says whether the values
// are a checkpoint's.
static rk_status read_source(const rk__weights *weights, const rk__tensor_plan *tensor,
                             size_t first, size_t n, size_t columns, float *out, bool *raw,
                             rk_error *err) {
    const char *name = rk__weights_info(weights, tensor)->name;
    RK_TRY(rk_checkpoint_read_floats(weights->file, tensor->source, first, n, out, err));
    *raw = !weights->converted;
    if (!is_touched(weights, name)) return RK_OK;
    rk__overlay *overlay = weights->overlay;
    RK_TRY(overlay->apply(overlay->self, name, first, n, columns, out, err));
    *raw = *raw || overlay->replaces(overlay->self, name);
    return RK_OK;
}

// Do the last two dimensions change places between the file and the model?
static bool is_transposed(const rk__weights *weights, const rk__tensor_plan *tensor) {
    return tensor->row->conversion == RK__TRANSPOSE && !weights->converted;
}

void rk__transpose_squares(float *values, size_t n_values, size_t size) {
    for (float *square = values; square < values + n_values; square += size * size) {
        for (size_t i = 0; i < size; i++) {
            for (size_t j = 0; j < i; j++) {
                const float swapped = square[i * size + j];
                square[i * size + j] = square[j * size + i];
                square[j * size + i] = swapped;
            }
        }
    }
}

// Reads the whole tensor, since every row of the result takes a value from every row of the file.
// Only small matrices are stored so.
static rk_status read_transposed(const rk__weights *weights, const rk__tensor_plan *tensor,
                                 size_t first, size_t n, float *out, rk_error *err) {
    const source_rows source = find_rows(weights, tensor);
    const size_t columns = tensor->columns; // as many as the file's part has rows
    float *all = NULL;
    bool raw = false;
    RK_TRY(rk__alloc_aligned((void **)&all, source.n * source.columns, sizeof all[0], err));
    const rk_status status =
        read_source(weights, tensor, source.first, source.n, source.columns, all, &raw, err);
    for (size_t row = 0; status == RK_OK && row < n; row++) {
        for (size_t column = 0; column < columns; column++) {
            out[row * columns + column] = all[column * source.columns + first + row];
        }
    }
    rk__free(all);
    return status;
}

rk_status rk__weights_read_floats(const rk__weights *weights, const rk__tensor_plan *tensor,
                                  size_t first, size_t n, float *out, rk_error *err) {
    const bool transposed = is_transposed(weights, tensor);
    if (transposed && !rk__arch_is_vector(tensor->row)) {
        return read_transposed(weights, tensor, first, n, out, err);
    }
    source_rows rows = find_rows(weights, tensor);
    if (!rk__arch_is_vector(
            tensor->row)) { // a vector is read whole, whatever its shape in the file
        rows.first += first;
        rows.n = n;
    }
    bool raw = false;
    RK_TRY(read_source(weights, tensor, rows.first, rows.n, rows.columns, out, &raw, err));
    if (transposed) rk__transpose_squares(out, tensor->columns, rows.columns);
    if (raw) rk__arch_convert(tensor->row, out, n * tensor->columns);
    return RK_OK;
}

bool rk__weights_stored_as(const rk__weights *weights, const rk__tensor_plan *tensor,
                           rk_dtype dtype) {
    const rk_tensor_info *info = rk__weights_info(weights, tensor);
    const bool unchanged = weights->converted || tensor->row->conversion == RK__AS_IS;
    return unchanged && !rk__arch_is_vector(tensor->row) && info->dtype == dtype &&
           !is_touched(weights, info->name);
}

rk_status rk__weights_read_stored(const rk__weights *weights, const rk__tensor_plan *tensor,
                                  size_t first, size_t n, void *out, size_t size, rk_error *err) {
    const size_t part_first = find_rows(weights, tensor).first;
    return rk_checkpoint_read_raw(weights->file, tensor->source, part_first + first, n, out, size,
                                  err);
}

// Values that `dtype` cannot hold. FP16 overflows above 65504 (values that round up to it
// included).
static rk_status check_values(const rk__weights *weights, const rk__tensor_plan *tensor,
                              rk_dtype dtype, const float *values, size_t n, rk_error *err) {
    const bool blocks = rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK;
    if (!blocks && dtype != RK_DTYPE_F16) return RK_OK;
    const float f16_overflow = 65520.0F;
    for (size_t i = 0; i < n; i++) {
        const bool bad =
            blocks ? !isfinite(values[i]) : isfinite(values[i]) && fabsf(values[i]) >= f16_overflow;
        if (!bad) continue;
        return rk__fail(err, RK_ERR_RANGE, "%s: tensor %s holds %g, which %s cannot hold",
                        rk_checkpoint_path(weights->file), rk__weights_info(weights, tensor)->name,
                        (double)values[i], rk_dtype_describe(dtype)->name);
    }
    return RK_OK;
}

rk_status rk__weights_read_as(const rk__weights *weights, const rk__tensor_plan *tensor,
                              rk_dtype dtype, size_t first, size_t n, void *out, size_t size,
                              float *scratch, rk_error *err) {
    if (rk__weights_stored_as(weights, tensor, dtype)) {
        return rk__weights_read_stored(weights, tensor, first, n, out, size, err);
    }
    RK_TRY(rk__weights_read_floats(weights, tensor, first, n, scratch, err));
    RK_TRY(check_values(weights, tensor, dtype, scratch, n * tensor->columns, err));
    rk__row_encoder_of(dtype)(out, scratch, n * tensor->columns);
    return RK_OK;
}
