// Measuring a model: each subject's work against its limit.
#include "model_subjects.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/allocate.h"
#include "model_products.h"
#include "planes_work.h"

static void add_row(session *s, const char *what, const char *limit, const char *unit,
                    double unit_size, const bench_work *work, const bench_work *limit_work) {
    bench_row row = {
        .threads = rk_pool_threads(s->pool), .limit = limit, .unit = unit, .unit_size = unit_size};
    snprintf(row.what, sizeof row.what, "%s, %.28s", s->name, what);
    bench_compare(&row.comparison, work, limit_work, s->pool, s->plan);
    bench_report_add(s->report, &row);
}

static void measure_decode(session *s) {
    bench_limits limits;
    bench_limits_init(&limits, s->pool, s->limit_plan);
    model_run run;
    model_run_init(&run, s->model, s->pool, 1, 1, RK_LOGITS_LAST, MODEL_BYTES);
    const bench_work work = model_run_work(&run), limit = bench_limit_work(&limits, BENCH_READ);
    add_row(s, "decode", "read", "GB/s", 1e9, &work, &limit);
    model_run_fini(&run);
    bench_limits_fini(&limits);
}

static void measure_batch(session *s, size_t n_states) {
    model_run one, many;
    char what[32];
    model_run_init(&one, s->model, s->pool, 1, 1, RK_LOGITS_LAST, MODEL_TOKENS);
    model_run_init(&many, s->model, s->pool, n_states, 1, RK_LOGITS_LAST, MODEL_TOKENS);
    const bench_work work = model_run_work(&many), limit = model_run_work(&one);
    snprintf(what, sizeof what, "%zu states", n_states);
    add_row(s, what, "1 state", "tokens/s", 1, &work, &limit);
    model_run_fini(&one);
    model_run_fini(&many);
}

static rk_logits wanted_logits(const session *s) {
    return s->all_logits ? RK_LOGITS_ALL : RK_LOGITS_LAST;
}

// The limit are products alone, of the types and in the proportions that the model's layers have.
static void measure_prefill(session *s, size_t n_tokens) {
    model_products products;
    model_run run;
    char what[48];
    model_products_init(&products, s->model, &s->kernels, s->pool, n_tokens, s->streamed_bytes);
    model_run_init(&run, s->model, s->pool, 1, n_tokens, wanted_logits(s), MODEL_OPERATIONS);
    const bench_work work = model_run_work(&run), limit = model_products_work(&products);
    snprintf(what, sizeof what, "%zu token%s%s", n_tokens, n_tokens == 1 ? "" : "s",
             s->all_logits ? ", all logits" : "");
    add_row(s, what, "products", "GOP/s", 1e9, &work, &limit);
    model_run_fini(&run);
    model_products_fini(&products);
}

static void measure_scaling(session *s, size_t n_tokens) {
    model_run one, all;
    char what[48];
    model_run_init(&one, s->model, NULL, 1, n_tokens, RK_LOGITS_LAST, MODEL_TOKENS);
    model_run_init(&all, s->model, s->pool, 1, n_tokens, RK_LOGITS_LAST, MODEL_TOKENS);
    const bench_work work = model_run_work(&all), limit = model_run_work(&one);
    snprintf(what, sizeof what, "%zu token%s, scaling", n_tokens, n_tokens == 1 ? "" : "s");
    add_row(s, what, "1 thread", "tokens/s", 1, &work, &limit);
    model_run_fini(&one);
    model_run_fini(&all);
}

// The second matrix of the channel mixing with one token, in planes against in panels. The shares
// are those of single channels. Rows are filled up to those of planes.
static void measure_zeros(session *s) {
    static const double shares[] = {0, 0.5, 0.76, 0.89, 0.95};
    const rk_model_info *info = rk_model_describe(s->model);
    product_matrix panels;
    product_run product;
    planes_matrix planes;
    product_matrix_init(&panels, &s->kernels, s->pool, info->dtype,
                        rk__planes_rows(info->dims.n_embd), info->dims.n_ffn, s->streamed_bytes);
    product_run_init(&product, &s->kernels, &panels, 1, AMOUNT_TOKENS);
    planes_matrix_init(&planes, &s->kernels, &panels);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        planes_run run;
        char what[32];
        planes_run_init(&run, &s->kernels, &planes, shares[i]);
        const bench_work work = planes_work(&run), limit = product_work(&product);
        snprintf(what, sizeof what, "ffn.value, %.0f %% zeros", 100 * shares[i]);
        bench_row row = {.threads = rk_pool_threads(s->pool),
                         .limit = "all of it",
                         .unit = "products/s",
                         .unit_size = 1};
        snprintf(row.what, sizeof row.what, "%s, %.28s", s->name, what);
        bench_compare(&row.comparison, &work, &limit, s->pool, s->limit_plan);
        bench_report_add(s->report, &row);
        planes_run_fini(&run);
    }
    planes_matrix_fini(&planes);
    product_run_fini(&product);
    product_matrix_fini(&panels);
}

static void measure_load(session *s) {
    load_run run;
    load_run_init(&run, s->origin, s->pool);
    const bench_work work = load_run_work(&run), limit = load_run_copy_work(&run);
    add_row(s, "load", "copy", "GB/s", 1e9, &work, &limit);
    load_run_fini(&run);
}

// A quantity that is no speed, against another.
static void add_figure(session *s, const char *what, const char *limit, const char *unit,
                       double unit_size, double value, double limit_value) {
    const double ratio = value / limit_value;
    bench_row row = {.threads = rk_pool_threads(s->pool),
                     .limit = limit,
                     .unit = unit,
                     .unit_size = unit_size,
                     .comparison = {.rate = {value, value, value},
                                    .limit = {limit_value, limit_value, limit_value},
                                    .ratio = {ratio, ratio, ratio},
                                    .pairs = 1}};
    snprintf(row.what, sizeof row.what, "%s, %.28s", s->name, what);
    bench_report_add(s->report, &row);
}

static void measure_memory(session *s) {
    add_figure(s, "resident memory", "packed weights", "MB", 1e6, resident_bytes(),
               model_costs_of(s->model).bytes);
}

// ---- cost per token at far positions

// The median of the tokens' times.
static double median_rate(model_run *run, size_t n_tokens, double *times) {
    const bench_work work = model_run_work(run);
    for (size_t i = 0; i < n_tokens; i++) {
        const double begin = bench_seconds();
        (void)work.run(work.argument);
        times[i] = bench_seconds() - begin;
    }
    return 1 / bench_spread_of(times, n_tokens).median;
}

static void measure_position(session *s) {
    const size_t n_tokens = s->position, tenth = n_tokens / 10;
    double *times = cli_allocate(n_tokens, sizeof *times);
    model_run run;
    char what[48];
    model_run_init(&run, s->model, s->pool, 1, 1, RK_LOGITS_LAST, MODEL_TOKENS);
    const double first = median_rate(&run, tenth, times);
    const double memory_before = resident_bytes();
    (void)median_rate(&run, n_tokens - 2 * tenth, times);
    const double last = median_rate(&run, tenth, times);
    snprintf(what, sizeof what, "decode, token %zu", n_tokens);
    add_figure(s, what, "first tenth", "tokens/s", 1, last, first);
    add_figure(s, "memory there", "first tenth", "MB", 1e6, resident_bytes(), memory_before);
    model_run_fini(&run);
    free(times);
}

// ----

static void measure_counts(session *s, void (*measure)(session *, size_t),
                           const bench_counts *counts) {
    for (size_t i = 0; i < counts->count; i++) measure(s, counts->items[i]);
}

void measure_subjects(session *s) {
    const bool *is_wanted = s->subjects.wanted;
    const bench_counts one = {{1}, 1};
    if (is_wanted[SUBJECT_MEMORY]) measure_memory(s);
    if (is_wanted[SUBJECT_DECODE]) measure_decode(s);
    if (is_wanted[SUBJECT_BATCH]) measure_counts(s, measure_batch, &s->states);
    if (is_wanted[SUBJECT_PREFILL]) measure_counts(s, measure_prefill, &s->tokens);
    if (is_wanted[SUBJECT_SCALING] && rk_pool_threads(s->pool) > 1) {
        measure_counts(s, measure_scaling, &one);
        measure_counts(s, measure_scaling, &s->tokens);
    }
    if (is_wanted[SUBJECT_ZEROS]) measure_zeros(s);
    if (s->position > 0) measure_position(s);
    if (is_wanted[SUBJECT_LOAD]) measure_load(s);
}
