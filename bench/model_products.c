// Products of two types by turns.
#include "model_products.h"

#include "model/observe.h"

// Values in the layers' matrices, and in their low-rank ones, of which the largest is `adapter`.
typedef struct layer_values {
    double matrices, adapters;
    const rk__tensor_plan *adapter;
} layer_values;

static layer_values count_values(const rk_model *model) {
    const rk__arch_plan *plan = &rk__model_weights(model)->plan;
    layer_values values = {0};
    for (size_t i = 0; i < plan->n_tensors; i++) {
        const rk__tensor_plan *tensor = &plan->tensors[i];
        const double n = (double)tensor->rows * (double)tensor->columns;
        if (tensor->row->role == RK__MATRIX) values.matrices += n;
        if (tensor->row->role != RK__ADAPTER) continue;
        values.adapters += n;
        // One with few rows; those that follow it have few columns.
        if (tensor->rows < tensor->columns &&
            (values.adapter == NULL || tensor->rows > values.adapter->rows)) {
            values.adapter = tensor;
        }
    }
    return values;
}

static rk_dtype adapter_dtype(const rk_model *model, const rk__kernels *kernels,
                              const rk__tensor_plan *adapter) {
    const rk_dtype dtype = rk__weights_info(rk__model_weights(model), adapter)->dtype;
    return kernels->product[dtype].multiply == NULL ? RK_DTYPE_F32 : dtype;
}

void model_products_init(model_products *products, const rk_model *model,
                         const rk__kernels *kernels, rk_pool *pool, size_t n_tokens, size_t bytes) {
    const rk_model_info *info = rk_model_describe(model);
    const layer_values values = count_values(model);
    *products =
        (model_products){.adapter_share = values.adapters / (values.matrices + values.adapters)};
    product_matrix_init(&products->matrix, kernels, pool, info->dtype, info->dims.n_ffn,
                        info->dims.n_embd, bytes);
    product_run_init(&products->matrix_run, kernels, &products->matrix, n_tokens,
                     AMOUNT_OPERATIONS);
    if (values.adapter == NULL) return;
    product_matrix_init(&products->adapter, kernels, pool,
                        adapter_dtype(model, kernels, values.adapter), values.adapter->rows,
                        values.adapter->columns, bytes / 8);
    product_run_init(&products->adapter_run, kernels, &products->adapter, n_tokens,
                     AMOUNT_OPERATIONS);
}

void model_products_fini(model_products *products) {
    product_run_fini(&products->matrix_run);
    product_run_fini(&products->adapter_run);
    product_matrix_fini(&products->matrix);
    product_matrix_fini(&products->adapter);
}

// Whatever lags behind.
static double run_products(void *argument) {
    model_products *p = argument;
    const bool adapter = p->adapter_operations < p->adapter_share * p->operations;
    const bench_work work = product_work(adapter ? &p->adapter_run : &p->matrix_run);
    const double operations = work.run(work.argument);
    p->operations += operations;
    if (adapter) p->adapter_operations += operations;
    return operations;
}

bench_work model_products_work(model_products *products) {
    return (bench_work){run_products, products};
}
