// quantize: a model becomes a smaller model.
#include <stdio.h>

#include "cli/conversion.h"
#include "cli/conversion_report.h"
#include "cli/dtype_option.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/paths.h"
#include "cli/standard_streams.h"
#include "quantize/quantize_report.h"

typedef struct settings {
    bool allow_requantize, no_sync;
} settings;

static const cli_option option_table[] = {
    {
        .name = "allow-requantize",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, allow_requantize),
        .help = "accept an IN that is quantized already; its errors add to the new ones",
    },
    {
        .name = "no-sync",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, no_sync),
        .help = "do not wait until OUT is on the disk",
    },
};

static const cli_program program = {
    .name = "quantize",
    .summary = "make a model file smaller",
    .usages = (const char *const[]){"IN OUT FORMAT [OPTION...]", NULL},
    .description =
        "Writes the model IN with its matrices in another FORMAT: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, "
        "FP16 or FP32. "
        "The embedding, the head and all vectors keep full or half precision. Reports what "
        "rounding did to each "
        "tensor: the root mean square of the errors, also as a share of the values' own.",
    .examples =
        (const char *const[]){
            "quantize model.bin model-q5_1.bin Q5_1",
            "a third of the size of FP16, close to its quality",
            "quantize model.pth model-q8_0.bin Q8_0 --json",
            "straight from a checkpoint; the report as JSON",
            NULL,
        },
    .options = option_table,
    .n_options = sizeof option_table / sizeof option_table[0],
    .settings_size = sizeof(settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_CPU | CLI_COMMON_QUIET | CLI_COMMON_JSON,
};

static int quantize(const char *input, const char *output, rk_dtype format, const settings *s,
                    const cli_common *common) {
    const rk_convert_options job = {
        .dtype = format,
        .allow_requantize = s->allow_requantize,
        .no_sync = s->no_sync,
    };
    cli_conversion conversion = {
        .label = "quantizing",
        .input = input,
        .output = output,
        .measured = common->json || !common->quiet,
    };
    const int code = cli_convert(&conversion, &job, common);
    if (code != CLI_EXIT_DONE) return code;
    if (common->json) {
        cli_conversion_json(&conversion, rk_dtype_describe(format)->name);
    } else if (!common->quiet) {
        print_quantize_report(&conversion);
    }
    cli_conversion_free(&conversion);
    return code;
}

int main(int argc, char **argv) {
    cli_start();
    settings s = {0};
    cli_common common = {0};
    cli_text_list words = {0};
    cli_parse(&program, argc, argv, &s, &common, &words);
    static const char *const names[] = {"IN", "OUT", "FORMAT"};
    if (words.count < 3) cli_misuse("missing argument %s", names[words.count]);
    if (words.count > 3) cli_misuse("unexpected argument '%s'", words.items[3]);
    rk_dtype format;
    char reason[CLI_REASON];
    if (!cli_parse_file_dtype(&format, words.items[2], reason)) cli_misuse("FORMAT: %s", reason);
    cli_require_file(words.items[0]);
    cli_require_distinct(words.items[1], words.items[0]);

    const int code = quantize(words.items[0], words.items[1], format, &s, &common);
    cli_text_list_free(&words);
    return cli_finish(code);
}
