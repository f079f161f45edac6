// quantize: a model becomes a smaller model.
#include <stdio.h>
#include <string.h>

#include "cli/conversion.h"
#include "cli/conversion_report.h"
#include "cli/dtype_option.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/paths.h"
#include "cli/standard_streams.h"
#include "quantize/imatrix_options.h"
#include "quantize/quantize_report.h"
#include "quantize/type_choices.h"

typedef struct settings {
    type_choices tensor_types, outer_types; // outer: of embedding and head
    const char *type_file;
    const char *method;
    imatrix_settings imatrix;
    unsigned container;
    bool pure, reference_policy;
    bool dry_run, allow_requantize, no_sync;
} settings;

static const char *const methods[] = {"search", "round", NULL};

static const cli_option option_table[] = {
    {
        .name = "method",
        .argument = "METHOD",
        .kind = CLI_CHOICE,
        .offset = offsetof(settings, method),
        .choices = methods,
        .help = "how values become blocks: search for the steps that lose least, or round as "
                "rwkv.cpp does, to the same bytes",
        .standard = "search",
    },
    {
        .name = "tensor-type",
        .argument = "REGEX=FORMAT",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, tensor_types),
        .parse = parse_tensor_type,
        .help =
            "give the tensors in whose names REGEX is found this FORMAT, whatever the mix would "
            "do with them; may be repeated, and the last one that matches counts",
    },
    {
        .name = "tensor-type-file",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(settings, type_file),
        .help = "read more of these from FILE, a line each; those of --tensor-type come after them",
    },
    {
        .name = "emb-type",
        .argument = "FORMAT",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, outer_types),
        .parse = parse_emb_type,
        .help = "the FORMAT of the embedding",
        .standard = "what the mix gives it",
    },
    {
        .name = "head-type",
        .argument = "FORMAT",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, outer_types),
        .parse = parse_head_type,
        .help = "the FORMAT of the head",
        .standard = "what the mix gives it",
    },
    {
        .name = "pure",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, pure),
        .help = "no mix: every matrix in FORMAT, embedding and head too",
    },
    {
        .name = "reference-policy",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, reference_policy),
        .help = "no mix: quantize exactly the tensors that rwkv.cpp quantizes",
    },
    {
        .name = "container",
        .argument = "VERSION",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, container),
        .parse = cli_parse_container,
        .help = "v101, or v100 for programs of spring 2023 (RWKV-4 alone, by the reference policy)",
        .standard = "v101; v100 for Q4_1_O, Q4_2 and Q4_3",
    },
    {
        .name = "dry-run",
        .letter = 'n',
        .kind = CLI_FLAG,
        .offset = offsetof(settings, dry_run),
        .help = "write nothing; tell which tensor would get which type, and the sizes",
    },
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

static const cli_option_group groups[] = {
    {
        .title = "Importance matrices",
        .options = imatrix_option_table,
        .n_options = IMATRIX_OPTIONS,
        .offset = offsetof(settings, imatrix),
    },
};

static const cli_program program = {
    .name = "quantize",
    .summary = "make a model file smaller",
    .usages = (const char *const[]){"IN OUT FORMAT [OPTION...]", "--dry-run IN FORMAT [OPTION...]",
                                    "--collect-imatrix OUT -f TEXT MODEL [OPTION...]",
                                    "--merge-imatrix OUT FILE...", "--show FILE...", NULL},
    .description =
        "Writes the model IN with its matrices in another FORMAT: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, "
        "FP16 or FP32; Q4_1_O, Q4_2 and Q4_3 for old programs. Vectors keep full precision; which "
        "matrices get a wider or narrower type than FORMAT is a measured default that the options "
        "change. Reports what rounding did to each tensor: the root mean square of the errors, and "
        "how far the values stand above them, in decibels.\n"
        "An IN that is quantized already is refused, unless the codes only have to be copied, or "
        "moved from version 100 to the layout of today.",
    .examples =
        (const char *const[]){
            "quantize model.bin model-q5_1.bin Q5_1",
            "a third of the size of FP16, close to its quality",
            "quantize model.pth model-q8_0.bin Q8_0 --json",
            "straight from a checkpoint; the report as JSON",
            "quantize model.bin mixed.bin Q4_0 --tensor-type 'ffn\\.value=Q5_1'",
            "some matrices in a format of their own",
            "quantize --collect-imatrix model.npz -f calibration.txt model.bin",
            "find out what the inputs of the model's matrices are like ...",
            "quantize model.bin model-q4_0.bin Q4_0 --imatrix model.npz",
            "... and lose half as much at the same size",
            "quantize old.bin new.bin Q5_1",
            "a file of version 100 that holds Q5_1, for programs of today; nothing is rounded",
            NULL,
        },
    .options = option_table,
    .n_options = sizeof option_table / sizeof option_table[0],
    .groups = groups,
    .n_groups = sizeof groups / sizeof groups[0],
    .settings_size = sizeof(settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_CPU | CLI_COMMON_QUIET | CLI_COMMON_JSON,
};

static rk_convert_options job_of(const settings *s, rk_dtype format, const type_choices *choices,
                                 const rk_imatrix *imatrix) {
    const rk_mix mix = s->pure               ? RK_MIX_PURE
                       : s->reference_policy ? RK_MIX_REFERENCE
                                             : RK_MIX_DEFAULT;
    return (rk_convert_options){
        .dtype = format,
        .version = s->container,
        .method = s->method != NULL && strcmp(s->method, "round") == 0 ? RK_METHOD_ROUND
                                                                       : RK_METHOD_SEARCH,
        .imatrix = imatrix,
        .mix = mix,
        .rules = choices->rules,
        .n_rules = choices->count,
        .allow_requantize = s->allow_requantize,
        .no_sync = s->no_sync,
    };
}

static int quantize(const char *input, const char *output, const settings *s,
                    const rk_convert_options *job, const cli_common *common) {
    const char *format = rk_dtype_describe(job->dtype)->name;
    cli_conversion conversion = {
        .label = "quantizing",
        .input = input,
        .output = output,
        .measured = common->json || !common->quiet,
    };
    const int code = s->dry_run ? cli_plan_conversion(&conversion, job, common)
                                : cli_convert(&conversion, job, common);
    if (code != CLI_EXIT_DONE) return code;
    if (common->json) {
        cli_conversion_json(&conversion, format);
    } else if (!common->quiet) {
        print_quantize_report(&conversion, format);
    }
    cli_conversion_free(&conversion);
    return code;
}

// What the words are: IN OUT FORMAT, or, since nothing is written by --dry-run, IN FORMAT.
typedef struct arguments {
    const char *input, *output, *format;
} arguments;

static arguments name_words(const cli_text_list *words, bool dry_run) {
    static const char *const names[] = {"IN", "OUT", "FORMAT"};
    const char *const *items = words->items;
    if (words->count > 3) cli_misuse("unexpected argument '%s'", items[3]);
    if (words->count == 2 && dry_run) return (arguments){items[0], NULL, items[1]};
    if (words->count < 3) cli_misuse("missing argument %s", names[words->count]);
    return (arguments){items[0], items[1], items[2]};
}

static rk_dtype check_arguments(const arguments *words, settings *s) {
    rk_dtype format;
    char reason[CLI_REASON];
    if (!cli_parse_file_dtype(&format, words->format, reason)) cli_misuse("FORMAT: %s", reason);
    if (s->imatrix.files.count > 0 && s->method != NULL && strcmp(s->method, "round") == 0) {
        cli_misuse("--method round uses no importance matrix");
    }
    if (s->pure && s->reference_policy) {
        cli_misuse("--pure and --reference-policy are different things; choose one");
    }
    cli_require_file(words->input);
    if (words->output != NULL) cli_require_distinct(words->output, words->input);
    format = cli_require_container(&s->container, format, "FORMAT");
    const type_choices *const lists[] = {&s->tensor_types, &s->outer_types};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < lists[k]->count; i++) {
            const rk_type_rule *rule = &lists[k]->rules[i];
            (void)cli_require_container(&s->container, rule->dtype, rule->pattern);
        }
    }
    return format;
}

// Reads what the options name, and quantizes.
static int prepare_and_quantize(const arguments *given, rk_dtype format, settings *s,
                                const cli_common *common) {
    type_choices choices = {0};
    rk_imatrix *imatrix = NULL;
    int code = CLI_EXIT_FAILED;
    if (s->type_file == NULL || read_type_choices(&choices, s->type_file)) {
        code = load_imatrices(&imatrix, &s->imatrix.files);
    }
    if (code == CLI_EXIT_DONE) {
        append_type_choices(&choices, &s->tensor_types);
        append_type_choices(&choices, &s->outer_types);
        const rk_convert_options job = job_of(s, format, &choices, imatrix);
        code = quantize(given->input, given->output, s, &job, common);
    }
    rk_imatrix_free(&imatrix);
    free_type_choices(&choices);
    return code;
}

int main(int argc, char **argv) {
    cli_start();
    settings s = {.imatrix = imatrix_defaults()};
    cli_common common = {0};
    cli_text_list words = {0};
    int code;
    cli_parse(&program, argc, argv, &s, &common, &words);
    if (has_imatrix_job(&s.imatrix)) {
        code = run_imatrix_job(&s.imatrix, &words, &common);
    } else {
        const arguments given = name_words(&words, s.dry_run);
        const rk_dtype format = check_arguments(&given, &s);
        code = prepare_and_quantize(&given, format, &s, &common);
    }
    free_type_choices(&s.tensor_types);
    free_type_choices(&s.outer_types);
    cli_text_list_free(&s.imatrix.files);
    cli_text_list_free(&words);
    return cli_finish(code);
}
