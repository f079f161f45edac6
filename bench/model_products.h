// The products of a model's layers without anything around them: what prefill is held against.
// Matrices and low-rank matrices may be of different types; operations are done in the proportion
// that the layers have them in.
#ifndef BENCH_MODEL_PRODUCTS_H
#define BENCH_MODEL_PRODUCTS_H

#include "product_work.h"
#include "rk/model.h"

typedef struct model_products {
    product_matrix matrix, adapter;
    product_run matrix_run, adapter_run;
    double adapter_share;                  // of all operations; 0: there are none
    double operations, adapter_operations; // done so far
} model_products;

// The matrices come from memory, `bytes` of them, and are as wide as the model's. Ends the program
// when there is no memory.
void model_products_init(model_products *products, const rk_model *model,
                         const rk__kernels *kernels, rk_pool *pool, size_t n_tokens, size_t bytes);
void model_products_fini(model_products *products);

// Amounts are operations. Borrows the products, which may not be moved.
bench_work model_products_work(model_products *products);

#endif
