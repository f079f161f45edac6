// bench_kernels: products of the kernel table as shares of what the machine can do.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_report.h"
#include "cli/dtype_option.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/standard_streams.h"
#include "count_list.h"
#include "machine_limits.h"
#include "pinned_pool.h"
#include "product_work.h"
#include "vector_work.h"

enum {
    MANY_TOKENS = 32,           // from here on arithmetic is the limit
    STREAMED_BYTES = 600 << 20, // of weights: more than any cache holds
};

// What is measured.
typedef enum subject { SUBJECT_PRODUCTS, SUBJECT_PACKING, SUBJECT_VECTORS, SUBJECT_COUNT } subject;

static const char *const subject_names[SUBJECT_COUNT] = {"products", "packing", "vectors"};

typedef struct settings {
    const char *subject; // NULL: all
    cli_dtype_list types;
    bench_counts tokens;
    size_t rows, columns;
    bool smoke;
} settings;

static const cli_option option_table[] = {
    {
        .name = "measure",
        .letter = 'm',
        .argument = "WHAT",
        .kind = CLI_CHOICE,
        .offset = offsetof(settings, subject),
        .choices = (const char *const[]){"products", "packing", "vectors", NULL},
        .help = "products, packing or vectors (on one core)",
        .standard = "all of them",
    },
    {
        .name = "types",
        .letter = 't',
        .argument = "TYPE,...",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, types),
        .parse = cli_parse_dtype_list,
        .help = "types of the matrix",
        .standard = "all",
    },
    {
        .name = "tokens",
        .letter = 'n',
        .argument = "N,...",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, tokens),
        .parse = bench_parse_counts,
        .help = "numbers of tokens that the matrix is multiplied with",
        .standard = "1,2,4,8,16,64,256",
    },
    {
        .name = "rows",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(settings, rows),
        .size = {1, 1 << 20},
        .help = "rows of the matrix",
        .standard = cli_its_value,
    },
    {
        .name = "columns",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(settings, columns),
        .size = {32, 1 << 20},
        .help = "columns of the matrix, a multiple of 32 for block formats",
        .standard = cli_its_value,
    },
    {
        .name = "smoke",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, smoke),
        .help = "measure next to nothing: a test that the program works",
    },
};

static const cli_program program = {
    .name = "bench_kernels",
    .usages = (const char *const[]){"[OPTION...]", NULL},
    .description =
        "Multiplies matrices that come from memory with 1 to some hundred tokens. One token: "
        "bytes a second against the memory's. A few: tokens a second against those of one token, "
        "that is, how much a batch gains. Many: operations a second against the processor's peak "
        "in the instructions that the kernel is made of. Packing: bytes a second against copying "
        "them. Vectors: bytes read and written a second against copying in the first cache. Kernel "
        "and limit take turns, a millisecond each; the share is the median of their ratios.",
    .examples =
        (const char *const[]){
            "bench_kernels --types Q4_0,Q8_0 --tokens 1",
            "products with one token",
            "bench_kernels --cpu avx2 --tokens 64,512 --threads 1",
            "products with many tokens on one core, without AVX-512",
            NULL,
        },
    .options = option_table,
    .n_options = sizeof option_table / sizeof option_table[0],
    .settings_size = sizeof(settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_CPU | CLI_COMMON_JSON,
};

// The peak of the instructions that a kernel for many tokens is made of.
static bench_limit peak_of(rk__isa isa, rk_dtype dtype) {
    const bool is_float = rk_dtype_describe(dtype)->class_ == RK_CLASS_FLOAT;
    if (isa >= RK__ISA_AVX512) return is_float ? BENCH_FMA_512 : BENCH_DOT_512;
    if (is_float) return BENCH_FMA_256;
    if (isa >= RK__ISA_AVXVNNI) return BENCH_DOT_256;
    return dtype == RK_DTYPE_Q8_0 ? BENCH_ADD32_256 : BENCH_ADD16_256;
}

// What one thread count is measured with.
typedef struct session {
    const settings *settings;
    const bench_plan *plan;
    bench_report *report;
    rk__kernels kernels;
    rk_pool *pool;
    bench_limits limits;
} session;

static void add_row(session *s, product_run *run, const bench_work *limit, bench_row row) {
    const product_matrix *const m = run->matrix;
    snprintf(row.what, sizeof row.what, "%s %zu x %zu, %zu token%s",
             rk_dtype_describe(m->dtype)->name, m->rows, m->columns, run->n_tokens,
             run->n_tokens == 1 ? "" : "s");
    row.threads = rk_pool_threads(s->pool);
    const bench_work work = product_work(run);
    bench_compare(&row.comparison, &work, limit, s->pool, s->plan);
    bench_report_add(s->report, &row);
}

static void measure_tokens(session *s, const product_matrix *m, size_t n_tokens) {
    const bool few = n_tokens > 1 && n_tokens < MANY_TOKENS;
    const bench_limit peak = n_tokens == 1 ? BENCH_READ : peak_of(s->kernels.isa, m->dtype);
    if (!few && !bench_limit_exists(peak)) return;
    product_run run, one = {0};
    bench_work limit;
    bench_row row = {.unit = "tokens/s", .unit_size = 1, .limit = "1 token"};
    if (few) {
        product_run_init(&one, &s->kernels, m, 1, AMOUNT_TOKENS);
        limit = product_work(&one);
    } else {
        row.limit = bench_limit_name(peak);
        row.unit = bench_limit_unit(peak);
        row.unit_size = 1e9;
        limit = bench_limit_work(&s->limits, peak);
    }
    product_run_init(&run, &s->kernels, m, n_tokens,
                     few             ? AMOUNT_TOKENS
                     : n_tokens == 1 ? AMOUNT_BYTES
                                     : AMOUNT_OPERATIONS);
    add_row(s, &run, &limit, row);
    product_run_fini(&run);
    product_run_fini(&one);
}

static void measure_packing(session *s, const product_matrix *m) {
    pack_run run;
    pack_run_init(&run, &s->kernels, m);
    const bench_work work = pack_work(&run), limit = bench_limit_work(&s->limits, BENCH_COPY);
    bench_row row = {
        .threads = rk_pool_threads(s->pool),
        .limit = bench_limit_name(BENCH_COPY),
        .unit = bench_limit_unit(BENCH_COPY),
        .unit_size = 1e9,
    };
    snprintf(row.what, sizeof row.what, "%s %zu x %zu, packing", rk_dtype_describe(m->dtype)->name,
             m->rows, m->columns);
    bench_compare(&row.comparison, &work, &limit, s->pool, s->plan);
    bench_report_add(s->report, &row);
    pack_run_fini(&run);
}

static void measure_vectors(session *s) {
    for (size_t i = 0; i < vector_function_count(); i++) {
        vector_run run;
        vector_run_init(&run, &s->kernels, i);
        const bench_work work = vector_work(&run),
                         limit = bench_limit_work(&s->limits, BENCH_CACHE);
        bench_row row = {
            .threads = 1,
            .limit = bench_limit_name(BENCH_CACHE),
            .unit = bench_limit_unit(BENCH_CACHE),
            .unit_size = 1e9,
        };
        snprintf(row.what, sizeof row.what, "%s", vector_function_name(i));
        bench_compare(&row.comparison, &work, &limit, s->pool, s->plan);
        bench_report_add(s->report, &row);
        vector_run_fini(&run);
    }
}

static bool is_wanted(const settings *s, subject which) {
    return s->subject == NULL || strcmp(s->subject, subject_names[which]) == 0;
}

static void measure_type(session *s, rk_dtype dtype) {
    const settings *const wanted = s->settings;
    product_matrix m;
    product_matrix_init(&m, &s->kernels, s->pool, dtype, wanted->rows, wanted->columns,
                        wanted->smoke ? 0 : STREAMED_BYTES);
    for (size_t t = 0; is_wanted(wanted, SUBJECT_PRODUCTS) && t < wanted->tokens.count; t++) {
        measure_tokens(s, &m, wanted->tokens.items[t]);
    }
    if (is_wanted(wanted, SUBJECT_PACKING)) measure_packing(s, &m);
    product_matrix_fini(&m);
}

static void measure(session *s, size_t n_threads) {
    const settings *const wanted = s->settings;
    s->pool = bench_pool_new(n_threads);
    bench_limits_init(&s->limits, s->pool, s->plan);
    const bool matrices = is_wanted(wanted, SUBJECT_PRODUCTS) || is_wanted(wanted, SUBJECT_PACKING);
    for (size_t i = 0; matrices && i < wanted->types.count; i++) {
        measure_type(s, wanted->types.items[i]);
    }
    if (n_threads == 1 && is_wanted(wanted, SUBJECT_VECTORS)) measure_vectors(s);
    bench_limits_fini(&s->limits);
    bench_pool_free(&s->pool);
}

// What a smoke test leaves of the settings.
static void shrink(settings *s) {
    s->rows = 48;
    s->columns = 64;
}

int main(int argc, char **argv) {
    cli_start();
    settings s = {.rows = 2048, .columns = 8192, .tokens = {{1, 2, 4, 8, 16, 64, 256}, 7}};
    for (rk_dtype dtype = 0; dtype <= RK_DTYPE_Q8_0; dtype++) {
        s.types.items[s.types.count++] = dtype;
    }
    cli_common common = {0};
    cli_text_list words = {0};
    cli_parse(&program, argc, argv, &s, &common, &words);
    if (words.count > 0) cli_misuse("unexpected argument '%s'", words.items[0]);
    if (s.smoke) shrink(&s);

    bench_report report = {.program = program.name};
    session now = {
        .settings = &s,
        .plan = s.smoke ? &bench_plan_smoke : &bench_plan_normal,
        .report = &report,
    };
    rk__kernels_init(&now.kernels, rk__isa_available());
    const size_t cores = bench_cores();
    if (common.threads > 0) {
        measure(&now, common.threads);
    } else {
        measure(&now, 1);
        if (cores > 1) measure(&now, cores);
    }
    bench_report_finish(&report, common.json);
    cli_text_list_free(&words);
    return cli_finish(CLI_EXIT_DONE);
}
