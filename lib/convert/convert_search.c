// What an importance matrix says about the tensors of a whole-file job.
#include "convert/convert_search.h"

#include "base/memory.h"
#include "convert/convert_tensor.h"

// The entry of a tensor that becomes `dtype`. False where nothing is known that could be used.
static bool find_entry(const rk__convert_plan *plan, const rk__tensor_plan *tensor, rk_dtype dtype,
                       rk_imatrix_entry *entry) {
    char name[RK__NAME_TEXT];
    const rk_imatrix *imatrix = plan->options->imatrix;
    if (imatrix == NULL || !plan->weights.searches || rk__arch_is_vector(tensor->row) ||
        !rk__rows_can_search(&plan->weights.rows, dtype)) {
        return false;
    }
    rk__arch_name(name, tensor->row, RK__NAMES_MODEL_FILE, tensor->layer);
    return rk_imatrix_find(imatrix, name, entry) && entry->n_tokens > 0;
}

static bool is_searched(const rk__convert_plan *plan, size_t i) {
    const rk__tensor_plan *tensor = &plan->weights.plan.tensors[i];
    return plan->weights.searches && rk__rows_can_search(&plan->weights.rows, plan->types[i]) &&
           !rk__weights_stored_as(&plan->weights, tensor, plan->types[i]);
}

rk_status rk__convert_check_imatrix(const rk__convert_plan *plan, uint64_t *n_without,
                                    rk_error *err) {
    size_t n_known = 0;
    *n_without = 0;
    if (plan->options->imatrix == NULL) return RK_OK;
    for (size_t i = 0; i < plan->weights.plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &plan->weights.plan.tensors[i];
        rk_imatrix_entry entry;
        if (!is_searched(plan, i)) continue;
        if (!find_entry(plan, tensor, plan->types[i], &entry)) {
            *n_without += 1;
            continue;
        }
        n_known++;
        if (entry.n_channels == tensor->columns) continue;
        return rk__fail(err, RK_ERR_MISMATCH,
                        "%s: %s has %zu columns; the importance matrix has %zu channels for it: it "
                        "was made from another model",
                        rk_checkpoint_path(plan->weights.file), entry.name, tensor->columns,
                        entry.n_channels);
    }
    if (n_known > 0 || *n_without == 0) return RK_OK;
    return rk__fail(err, RK_ERR_MISMATCH,
                    "%s: the importance matrix knows none of its matrices: it was made from "
                    "another kind of model",
                    rk_checkpoint_path(plan->weights.file));
}

// ---- factors of the compensation

static size_t group_work(const rk_imatrix_entry *entry) {
    return 2 * entry->group * entry->group;
}

typedef struct solving {
    rk__convert_search *search;
    const rk_imatrix_entry *entry;
} solving;

static void solve_job(void *argument, size_t thread, size_t n_threads) {
    const solving *s = argument;
    double *work = s->search->work + thread * group_work(s->entry);
    rk__compensation *c = &s->search->compensation;
    for (size_t i = thread; i < rk__compensation_groups(c); i += n_threads) {
        rk__compensation_solve(c, i, s->entry->mean_squares, s->entry->moments, work);
    }
}

static rk_status compensate(rk__convert_search *search, const rk_imatrix_entry *entry,
                            rk_error *err) {
    rk_pool *pool = search->plan->options->pool;
    solving s = {search, entry};
    size_t n;
    if (!rk_size_mul(&n, rk_pool_threads(pool), group_work(entry))) {
        return rk__fail_memory(err, SIZE_MAX);
    }
    RK_TRY(rk__alloc_aligned((void **)&search->work, n, sizeof search->work[0], err));
    RK_TRY(rk__compensation_init(&search->compensation, entry->n_channels, entry->group, err));
    rk_pool_run(pool, solve_job, &s);
    rk__free(search->work);
    search->work = NULL;
    search->search.compensation = &search->compensation;
    return RK_OK;
}

// ---- selecting

void rk__convert_search_init(rk__convert_search *search, const rk__convert_plan *plan) {
    *search = (rk__convert_search){.plan = plan};
}

void rk__convert_search_fini(rk__convert_search *search) {
    rk__free(search->work);
    rk__compensation_fini(&search->compensation);
    *search = (rk__convert_search){0};
}

rk_status rk__convert_search_select(rk__convert_search *search, const rk__tensor_plan *tensor,
                                    rk_dtype dtype, rk_error *err) {
    const rk__convert_plan *plan = search->plan;
    rk_imatrix_entry entry;
    rk__convert_search_fini(search);
    rk__convert_search_init(search, plan);
    if (!find_entry(plan, tensor, dtype, &entry)) return RK_OK;
    search->search.importance = entry.mean_squares;
    return entry.group == 0 ? RK_OK : compensate(search, &entry, err);
}

// ---- memory

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

size_t rk__convert_search_scratch(const rk__convert_plan *plan) {
    size_t most = 0;
    for (size_t i = 0; i < plan->weights.plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &plan->weights.plan.tensors[i];
        rk_imatrix_entry entry;
        if (!find_entry(plan, tensor, plan->types[i], &entry) || entry.group == 0) continue;
        most = larger(most, rk__convert_slab_rows(tensor) + RK__TOGETHER * entry.group);
    }
    return most;
}

uint64_t rk__convert_search_bytes(const rk__convert_plan *plan) {
    const size_t n_threads = rk_pool_threads(plan->options->pool);
    size_t most = 0;
    for (size_t i = 0; i < plan->weights.plan.n_tensors; i++) {
        rk_imatrix_entry entry;
        if (!find_entry(plan, &plan->weights.plan.tensors[i], plan->types[i], &entry)) continue;
        const size_t factors = entry.n_channels * entry.group * sizeof(float);
        most = larger(most, factors + n_threads * group_work(&entry) * sizeof(double));
    }
    return most;
}
