// A weights file seen as a model.
#include "weights/weights.h"

#include <assert.h>
#include <math.h>

#include "base/memory.h"
#include "checkpoint/model_file.h"
#include "tensor/block_move.h"
#include "tensor/finite.h"
#include "tensor/little_endian.h"

// Its matrices are transposed, its decays and its embedding changed, some of it rounded to 8 bits.
static rk_status refuse_strategy(const rk_checkpoint *file, rk_error *err) {
    const char *strategy = rk__checkpoint_strategy(file);
    if (strategy == NULL) return RK_OK;
    return rk__fail(
        err, RK_ERR_UNSUPPORTED,
        "%s: was converted by the rwkv package for its strategy '%s', which changes the "
        "weights; use the checkpoint it was made from",
        rk_checkpoint_path(file), strategy);
}

rk_status rk__weights_open(rk__weights *weights, const char *path, rk_error *err) {
    return rk__weights_open_below(weights, path, NULL, err);
}

// Other programs read the sizes of a model file from its header: one that contradicts the tensors
// is wrong.
static rk_status check_header(const rk__weights *weights, const char *path, rk_error *err) {
    const rk__model_file_header *header = rk__model_file_header_of(weights->file);
    const rk_dims *dims = &weights->plan.dims;
    if (header->n_vocab == dims->n_vocab && header->n_embd == dims->n_embd &&
        header->n_layer == dims->n_layer) {
        return RK_OK;
    }
    return rk__fail(
        err, RK_ERR_SHAPE,
        "%s: the header says n_vocab %zu, n_embed %zu, n_layer %zu; the tensors have %zu, "
        "%zu, %zu",
        path, header->n_vocab, header->n_embd, header->n_layer, dims->n_vocab, dims->n_embd,
        dims->n_layer);
}

rk_status rk__weights_open_below(rk__weights *weights, const char *path, const char *root,
                                 rk_error *err) {
    rk_checkpoint *file;
    *weights = (rk__weights){0};
    RK_TRY(rk_checkpoint_open_below(&file, path, root, err));
    return rk__weights_adopt(weights, file, err);
}

rk_status rk__weights_adopt(rk__weights *weights, rk_checkpoint *file, rk_error *err) {
    *weights = (rk__weights){.file = file};
    const char *path = rk_checkpoint_path(file);
    rk__rows_init(&weights->rows, rk__isa_available());
    rk_status status = refuse_strategy(weights->file, err);
    if (status != RK_OK) goto out;
    weights->converted = rk_container_is_model_file(rk_checkpoint_container(weights->file));
    const size_t n_tensors = rk_checkpoint_count(weights->file);
    const rk_tensor_info *tensors = n_tensors == 0 ? NULL : rk_checkpoint_tensor(weights->file, 0);
    status = rk__arch_plan_init(&weights->plan, path, tensors, n_tensors, weights->converted, err);
    if (status == RK_OK && weights->converted) status = check_header(weights, path, err);
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

rk_status rk__weights_plan_types(const rk__weights *weights, const rk__type_request *request,
                                 rk_dtype **types, rk_error *err) {
    const rk__stored_model model = {.plan = &weights->plan,
                                    .tensors = rk_checkpoint_tensor(weights->file, 0),
                                    .where = rk_checkpoint_path(weights->file),
                                    .is_model_file = weights->converted};
    RK_TRY(rk__alloc((void **)types, weights->plan.n_tensors, sizeof **types, err));
    const rk_status status = rk__type_plan(*types, &model, request, err);
    if (status != RK_OK) {
        rk__free(*types);
        *types = NULL;
    }
    return status;
}

void rk__weights_read_as_checkpoint(rk__weights *weights) {
    if (weights->as_checkpoint) return;
    weights->as_checkpoint = true;
    for (size_t i = 0; i < weights->plan.n_tensors; i++) {
        rk__tensor_plan *tensor = &weights->plan.tensors[i];
        if (tensor->row->conversion != RK__TRANSPOSE || rk__arch_is_vector(tensor->row)) continue;
        const size_t rows = tensor->rows;
        tensor->rows = tensor->columns;
        tensor->columns = rows;
    }
}

bool rk__weights_is_touched(const rk__weights *weights, const rk__tensor_plan *tensor) {
    return weights->overlay != NULL && weights->overlay->touches(weights->overlay->self, tensor);
}

uint64_t rk__weights_source_bytes(const rk__weights *weights, const rk__tensor_plan *tensor) {
    const uint64_t bytes = rk_checkpoint_tensor_bytes(weights->file, tensor->source);
    return tensor->in_parts ? bytes / tensor->row->n_parts : bytes;
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

// Do the last two dimensions change places between the file and what is read?
static bool is_transposed(const rk__weights *weights, const rk__tensor_plan *tensor) {
    return tensor->row->conversion == RK__TRANSPOSE && weights->converted == weights->as_checkpoint;
}

void rk__transpose_squares(float *values, size_t n_values, size_t size) {
    assert(size > 0 && n_values % (size * size) == 0);
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
    RK_TRY(rk__alloc_aligned((void **)&all, source.n * source.columns, sizeof all[0], err));
    const rk_status status =
        rk_checkpoint_read_floats(weights->file, tensor->source, source.first, source.n, all, err);
    for (size_t row = 0; status == RK_OK && row < n; row++) {
        for (size_t column = 0; column < columns; column++) {
            out[row * columns + column] = all[column * source.columns + first + row];
        }
    }
    rk__free(all);
    return status;
}

// The file's values, laid out as they are wanted, neither overlaid nor converted.
static rk_status read_values(const rk__weights *weights, const rk__tensor_plan *tensor,
                             size_t first, size_t n, float *out, rk_error *err) {
    const bool transposed = is_transposed(weights, tensor);
    if (transposed && !rk__arch_is_vector(tensor->row)) {
        return read_transposed(weights, tensor, first, n, out, err);
    }
    source_rows rows =
        find_rows(weights, tensor); // a vector is read whole, whatever its shape there
    if (!rk__arch_is_vector(tensor->row)) {
        rows.first += first;
        rows.n = n;
    }
    RK_TRY(rk_checkpoint_read_floats(weights->file, tensor->source, rows.first, rows.n, out, err));
    if (transposed) {
        rk__transpose_squares(out, tensor->columns, weights->plan.dims.head_size);
    }
    return RK_OK;
}

rk_status rk__weights_read_floats(const rk__weights *weights, const rk__tensor_plan *tensor,
                                  size_t first, size_t n, float *out, rk_error *err) {
    const size_t n_values = n * tensor->columns;
    const bool touched = rk__weights_is_touched(weights, tensor);
    const bool wanted_raw = touched || weights->as_checkpoint;
    RK_TRY(read_values(weights, tensor, first, n, out, err));
    if (weights->converted && wanted_raw) rk__arch_unconvert(tensor->row, out, n_values);
    if (touched) {
        rk__overlay *overlay = weights->overlay;
        RK_TRY(overlay->apply(overlay->self, tensor, first, n, out, err));
    }
    const bool raw = !weights->converted || wanted_raw;
    if (raw && !weights->as_checkpoint) rk__arch_convert(tensor->row, out, n_values);
    return RK_OK;
}

// Nothing but the bytes' layout stands between the file and the model.
static bool is_unchanged(const rk__weights *weights, const rk__tensor_plan *tensor) {
    const bool same_form = weights->converted != weights->as_checkpoint;
    return (same_form || tensor->row->conversion == RK__AS_IS) &&
           !rk__arch_is_vector(tensor->row) && !rk__weights_is_touched(weights, tensor);
}

bool rk__weights_stored_as(const rk__weights *weights, const rk__tensor_plan *tensor,
                           rk_dtype dtype) {
    return rk__weights_info(weights, tensor)->dtype == dtype && is_unchanged(weights, tensor);
}

static rk__row_mover mover_to(const rk__weights *weights, const rk__tensor_plan *tensor,
                              rk_dtype dtype) {
    if (!is_unchanged(weights, tensor)) return NULL;
    return rk__row_mover_of(dtype, rk__weights_info(weights, tensor)->dtype);
}

bool rk__weights_moves_to(const rk__weights *weights, const rk__tensor_plan *tensor,
                          rk_dtype dtype) {
    return mover_to(weights, tensor, dtype) != NULL;
}

rk_status rk__weights_read_stored(const rk__weights *weights, const rk__tensor_plan *tensor,
                                  size_t first, size_t n, void *out, size_t size, rk_error *err) {
    const size_t part_first = find_rows(weights, tensor).first;
    return rk_checkpoint_read_raw(weights->file, tensor->source, part_first + first, n, out, size,
                                  err);
}

// From here on values round to infinity in FP16.
static const float f16_overflow = 65520.0F;

// Refuses what a type cannot hold among n values.
static rk_status check_floats(const rk__weights *weights, const rk__tensor_plan *tensor,
                              rk_dtype dtype, const float *values, size_t n, rk_error *err) {
    const bool blocks = rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK;
    if (!blocks && dtype != RK_DTYPE_F16) return RK_OK;
    const uint32_t limit = rk__bits_of_float(blocks ? INFINITY : f16_overflow);
    if (weights->rows.largest_magnitude(values, n) < limit) return RK_OK;
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

// Refuses blocks whose numbers came out as infinity.
static rk_status refuse_blocks(const rk__weights *weights, const rk__tensor_plan *tensor,
                               rk_dtype dtype, uint32_t largest, rk_error *err) {
    return rk__fail(err, RK_ERR_RANGE,
                    "%s: tensor %s holds values up to %g, too large for the steps of %s",
                    rk_checkpoint_path(weights->file), rk__weights_info(weights, tensor)->name,
                    (double)rk__float_from_bits(largest), rk_dtype_describe(dtype)->name);
}

static rk_status check_blocks(const rk__weights *weights, const rk__tensor_plan *tensor,
                              rk_dtype dtype, const void *blocks, const float *values, size_t n,
                              rk_error *err) {
    if (rk_dtype_describe(dtype)->class_ != RK_CLASS_BLOCK) return RK_OK;
    const uint32_t largest = weights->rows.largest_magnitude(values, n);
    // No step or minimum is larger than the largest value.
    if (largest < rk__bits_of_float(f16_overflow)) return RK_OK;
    if (rk__values_are_finite(dtype, blocks, n)) return RK_OK;
    return refuse_blocks(weights, tensor, dtype, largest, err);
}

static rk_status refuse_move(const rk__weights *weights, const rk__tensor_plan *tensor,
                             rk_dtype dtype, rk_error *err) {
    return rk__fail(err, RK_ERR_UNSUPPORTED,
                    "%s: %s is %s with float32 steps that FP16, which %s has them in, does not "
                    "hold exactly; rounding them has to be allowed (quantize --allow-requantize)",
                    rk_checkpoint_path(weights->file), rk__weights_info(weights, tensor)->name,
                    rk_dtype_describe(rk__weights_info(weights, tensor)->dtype)->name,
                    rk_dtype_describe(dtype)->name);
}

// The codes as they are, in the layout of the other version of model files.
static rk_status read_moved(const rk__weights *weights, const rk__tensor_plan *tensor,
                            rk_dtype dtype, size_t first, size_t n, void *out, float *scratch,
                            rk_error *err) {
    const size_t n_values = n * tensor->columns;
    size_t row_bytes; // fewer than those of floats
    (void)rk_dtype_row_bytes(&row_bytes, rk__weights_info(weights, tensor)->dtype, tensor->columns);
    RK_TRY(rk__weights_read_stored(weights, tensor, first, n, scratch, n * row_bytes, err));
    const bool exact = mover_to(weights, tensor, dtype)(out, scratch, n_values);
    if (!exact && weights->moves_exactly) return refuse_move(weights, tensor, dtype, err);
    RK_TRY(rk__weights_read_floats(weights, tensor, first, n, scratch, err));
    // A step may have been beyond FP16 though all of its codes stand for zeros.
    if (exact || rk__values_are_finite(dtype, out, n_values)) return RK_OK;
    const uint32_t largest = weights->rows.largest_magnitude(scratch, n_values);
    return refuse_blocks(weights, tensor, dtype, largest, err);
}

// Values to blocks, or to floats of another width.
static void round_values(const rk__weights *weights, const rk__tensor_plan *tensor, rk_dtype dtype,
                         const rk__search *search, void *out, const float *values, size_t n_rows,
                         float *search_scratch) {
    const rk__rows *rows = &weights->rows;
    const bool searched = weights->searches && rk__rows_can_search(rows, dtype);
    if (searched && !rk__arch_is_vector(tensor->row)) {
        rk__search_rows(rows, dtype, search, out, values, n_rows, tensor->columns, search_scratch);
    } else {
        rows->encode[dtype](out, values, n_rows * tensor->columns);
    }
}

rk_status rk__weights_read_searched(const rk__weights *weights, const rk__tensor_plan *tensor,
                                    rk_dtype dtype, const rk__search *search, size_t first,
                                    size_t n, void *out, size_t size, float *scratch,
                                    float *search_scratch, rk_error *err) {
    const size_t n_values = n * tensor->columns;
    if (rk__weights_stored_as(weights, tensor, dtype)) {
        return rk__weights_read_stored(weights, tensor, first, n, out, size, err);
    }
    if (rk__weights_moves_to(weights, tensor, dtype)) {
        return read_moved(weights, tensor, dtype, first, n, out, scratch, err);
    }
    RK_TRY(rk__weights_read_floats(weights, tensor, first, n, scratch, err));
    RK_TRY(check_floats(weights, tensor, dtype, scratch, n_values, err));
    round_values(weights, tensor, dtype, search, out, scratch, n, search_scratch);
    return check_blocks(weights, tensor, dtype, out, scratch, n_values, err);
}

rk_status rk__weights_read_as(const rk__weights *weights, const rk__tensor_plan *tensor,
                              rk_dtype dtype, size_t first, size_t n, void *out, size_t size,
                              float *scratch, rk_error *err) {
    const rk__search nothing_known = {0};
    return rk__weights_read_searched(weights, tensor, dtype, &nothing_known, first, n, out, size,
                                     scratch, NULL, err);
}

rk__reading_bytes rk__weights_reading_bytes(const rk__weights *weights,
                                            const rk__tensor_plan *tensor, size_t n) {
    const source_rows source = find_rows(weights, tensor);
    const bool whole = rk__arch_is_vector(tensor->row) || is_transposed(weights, tensor);
    rk__reading_bytes out =
        rk__checkpoint_reading_bytes(weights->file, tensor->source, whole ? source.n : n);
    if (is_transposed(weights, tensor) && !rk__arch_is_vector(tensor->row)) {
        out.each += source.n * source.columns * sizeof(float);
    }
    return out;
}
