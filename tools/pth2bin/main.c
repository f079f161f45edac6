// pth2bin: a PyTorch checkpoint becomes a model file, quantized on the way if wanted; or a list of
// what a file holds.
#include <stdio.h>

#include "cli/conversion.h"
#include "cli/conversion_report.h"
#include "cli/dtype_option.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/paths.h"
#include "cli/standard_streams.h"
#include "pth2bin/listing.h"

typedef struct settings {
    rk_dtype type;
    unsigned container;
    const char *prefix, *state;
    bool list, dry_run, keep_state, no_sync;
} settings;

static const cli_option option_table[] = {
    {
        .name = "type",
        .letter = 't',
        .argument = "TYPE",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, type),
        .parse = cli_parse_file_dtype,
        .help = "type of the matrices in OUT: FP32, FP16, Q4_0, Q4_1, Q5_0, Q5_1 or Q8_0; float32 "
                "and float16 are accepted too",
        .standard = "FP16",
    },
    {
        .name = "container",
        .argument = "VERSION",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, container),
        .parse = cli_parse_container,
        .help = "version of the model file: v101, or v100 for programs of spring 2023 (RWKV-4 "
                "alone)",
        .standard = "v101; v100 for Q4_1_O, Q4_2 and Q4_3",
    },
    {
        .name = "list",
        .letter = 'l',
        .kind = CLI_FLAG,
        .offset = offsetof(settings, list),
        .help = "list the tensors of IN instead; with --json also their SHA-256 sums",
    },
    {
        .name = "dry-run",
        .letter = 'n',
        .kind = CLI_FLAG,
        .offset = offsetof(settings, dry_run),
        .help = "write nothing; tell what IN is, how large OUT would be and how much memory that "
                "takes",
    },
    {
        .name = "prefix",
        .argument = "KEYS",
        .kind = CLI_TEXT,
        .offset = offsetof(settings, prefix),
        .help = "take the tensors below KEYS alone: keys of the dictionaries that lead to the "
                "weights and the beginning of their names, joined by dots (ema.generator)",
        .standard = "state_dict, model, module and their like",
    },
    {
        .name = "state",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(settings, state),
        .help = "write the tuned initial state that IN holds (blocks.N.att.time_state) to FILE, as "
                "safetensors",
    },
    {
        .name = "keep-state",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, keep_state),
        .help = "keep the tuned initial state in OUT; it is left out otherwise",
    },
    {
        .name = "no-sync",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, no_sync),
        .help = "do not wait until OUT is on the disk",
    },
};

static const cli_program program = {
    .name = "pth2bin",
    .summary = "convert PyTorch checkpoints to model files",
    .usages =
        (const char *const[]){"IN OUT [--type TYPE] [OPTION...]",
                              "--dry-run IN [--type TYPE] [OPTION...]", "--list IN [--json]", NULL},
    .description = "Converts an RWKV checkpoint as PyTorch saved it (.pth) into a model file. No "
                   "Python is needed, and "
                   "nothing in the file is executed. Files are recognised by their content; IN may "
                   "be any file that the "
                   "suite reads. OUT appears under its name only when it is complete.",
    .examples =
        (const char *const[]){
            "pth2bin model.pth model.bin",
            "an FP16 model file",
            "pth2bin model.pth model-q5_1.bin --type Q5_1",
            "quantized in the same pass",
            "pth2bin --list --json model.pth",
            "names, types, shapes and checksums of the tensors",
            NULL,
        },
    .options = option_table,
    .n_options = sizeof option_table / sizeof option_table[0],
    .settings_size = sizeof(settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_CPU | CLI_COMMON_QUIET | CLI_COMMON_JSON,
};

static rk_convert_options job_of(const settings *s) {
    return (rk_convert_options){
        .dtype = s->type,
        .version = s->container,
        .root = s->prefix,
        .keep_state = s->keep_state,
        .state_output = s->state,
        .no_sync = s->no_sync,
    };
}

static bool is_model_file(rk_container container) {
    return container == RK_CONTAINER_MODEL_V100 || container == RK_CONTAINER_MODEL_V101;
}

static void print_report(const cli_conversion *conversion, const settings *s) {
    if (conversion->planned) {
        cli_conversion_prediction(stdout, conversion, rk_dtype_describe(s->type)->name);
    } else {
        cli_conversion_summary(stdout, conversion);
    }
    if (is_model_file(conversion->result.container)) {
        printf("%s is a model file already; quantize is the program for those\n",
               conversion->input);
    }
}

static int convert(const char *input, const char *output, const settings *s,
                   const cli_common *common) {
    const rk_convert_options job = job_of(s);
    cli_conversion conversion = {
        .label = "converting",
        .input = input,
        .output = output,
        .measured = common->json,
    };
    const int code = s->dry_run ? cli_plan_conversion(&conversion, &job, common)
                                : cli_convert(&conversion, &job, common);
    if (code != CLI_EXIT_DONE) return code;
    if (common->json) {
        cli_conversion_json(&conversion, rk_dtype_describe(s->type)->name);
    } else if (!common->quiet) {
        print_report(&conversion, s);
    }
    cli_conversion_free(&conversion);
    return code;
}

// Which files are named: IN and OUT, or IN alone.
static void check_files(const cli_text_list *files, const settings *s) {
    const size_t most = s->list ? 1 : 2, least = s->list || s->dry_run ? 1 : 2;
    if (files->count < 1) cli_misuse("missing argument IN");
    if (files->count < least) cli_misuse("missing argument OUT");
    if (files->count > most) cli_misuse("unexpected argument '%s'", files->items[files->count - 1]);
    cli_require_file(files->items[0]);
    if (files->count == 2) cli_require_distinct(files->items[1], files->items[0]);
    if (s->state == NULL) return;
    cli_require_distinct(s->state, files->items[0]);
    if (files->count == 2) cli_require_distinct(s->state, files->items[1]);
}

int main(int argc, char **argv) {
    cli_start();
    settings s = {.type = RK_DTYPE_F16};
    cli_common common = {0};
    cli_text_list files = {0};
    cli_parse(&program, argc, argv, &s, &common, &files);
    check_files(&files, &s);
    s.type = cli_require_container(&s.container, s.type, "--type");
    const char *output = files.count == 2 ? files.items[1] : NULL;
    const int code = s.list ? list_file(files.items[0], s.prefix, &common)
                            : convert(files.items[0], output, &s, &common);
    cli_text_list_free(&files);
    return cli_finish(code);
}
