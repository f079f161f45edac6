// perplexity: how well models predict a text, how large they are and how fast; side by side for
// several types.
#include <stdio.h>
#include <stdlib.h>

#include "cli/allocate.h"
#include "cli/dtype_option.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "cli/standard_streams.h"
#include "cli/text_file.h"
#include "cli/workers.h"
#include "perplexity/measure.h"
#include "perplexity/perplexity_report.h"

typedef struct settings {
    const char *file;
    cli_dtype_list types;
    size_t limit;
} settings;

static const cli_option option_table[] = {
    {
        .name = "file",
        .letter = 'f',
        .argument = "TEXT",
        .kind = CLI_TEXT,
        .offset = offsetof(settings, file),
        .help = "the text to predict; - is standard input; must be given",
    },
    {
        .name = "types",
        .letter = 't',
        .argument = "LIST",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, types),
        .parse = cli_parse_dtype_list,
        .help = "measure each model in each of these types, separated by commas: FP32, FP16, Q8_0, "
                "...; "
                "converted in memory as quantize would",
        .standard = "as the file is",
    },
    {
        .name = "limit",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(settings, limit),
        .size = {2, SIZE_MAX},
        .help = "use only the first N tokens of the text",
    },
};

static const cli_program program = {
    .name = "perplexity",
    .summary = "measure how well models predict a text",
    .usages = (const char *const[]){"MODEL... -f TEXT [--types LIST] [OPTION...]", NULL},
    .description = "Measures models on a text: perplexity (per token) with its standard error, "
                   "bits per byte, size, speed of "
                   "prefill and decode, peak memory. The text is one stream from the empty state; "
                   "the first token is not "
                   "scored. MODEL is any file that the suite reads.",
    .examples =
        (const char *const[]){
            "perplexity model.bin -f test.txt",
            "one model as it is",
            "perplexity model.pth -f test.txt --types FP32,FP16,Q8_0,Q5_1,Q4_0",
            "which type to choose, straight from the checkpoint",
            NULL,
        },
    .options = option_table,
    .n_options = sizeof option_table / sizeof option_table[0],
    .settings_size = sizeof(settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_CPU | CLI_COMMON_QUIET | CLI_COMMON_JSON,
};

// Every model in every type, one loaded at a time.
static int measure_all(perplexity_report *report, const cli_text_list *models, const settings *s,
                       rk_pool *pool, const cli_common *common) {
    const size_t n_types = s->types.count > 0 ? s->types.count : 1;
    report->results = cli_allocate(models->count * n_types, sizeof *report->results);
    for (size_t i = 0; i < models->count * n_types; i++) {
        const bool chosen = s->types.count > 0;
        char *strategy =
            chosen ? cli_format("cpu %s", rk_dtype_describe(s->types.items[i % n_types])->name)
                   : NULL;
        const measure_job job = {
            .model = models->items[i / n_types],
            .strategy = strategy,
            .text = report->text,
            .limit = s->limit,
            .pool = pool,
            .common = common,
        };
        const int code = measure(&report->results[i], &job);
        free(strategy);
        if (code != CLI_EXIT_DONE) return code;
        report->n_results++;
    }
    return CLI_EXIT_DONE;
}

static int run(const cli_text_list *models, const settings *s, const cli_common *common) {
    cli_text text;
    if (!cli_text_read(&text, s->file)) return CLI_EXIT_FAILED;
    rk_pool *pool = cli_workers_new(common);
    perplexity_report report = {.text = &text, .n_threads = rk_pool_threads(pool)};
    int code = CLI_EXIT_FAILED;
    if (pool != NULL) {
        cli_signals_begin();
        code = measure_all(&report, models, s, pool, common);
    }
    if (code == CLI_EXIT_DONE) {
        if (common->json) {
            report_print_json(&report);
        } else {
            report_print_table(&report);
        }
    }
    free(report.results);
    rk_pool_free(&pool);
    cli_text_free(&text);
    return code;
}

int main(int argc, char **argv) {
    cli_start();
    settings s = {0};
    cli_common common = {0};
    cli_text_list models = {0};
    cli_parse(&program, argc, argv, &s, &common, &models);
    if (models.count < 1) cli_misuse("missing argument MODEL");
    if (s.file == NULL) cli_misuse("missing option -f: the text to predict");

    const int code = run(&models, &s, &common);
    cli_text_list_free(&models);
    return cli_finish(code);
}
