// What matrices are made of, and their products.
#include "cpu/cpu_matrix.h"

#include "base/memory.h"
#include "cpu/share.h"
#include "tensor/convert_row.h"
#include "tensor/finite.h"

// Products with block formats are so fast in a cache that skipping columns loses there
// (docs/performance.md); of models that are read from memory, the matrices are larger.
enum { LEAST_BLOCK_VALUES_TO_SKIP = 1 << 18 };

static rk__matrix describe(const rk__weights *weights, const rk__tensor_plan *tensor,
                           rk_dtype dtype) {
    return (rk__matrix){.name = rk__weights_info(weights, tensor)->name,
                        .dtype = dtype,
                        .rows = tensor->rows,
                        .columns = tensor->columns};
}

static rk_status refuse_columns(const rk__matrix *matrix, rk_error *err) {
    return rk__fail(err, RK_ERR_SHAPE, "%s: rows of %zu values do not fit %s", matrix->name,
                    matrix->columns, rk_dtype_describe(matrix->dtype)->name);
}

rk_status rk__matrix_describe(rk__matrix *matrix, const rk__product *product,
                              const rk__weights *weights, const rk__tensor_plan *tensor,
                              rk_dtype dtype, rk_error *err) {
    *matrix = describe(weights, tensor, dtype);
    matrix->product = *product;
    if (product->multiply == NULL) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: no kernels for %s", matrix->name,
                        rk_dtype_describe(dtype)->name);
    }
    if (!rk__panel_bytes(&matrix->panel_bytes, product, dtype, matrix->columns)) {
        return refuse_columns(matrix, err);
    }
    return RK_OK;
}

rk_status rk__matrix_describe_sparse(rk__matrix *matrix, const rk__product *product,
                                     const rk__weights *weights, const rk__tensor_plan *tensor,
                                     rk_dtype dtype, size_t n_threads, rk_error *err) {
    RK_TRY(rk__matrix_describe(matrix, product, weights, tensor, dtype, err));
    const bool blocks = rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK;
    if (blocks && matrix->rows * matrix->columns < LEAST_BLOCK_VALUES_TO_SKIP) return RK_OK;
    matrix->planes = rk__planes_describe(dtype, matrix->rows, matrix->columns, n_threads);
    return RK_OK;
}

rk_status rk__matrix_describe_rows(rk__matrix *matrix, const rk__weights *weights,
                                   const rk__tensor_plan *tensor, rk_dtype dtype, rk_error *err) {
    *matrix = describe(weights, tensor, dtype);
    if (!rk_dtype_row_bytes(&matrix->panel_bytes, dtype, matrix->columns)) {
        return refuse_columns(matrix, err);
    }
    if (rk__weights_stored_as(weights, tensor, dtype) &&
        rk__checkpoint_reads_rows_alone(weights->file, tensor->source)) {
        matrix->weights = weights;
        matrix->tensor = tensor;
    }
    return RK_OK;
}

size_t rk__matrix_unit_rows(const rk__matrix *matrix) {
    if (matrix->planes.rows > 0) return RK__PLANE_ROWS;
    return matrix->product.panel_rows == 0 ? 1 : matrix->product.panel_rows;
}

static size_t row_bytes(const rk__matrix *matrix) {
    return matrix->panel_bytes / (matrix->product.panel_rows == 0 ? 1 : matrix->product.panel_rows);
}

bool rk__matrix_packed_bytes(size_t *out, const rk__matrix *matrix) {
    const size_t unit = rk__matrix_unit_rows(matrix);
    const size_t n_units = matrix->rows / unit + (matrix->rows % unit == 0 ? 0 : 1);
    *out = 0;
    return matrix->weights != NULL || rk_size_mul(out, n_units, unit * row_bytes(matrix));
}

rk_status rk__matrix_refuse_row(const rk__matrix *matrix, const rk__weights *weights, size_t row,
                                rk_error *err) {
    return rk__fail(err, RK_ERR_RANGE, "%s: row %zu of tensor %s holds NaN or infinity",
                    rk_checkpoint_path(weights->file), row, matrix->name);
}

rk_status rk__matrix_row(const rk__matrix *matrix, size_t row, void *scratch, float *out,
                         rk_error *err) {
    const void *bytes = scratch;
    if (matrix->weights == NULL) {
        bytes = matrix->data + row * matrix->panel_bytes;
    } else {
        RK_TRY(rk__weights_read_stored(matrix->weights, matrix->tensor, row, 1, scratch,
                                       matrix->panel_bytes, err));
        // The file may have changed since it was checked.
        if (!rk__values_are_finite(matrix->dtype, scratch, matrix->columns)) {
            return rk__matrix_refuse_row(matrix, matrix->weights, row, err);
        }
    }
    rk__row_decoder_of(matrix->dtype)(out, bytes, matrix->columns);
    return RK_OK;
}

uint64_t rk__matrix_bytes(const rk__matrix *matrix) {
    size_t row_bytes = 0;
    (void)rk_dtype_row_bytes(&row_bytes, matrix->dtype, matrix->columns);
    return (uint64_t)row_bytes * matrix->rows;
}

rk_status rk__input_init(rk__input *input, size_t tokens, size_t columns, rk_error *err) {
    *input = (rk__input){.columns = columns};
    size_t n = 0;
    if (!rk_size_mul(&n, tokens, columns)) return rk__fail_memory(err, SIZE_MAX);
    const size_t n_blocks = tokens * (columns / RK__Q8_BLOCK);
    RK_TRY(rk__alloc_aligned((void **)&input->x, n, sizeof input->x[0], err));
    RK_TRY(rk__alloc_aligned((void **)&input->q, n, sizeof input->q[0], err));
    RK_TRY(rk__alloc_aligned((void **)&input->scale, n_blocks, sizeof input->scale[0], err));
    return rk__alloc_aligned((void **)&input->qsum, n_blocks, sizeof input->qsum[0], err);
}

void rk__input_fini(rk__input *input) {
    rk__free(input->x);
    rk__free(input->q);
    rk__free(input->scale);
    rk__free(input->qsum);
    *input = (rk__input){0};
}

void rk__input_round(rk__input *input, const rk__kernels *kernels, size_t first, size_t n) {
    const size_t columns = input->columns;
    const size_t blocks = columns / RK__Q8_BLOCK;
    kernels->quantize_activations(input->q + first * columns, input->scale + first * blocks,
                                  input->qsum + first * blocks, input->x + first * columns, n,
                                  columns);
}

// ---- products

// Up to RK__PLANE_TOKENS tokens are multiplied with planes. For more, planes become panels, this
// many rows at a time, which stay in a core's own cache; their products are faster, and few columns
// are zero for all tokens.
enum { SLAB_ROWS = RK__PLANE_ROWS };

size_t rk__matrix_scratch_bytes(const rk__matrix *matrix, size_t max_tokens) {
    if (matrix->planes.rows == 0 || max_tokens <= RK__PLANE_TOKENS) return 0;
    return SLAB_ROWS * row_bytes(matrix);
}

static rk__activations activations_of(const rk__input *input) {
    return (rk__activations){input->x, input->q, input->scale, input->qsum};
}

static void multiply_planes(const rk__multiplication *work, const rk__product_job *job,
                            rk__share rows) {
    const rk__activations input = activations_of(job->input);
    work->planes->multiply(job->out + rows.begin, job->out_stride, &job->matrix->planes, rows.begin,
                           rows.end - rows.begin, &input, work->n_tokens);
}

// Slab after slab of the planes becomes panels.
static void multiply_slabs(const rk__multiplication *work, const rk__product_job *job,
                           rk__share rows, uint8_t *panels) {
    const rk__matrix *m = job->matrix;
    const rk__activations input = activations_of(job->input);
    for (size_t row = rows.begin; row < rows.end; row += SLAB_ROWS) {
        const size_t left = rows.end - row, n = left < SLAB_ROWS ? left : SLAB_ROWS;
        work->planes->to_panels(&m->planes, row, rk__planes_rows(n), panels, &m->product);
        m->product.multiply(job->out + row, job->out_stride, panels, n, m->columns, &input,
                            work->n_tokens);
    }
}

static void multiply_panels(const rk__multiplication *work, const rk__product_job *job,
                            rk__share rows) {
    const rk__matrix *m = job->matrix;
    const rk__activations input = activations_of(job->input);
    m->product.multiply(job->out + rows.begin, job->out_stride,
                        m->data + rows.begin / m->product.panel_rows * m->panel_bytes,
                        rows.end - rows.begin, m->columns, &input, work->n_tokens);
}

void rk__multiply_share(const rk__multiplication *work, size_t thread, size_t n_threads) {
    for (size_t i = 0; i < work->n_jobs; i++) {
        const rk__product_job *job = &work->jobs[i];
        const size_t unit = rk__matrix_unit_rows(job->matrix);
        const rk__share rows = rk__share_of(job->matrix->rows, unit, thread, n_threads);
        if (rows.begin == rows.end) continue;
        if (job->matrix->planes.rows == 0) {
            multiply_panels(work, job, rows);
        } else if (work->n_tokens <= RK__PLANE_TOKENS) {
            multiply_planes(work, job, rows);
        } else {
            multiply_slabs(work, job, rows, work->panels + thread * work->panels_bytes);
        }
    }
}
