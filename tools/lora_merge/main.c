// lora_merge: a model and its low-rank adapters become one model.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/allocate.h"
#include "cli/conversion.h"
#include "cli/conversion_report.h"
#include "cli/dtype_option.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/paths.h"
#include "cli/standard_streams.h"
#include "lora_merge/merge_report.h"
#include "rk/checkpoint.h"

// The type of the output: chosen, or the base's.
typedef struct type_choice {
    bool given;
    rk_dtype dtype;
} type_choice;

typedef struct settings {
    double alpha;
    type_choice type;
    unsigned container;
    bool allow_requantize, no_sync;
} settings;

static bool parse_type(void *value, const char *text, char reason[CLI_REASON]) {
    type_choice *choice = value;
    choice->given = cli_parse_file_dtype(&choice->dtype, text, reason);
    return choice->given;
}

static const cli_option option_table[] = {
    {
        .name = "alpha",
        .letter = 'a',
        .argument = "A",
        .kind = CLI_NUMBER,
        .offset = offsetof(settings, alpha),
        .number = {-1e6, 1e6},
        .help = "the alpha that the adapters were trained with; must be given",
    },
    {
        .name = "type",
        .letter = 't',
        .argument = "TYPE",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, type),
        .parse = parse_type,
        .help = "type of the matrices in OUT: FP32, FP16, Q4_0, Q4_1, Q5_0, Q5_1 or Q8_0",
        .standard = "as in BASE; FP16 where BASE is a checkpoint",
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
        .name = "allow-requantize",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, allow_requantize),
        .help = "accept a BASE that is quantized: expand it, merge, quantize again",
    },
    {
        .name = "no-sync",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, no_sync),
        .help = "do not wait until OUT is on the disk",
    },
};

static const cli_program program = {
    .name = "lora_merge",
    .summary = "merge adapters into a model",
    .usages = (const char *const[]){"BASE ADAPTER... OUT --alpha A [OPTION...]", NULL},
    .description = "Merges low-rank adapters into a model: for every pair X.lora_A, X.lora_B of an "
                   "adapter, X becomes X + A "
                   "/ rank * lora_B lora_A, where A is the alpha and the rank comes from the "
                   "shapes; every other tensor of "
                   "an adapter replaces the model's. An adapter's tensor that fits nothing in BASE "
                   "is an error. Several "
                   "adapters are merged one after the other with the same alpha. Reports each "
                   "changed tensor: its rank and "
                   "the root mean square of the change, also as a share of the merged values'.",
    .examples =
        (const char *const[]){
            "lora_merge model.pth adapter.pth merged.bin --alpha 16",
            "an FP16 model file with the adapter in it",
            "lora_merge model.bin adapter.pth merged-q8_0.bin --alpha 16 --type Q8_0",
            "quantized after the merge, in one pass",
            NULL,
        },
    .options = option_table,
    .n_options = sizeof option_table / sizeof option_table[0],
    .settings_size = sizeof(settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_CPU | CLI_COMMON_QUIET | CLI_COMMON_JSON,
};

// A model file's types are worth keeping; a checkpoint's are mostly no types of model files.
static bool keeps_types(bool *keep, const char *base, rk_error *err) {
    rk_checkpoint *file = NULL;
    if (rk_checkpoint_open(&file, base, err) != RK_OK) return false;
    *keep = rk_container_is_model_file(rk_checkpoint_container(file));
    rk_checkpoint_close(&file);
    return true;
}

static void print_report(const cli_conversion *conversion, const char *format,
                         const cli_common *common) {
    if (common->json) {
        cli_conversion_json(conversion, format);
    } else if (!common->quiet) {
        print_merge_report(conversion);
    }
}

static int merge(const cli_text_list *files, const settings *s, const cli_common *common) {
    const char *base = files->items[0], *output = files->items[files->count - 1];
    rk_convert_options job = {
        .dtype = s->type.given ? s->type.dtype : RK_DTYPE_F16,
        .version = s->container,
        .allow_requantize = s->allow_requantize,
        .no_sync = s->no_sync,
        .n_adapters = files->count - 2,
    };
    rk_error err;
    if (!s->type.given && !keeps_types(&job.keep_dtype, base, &err)) return cli_failure(&err);
    rk_adapter *adapters = cli_allocate(job.n_adapters, sizeof *adapters);
    for (size_t i = 0; i < job.n_adapters; i++) {
        adapters[i] = (rk_adapter){.path = files->items[i + 1], .alpha = s->alpha};
    }
    job.adapters = adapters;
    cli_conversion conversion = {
        .label = "merging",
        .input = base,
        .output = output,
        .measured = common->json || !common->quiet,
    };
    const int code = cli_convert(&conversion, &job, common);
    free(adapters);
    if (code != CLI_EXIT_DONE) return code;
    print_report(&conversion, job.keep_dtype ? NULL : rk_dtype_describe(job.dtype)->name, common);
    cli_conversion_free(&conversion);
    return code;
}

int main(int argc, char **argv) {
    cli_start();
    settings s = {.alpha = NAN};
    cli_common common = {0};
    cli_text_list files = {0};
    cli_parse(&program, argc, argv, &s, &common, &files);
    static const char *const names[] = {"BASE", "ADAPTER", "OUT"};
    if (files.count < 3) cli_misuse("missing argument %s", names[files.count]);
    if (isnan(s.alpha))
        cli_misuse("missing option --alpha: the value that the adapter was trained with");
    for (size_t i = 0; i + 1 < files.count; i++) {
        cli_require_file(files.items[i]);
        cli_require_distinct(files.items[files.count - 1], files.items[i]);
    }
    if (s.type.given) {
        s.type.dtype = cli_require_container(&s.container, s.type.dtype, "--type");
    }

    const int code = merge(&files, &s, &common);
    cli_text_list_free(&files);
    return cli_finish(code);
}
