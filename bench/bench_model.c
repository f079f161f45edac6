// bench_model: what a whole model does, as shares of what the machine can do.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_report.h"
#include "cli/allocate.h"
#include "cli/dtype_option.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/standard_streams.h"
#include "count_list.h"
#include "machine_limits.h"
#include "model_work.h"
#include "pinned_pool.h"
#include "planes_work.h"
#include "product_work.h"
#include "synthetic_model.h"

enum { STREAMED_BYTES = 600 << 20 }; // of a product's weights: more than any cache holds

// Steps of a whole model take long: a slice is at least this, and fewer are measured.
static const bench_plan steps_plan = {.pairs = 9, .attempts = 18, .slice_seconds = 0.03};

// What can be measured, in the order of measuring.
typedef enum subject {
    SUBJECT_LOAD,
    SUBJECT_MEMORY,
    SUBJECT_DECODE,
    SUBJECT_BATCH,
    SUBJECT_PREFILL,
    SUBJECT_SCALING,
    SUBJECT_ZEROS,
    SUBJECT_COUNT
} subject;

static const char *const subject_names[SUBJECT_COUNT] = {"load",    "memory",  "decode", "batch",
                                                         "prefill", "scaling", "zeros"};

typedef struct subjects {
    bool wanted[SUBJECT_COUNT];
} subjects;

typedef struct settings {
    subjects subjects;
    const char *shape;
    rk_dtype dtype; // RK_DTYPE_COUNT: not chosen
    bench_counts tokens, states;
    double zeros;
    bool all_logits;
    size_t position;
    bool smoke;
} settings;

static bool add_subject(subjects *list, const char *word, size_t length) {
    for (size_t i = 0; i < SUBJECT_COUNT; i++) {
        if (strlen(subject_names[i]) != length || strncmp(subject_names[i], word, length) != 0) {
            continue;
        }
        list->wanted[i] = true;
        return true;
    }
    return false;
}

static bool parse_subjects(void *out, const char *text, char reason[CLI_REASON]) {
    subjects list = {0};
    for (const char *word = text;; word++) {
        const size_t length = strcspn(word, ",");
        if (!add_subject(&list, word, length)) {
            snprintf(reason, CLI_REASON,
                     "one or more of load, memory, decode, batch, prefill, scaling, zeros, "
                     "separated by commas");
            return false;
        }
        word += length;
        if (*word == '\0') break;
    }
    *(subjects *)out = list;
    return true;
}

static const cli_option option_table[] = {
    {
        .name = "measure",
        .letter = 'm',
        .argument = "WHAT,...",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, subjects),
        .parse = parse_subjects,
        .help =
            "load: opening the file. memory: what the model takes. decode: one token at a "
            "time. batch: several sequences together. prefill: many tokens at a time. "
            "scaling: all cores against one. zeros: the channel mixing's second product, by the "
            "share of its inputs that are zero",
        .standard = "decode,prefill",
    },
    {
        .name = "shape",
        .letter = 's',
        .argument = "NAME",
        .kind = CLI_TEXT,
        .offset = offsetof(settings, shape),
        .help = "made-up weights instead of a file: rwkv4-169m, -430m, -1b5, -3b, -7b, rwkv7-0b1, "
                "-0b4, -1b5, -2b9",
    },
    {
        .name = "type",
        .letter = 't',
        .argument = "TYPE",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, dtype),
        .parse = cli_parse_file_dtype,
        .help = "type of the matrices",
        .standard = "that of the file; FP16 for shapes",
    },
    {
        .name = "zeros",
        .argument = "SHARE",
        .kind = CLI_NUMBER,
        .offset = offsetof(settings, zeros),
        .number = {0, 1},
        .help = "made-up weights: the share of the channel mixing's channels that are zero",
        .standard = "about half of them",
    },
    {
        .name = "tokens",
        .letter = 'n',
        .argument = "N,...",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, tokens),
        .parse = bench_parse_counts,
        .help = "numbers of tokens in a pass of the prefill",
        .standard = "16,64,128,512",
    },
    {
        .name = "all-logits",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, all_logits),
        .help = "prefill with the logits of all tokens, not of the last one",
    },
    {
        .name = "states",
        .argument = "N,...",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, states),
        .parse = bench_parse_counts,
        .help = "numbers of sequences that are decoded together",
        .standard = "2,4,8,16",
    },
    {
        .name = "position",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(settings, position),
        .size = {100, 100000000},
        .help = "decode N tokens in a row and compare the last tenth of them with the first one",
    },
    {
        .name = "smoke",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, smoke),
        .help = "measure next to nothing, of tiny shapes: a test that the program works",
    },
};

static const cli_program program = {
    .name = "bench_model",
    .usages = (const char *const[]){"[OPTION...] MODEL", "[OPTION...] --shape NAME", NULL},
    .description =
        "Measures a whole model. Decoding: bytes of weights a second against reading memory. "
        "Several sequences: tokens a second against those of one. Prefill: operations a second "
        "against the kernel's own with a matrix from memory. Loading: bytes of the file against "
        "copying them. Work and limit take turns; the share is the median of their ratios.",
    .examples =
        (const char *const[]){
            "bench_model --shape rwkv7-1b5 --type Q4_0",
            "decoding and prefill of a model of that size, without a file",
            "bench_model --measure load,memory model.bin",
            "how long loading takes, and how much memory",
            NULL,
        },
    .options = option_table,
    .n_options = sizeof option_table / sizeof option_table[0],
    .settings_size = sizeof(settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_CPU | CLI_COMMON_JSON,
};

// What one thread count is measured with.
typedef struct session {
    const settings *settings;
    const bench_plan *plan, *limit_plan;
    bench_report *report;
    rk__kernels kernels;
    const model_origin *origin;
    char name[32]; // of the model, for the report
    rk_model *model;
    rk_pool *pool;
} session;

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
    return s->settings->all_logits ? RK_LOGITS_ALL : RK_LOGITS_LAST;
}

// The limit is the product of a matrix of the model's type, as wide as its layers.
static void measure_prefill(session *s, size_t n_tokens) {
    const rk_model_info *info = rk_model_describe(s->model);
    product_matrix matrix;
    product_run product;
    model_run run;
    char what[48];
    product_matrix_init(&matrix, &s->kernels, s->pool, info->dtype, info->dims.n_ffn,
                        info->dims.n_embd, s->settings->smoke ? 0 : STREAMED_BYTES);
    product_run_init(&product, &s->kernels, &matrix, n_tokens, AMOUNT_OPERATIONS);
    model_run_init(&run, s->model, s->pool, 1, n_tokens, wanted_logits(s), MODEL_OPERATIONS);
    const bench_work work = model_run_work(&run), limit = product_work(&product);
    snprintf(what, sizeof what, "%zu token%s%s", n_tokens, n_tokens == 1 ? "" : "s",
             s->settings->all_logits ? ", all logits" : "");
    add_row(s, what, "kernel", "GOP/s", 1e9, &work, &limit);
    model_run_fini(&run);
    product_run_fini(&product);
    product_matrix_fini(&matrix);
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
// are those of single channels.
static void measure_zeros(session *s) {
    static const double shares[] = {0, 0.5, 0.76, 0.89, 0.95};
    const rk_model_info *info = rk_model_describe(s->model);
    product_matrix panels;
    product_run product;
    planes_matrix planes;
    product_matrix_init(&panels, &s->kernels, s->pool, info->dtype, info->dims.n_embd,
                        info->dims.n_ffn, s->settings->smoke ? 0 : STREAMED_BYTES);
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
    const size_t n_tokens = s->settings->position, tenth = n_tokens / 10;
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

static void measure_loaded(session *s) {
    const settings *wanted = s->settings;
    const bool *is_wanted = wanted->subjects.wanted;
    const bench_counts one = {{1}, 1};
    if (is_wanted[SUBJECT_MEMORY]) measure_memory(s);
    if (is_wanted[SUBJECT_DECODE]) measure_decode(s);
    if (is_wanted[SUBJECT_BATCH]) measure_counts(s, measure_batch, &wanted->states);
    if (is_wanted[SUBJECT_PREFILL]) measure_counts(s, measure_prefill, &wanted->tokens);
    if (is_wanted[SUBJECT_SCALING] && rk_pool_threads(s->pool) > 1) {
        measure_counts(s, measure_scaling, &one);
        measure_counts(s, measure_scaling, &wanted->tokens);
    }
    if (is_wanted[SUBJECT_ZEROS]) measure_zeros(s);
    if (wanted->position > 0) measure_position(s);
}

static void name_model(session *s) {
    const rk_model_info *info = rk_model_describe(s->model);
    const char *slash = strrchr(s->origin->path, '/');
    snprintf(s->name, sizeof s->name, "%.20s %s", slash == NULL ? s->origin->path : slash + 1,
             rk_dtype_describe(info->dtype)->name);
}

// The model is opened before anything else takes memory, and stays for all thread counts.
static void measure(session *s, size_t n_threads) {
    s->pool = bench_pool_new(n_threads);
    if (s->model == NULL) {
        s->model = model_open(s->origin, s->pool);
        name_model(s);
    }
    measure_loaded(s);
    if (s->settings->subjects.wanted[SUBJECT_LOAD]) measure_load(s);
    bench_pool_free(&s->pool);
}

static void measure_origin(session *s, const model_origin *origin, size_t n_threads) {
    const size_t cores = bench_cores();
    s->origin = origin;
    if (n_threads > 0) {
        measure(s, n_threads);
    } else {
        if (cores > 1) measure(s, cores);
        measure(s, 1);
    }
    rk_model_close(&s->model);
}

static void measure_shape(session *s, const synthetic_shape *shape, size_t n_threads) {
    const rk_dtype dtype = s->settings->dtype == RK_DTYPE_COUNT ? RK_DTYPE_F16 : s->settings->dtype;
    synthetic_model *model = synthetic_model_new(shape, dtype, s->settings->zeros);
    const model_origin origin = {.path = shape->name, .source = synthetic_model_source(model)};
    measure_origin(s, &origin, n_threads);
    synthetic_model_free(&model);
}

static void measure_file(session *s, const char *path, size_t n_threads) {
    char strategy[32];
    model_origin origin = {.path = path};
    if (s->settings->dtype != RK_DTYPE_COUNT) {
        snprintf(strategy, sizeof strategy, "cpu %s", rk_dtype_describe(s->settings->dtype)->name);
        origin.strategy = strategy;
    }
    measure_origin(s, &origin, n_threads);
}

// Every subject of both versions, on one thread and on two.
static void measure_smoke(session *s, const settings *chosen) {
    static const rk_dtype dtypes[] = {RK_DTYPE_F16, RK_DTYPE_Q4_0};
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        settings now = *chosen;
        now.dtype = dtypes[i];
        s->settings = &now;
        measure_shape(s, i == 0 ? &synthetic_smoke_rwkv4 : &synthetic_smoke_rwkv7, 1 + i);
    }
}

static void check_settings(const settings *s, const cli_text_list *words) {
    const bool has_shape = s->shape != NULL || s->smoke;
    if (words->count != (has_shape ? 0 : 1)) cli_misuse("give one model, or --shape");
    if (s->shape != NULL && synthetic_shape_find(s->shape) == NULL) {
        cli_misuse("there is no shape '%s'", s->shape);
    }
    if (has_shape && s->subjects.wanted[SUBJECT_LOAD]) {
        cli_misuse("only a file can be loaded (--measure load)");
    }
    if (!has_shape && s->zeros >= 0) cli_misuse("--zeros is for made-up weights");
}

int main(int argc, char **argv) {
    cli_start();
    settings s = {
        .dtype = RK_DTYPE_COUNT,
        .tokens = {{16, 64, 128, 512}, 4},
        .states = {{2, 4, 8, 16}, 4},
        .zeros = -1,
        .subjects.wanted = {[SUBJECT_DECODE] = true, [SUBJECT_PREFILL] = true},
    };
    cli_common common = {0};
    cli_text_list words = {0};
    cli_parse(&program, argc, argv, &s, &common, &words);
    check_settings(&s, &words);

    bench_report report = {.program = program.name};
    session now = {.settings = &s,
                   .plan = s.smoke ? &bench_plan_smoke : &steps_plan,
                   .limit_plan = s.smoke ? &bench_plan_smoke : &bench_plan_normal,
                   .report = &report};
    rk__kernels_init(&now.kernels, rk__isa_available());
    if (s.smoke) {
        measure_smoke(&now, &s);
    } else if (s.shape != NULL) {
        measure_shape(&now, synthetic_shape_find(s.shape), common.threads);
    } else {
        measure_file(&now, words.items[0], common.threads);
    }
    bench_report_finish(&report, common.json);
    cli_text_list_free(&words);
    return cli_finish(CLI_EXIT_DONE);
}
