// bench_limits: what this machine can do at best, with 1 .. n threads.
#include <stdio.h>

#include "bench_report.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/standard_streams.h"
#include "machine_limits.h"
#include "pinned_pool.h"

typedef struct settings {
    bool smoke;
} settings;

static const cli_option option_table[] = {
    {
        .name = "smoke",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, smoke),
        .help = "measure next to nothing: a test that the program works",
    },
};

static const cli_program program = {
    .name = "bench_limits",
    .usages = (const char *const[]){"[OPTION...]", NULL},
    .description =
        "Measures what this machine can do at best with 1 to N threads: reading memory, and the "
        "arithmetic that kernels are made of. read: bytes of memory in order. fma: float32 "
        "multiply-adds. add16: 8-bit integers, multiplied and added up in 16 bits. add32: the "
        "same, widened to 32 bits. dot: four of them by one instruction (VNNI). The number behind "
        "the name is the width of the vectors in bits; a multiplication with its addition counts "
        "as two operations.",
    .options = option_table,
    .n_options = sizeof option_table / sizeof option_table[0],
    .settings_size = sizeof(settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_JSON,
};

static void measure(bench_report *report, size_t n_threads, const bench_plan *plan) {
    rk_pool *pool = bench_pool_new(n_threads);
    bench_limits limits;
    bench_limits_init(&limits, pool, plan);
    for (bench_limit limit = 0; limit < BENCH_LIMIT_COUNT; limit++) {
        if (!bench_limit_exists(limit)) continue;
        const bench_work work = bench_limit_work(&limits, limit);
        bench_row row = {
            .threads = n_threads,
            .unit = bench_limit_unit(limit),
            .unit_size = 1e9,
            .comparison = {.rate = bench_rate(&work, pool, plan), .pairs = plan->pairs},
        };
        if (limit == BENCH_READ) {
            snprintf(row.what, sizeof row.what, "read, %zu streams, prefetching %zu bytes ahead",
                     limits.reader.streams, limits.reader.ahead);
        } else {
            snprintf(row.what, sizeof row.what, "%s", bench_limit_name(limit));
        }
        bench_report_add(report, &row);
    }
    bench_limits_fini(&limits);
    bench_pool_free(&pool);
}

int main(int argc, char **argv) {
    cli_start();
    settings s = {0};
    cli_common common = {0};
    cli_text_list words = {0};
    cli_parse(&program, argc, argv, &s, &common, &words);
    if (words.count > 0) cli_misuse("unexpected argument '%s'", words.items[0]);
    const size_t most = common.threads == 0 ? bench_cores() : common.threads;
    bench_report report = {.program = program.name};
    for (size_t n = 1; n <= most; n++) {
        measure(&report, n, s.smoke ? &bench_plan_smoke : &bench_plan_normal);
    }
    bench_report_finish(&report, common.json);
    cli_text_list_free(&words);
    return cli_finish(CLI_EXIT_DONE);
}
