// Matrices in planes, and inputs with zeros.
#include "planes_work.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "cli/messages.h"
#include "cpu/share.h"

static void *allocate(size_t size) {
    void *memory;
    rk_error err;
    if (rk__alloc_large(&memory, size, &err) != RK_OK) exit(cli_failure(&err));
    return memory;
}

void planes_matrix_init(planes_matrix *matrix, const rk__kernels *kernels,
                        const product_matrix *panels) {
    *matrix = (planes_matrix){.panels = panels, .kernels = &kernels->planes};
    planes_matrix *const m = matrix;
    m->planes = rk__planes_describe(panels->dtype, panels->rows, panels->columns,
                                    rk_pool_threads(panels->pool));
    assert(m->planes.rows == panels->rows);
    m->matrix_bytes = panels->matrix_bytes;
    m->memory = allocate(panels->n_copies * m->matrix_bytes);
    for (size_t i = 0; i < panels->n_copies; i++) {
        m->planes.data = m->memory + i * m->matrix_bytes;
        kernels->planes.from_panels(&m->planes, 0, m->planes.rows,
                                    panels->panels + i * panels->matrix_bytes, &panels->product);
    }
}

void planes_matrix_fini(planes_matrix *matrix) {
    rk__free(matrix->memory);
    *matrix = (planes_matrix){0};
}

void planes_run_init(planes_run *run, const rk__kernels *kernels, planes_matrix *matrix,
                     double zeros) {
    const product_matrix *panels = matrix->panels;
    *run = (planes_run){.matrix = matrix};
    product_run_init(&run->input, kernels, panels, 1, AMOUNT_TOKENS);
    rk__random random = {.seed = 1};
    for (size_t c = 0; c < panels->columns; c++) {
        if (rk__random_uniform(&random) < zeros) run->input.x[c] = 0;
    }
    if (panels->product.quantized_input) {
        kernels->quantize_activations(run->input.q, run->input.scale, run->input.qsum, run->input.x,
                                      1, panels->columns);
    }
    run->out = allocate(panels->rows * sizeof *run->out);
}

void planes_run_fini(planes_run *run) {
    product_run_fini(&run->input);
    rk__free(run->out);
    *run = (planes_run){0};
}

static void multiply_job(void *argument, size_t thread, size_t n_threads) {
    const planes_run *run = argument;
    const planes_matrix *m = run->matrix;
    const rk__share rows = rk__share_of(m->planes.rows, RK__PLANE_ROWS, thread, n_threads);
    if (rows.begin == rows.end) return;
    m->kernels->multiply(run->out + rows.begin, m->planes.rows, &m->planes, rows.begin,
                         rows.end - rows.begin, &run->input.input, 1);
}

static double run_piece(void *argument) {
    planes_matrix *m = ((planes_run *)argument)->matrix;
    m->copy = (m->copy + 1) % m->panels->n_copies;
    m->planes.data = m->memory + m->copy * m->matrix_bytes;
    rk_pool_run(m->panels->pool, multiply_job, argument);
    return 1;
}

bench_work planes_work(planes_run *run) {
    return (bench_work){run_piece, run};
}
