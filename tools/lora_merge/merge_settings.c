// The command line of lora_merge.
#include "lora_merge/merge_settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/dtype_option.h"
#include "cli/messages.h"
#include "cli/numbers.h"
#include "cli/paths.h"

// BF16 is one of safetensors alone.
static bool parse_type(void *value, const char *text, char reason[CLI_REASON]) {
    merge_type *choice = value;
    rk_dtype dtype;
    if (rk_dtype_parse(&dtype, text) && dtype == RK_DTYPE_BF16) {
        *choice = (merge_type){true, dtype};
        return true;
    }
    choice->given = cli_parse_file_dtype(&choice->dtype, text, reason);
    return choice->given;
}

static const char *const out_formats[] = {"bin", "safetensors", NULL};

static const cli_option option_table[] = {
    {
        .name = "alpha",
        .letter = 'a',
        .argument = "A",
        .kind = CLI_TEXT_LIST,
        .offset = offsetof(merge_settings, alphas),
        .help = "the alpha that the adapter's pairs were trained with; given once for each "
                "adapter, in their order (file: as its file says), or once for all",
        .standard = "what the adapter's file says",
    },
    {
        .name = "scale",
        .letter = 's',
        .argument = "S",
        .kind = CLI_TEXT_LIST,
        .offset = offsetof(merge_settings, scales),
        .help = "how much of the adapter's change to merge; given once for each adapter, or once "
                "for all",
        .standard = "1",
    },
    {
        .name = "init",
        .argument = "FILE",
        .kind = CLI_TEXT_LIST,
        .offset = offsetof(merge_settings, inits),
        .help = "for a PiSSA adapter, the values it began with (init_pissa.pth); given once for "
                "each adapter, none for one that is no PiSSA",
    },
    {
        .name = "type",
        .letter = 't',
        .argument = "TYPE",
        .kind = CLI_CUSTOM,
        .offset = offsetof(merge_settings, type),
        .parse = parse_type,
        .help = "type of the matrices in OUT: FP32, FP16, Q4_0, Q4_1, Q5_0, Q5_1 or Q8_0; of a "
                "safetensors file FP32, FP16 or BF16",
        .standard = "as in BASE; FP16 for a model file from a checkpoint",
    },
    {
        .name = "out-format",
        .argument = "FORMAT",
        .kind = CLI_CHOICE,
        .offset = offsetof(merge_settings, out_format),
        .choices = out_formats,
        .help = "what OUT is: a model file (bin), or a checkpoint for further training "
                "(safetensors)",
        .standard = "safetensors where OUT ends so, otherwise bin",
    },
    {
        .name = "container",
        .argument = "VERSION",
        .kind = CLI_CUSTOM,
        .offset = offsetof(merge_settings, container),
        .parse = cli_parse_container,
        .help = "version of the model file: v101, or v100 for programs of spring 2023 (RWKV-4 "
                "alone)",
        .standard = "v101; v100 for Q4_1_O, Q4_2 and Q4_3",
    },
    {
        .name = "subtract",
        .kind = CLI_FLAG,
        .offset = offsetof(merge_settings, subtract),
        .help = "undo a merge: BASE becomes what it was before the adapters were merged",
    },
    {
        .name = "allow-unused",
        .kind = CLI_FLAG,
        .offset = offsetof(merge_settings, allow_unused),
        .help = "pass over what is wrong with an adapter: tensors that match nothing, do not fit, "
                "lack their other half or change nothing; they are listed",
    },
    {
        .name = "extract",
        .letter = 'x',
        .kind = CLI_FLAG,
        .offset = offsetof(merge_settings, extract),
        .help = "make an adapter from what MODEL differs from BASE by",
    },
    {
        .name = "rank",
        .letter = 'r',
        .argument = "R",
        .kind = CLI_SIZE,
        .offset = offsetof(merge_settings, rank),
        .size = {1, 4096},
        .help = "rank of the adapter that --extract makes",
        .standard = cli_its_value,
    },
    {
        .name = "dry-run",
        .letter = 'n',
        .kind = CLI_FLAG,
        .offset = offsetof(merge_settings, dry_run),
        .help = "check everything and tell what would be done; write nothing",
    },
    {
        .name = "no-sync",
        .kind = CLI_FLAG,
        .offset = offsetof(merge_settings, no_sync),
        .help = "do not wait until OUT is on the disk",
    },
};

const cli_program merge_program = {
    .name = "lora_merge",
    .summary = "merge adapters into a model",
    .usages = (const char *const[]){"BASE ADAPTER... OUT [--alpha A]... [OPTION...]",
                                    "--subtract MERGED ADAPTER... OUT [--alpha A]... [OPTION...]",
                                    "--extract MODEL BASE OUT [--rank R] [OPTION...]", NULL},
    .description =
        "Merges adapters into a model, one after the other: LoRA (X.lora_A, X.lora_B), PiSSA, MiSS "
        "and Bone as RWKV-PEFT writes them, and whole tensors, which replace the model's. BASE is "
        "any file that the suite reads; a quantized one is expanded, merged and quantized again. "
        "What in an adapter fits nothing in BASE, or would change nothing, is an error that names "
        "it. Reports each changed tensor: what was merged, its rank and scale, and the root mean "
        "square of the change, also as a share of the weights'.",
    .examples =
        (const char *const[]){
            "lora_merge model.pth adapter.pth merged.bin --alpha 16",
            "an FP16 model file with the adapter in it",
            "lora_merge model.bin adapter.pth merged-q8_0.bin --alpha 16 --type Q8_0",
            "quantized after the merge, in one pass",
            "lora_merge model.pth a.pth b.pth merged.safetensors -a 16 -a 32 -s 0.5 -s 1",
            "half of one adapter and all of another, as a checkpoint",
            "lora_merge --extract tuned.pth model.pth adapter.safetensors --rank 32",
            "an adapter that turns one model into the other",
            NULL,
        },
    .options = option_table,
    .n_options = sizeof option_table / sizeof option_table[0],
    .settings_size = sizeof(merge_settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_CPU | CLI_COMMON_QUIET | CLI_COMMON_JSON,
};

// ---- values for each adapter

static void check_list(const cli_text_list *list, const char *name, size_t n_adapters) {
    if (list->count <= 1 || list->count == n_adapters) return;
    cli_misuse("--%s is given %zu times for %zu adapters: give it once for each, or once for all",
               name, list->count, n_adapters);
}

// The text for adapter i; NULL when none was given.
static const char *item_of(const cli_text_list *list, size_t i) {
    if (list->count == 0) return NULL;
    return list->items[list->count == 1 ? 0 : i];
}

static double number_of(const cli_text_list *list, const char *name, size_t i, double standard) {
    const double most = 1e6;
    const char *text = item_of(list, i);
    double number;
    if (text == NULL) return standard;
    if (isnan(standard) && strcmp(text, "file") == 0) return standard;
    if (!cli_read_number(&number, text) || fabs(number) > most) {
        cli_misuse("--%s: '%s' is not a number from -1e+06 to 1e+06", name, text);
    }
    return number;
}

rk_adapter *list_adapters(const cli_text_list *files, const merge_settings *s) {
    const size_t n = files->count - 2;
    rk_adapter *adapters = cli_allocate(n, sizeof *adapters);
    check_list(&s->alphas, "alpha", n);
    check_list(&s->scales, "scale", n);
    for (size_t i = 0; i < n; i++) {
        const char *init = item_of(&s->inits, i);
        adapters[i] = (rk_adapter){
            .path = files->items[i + 1],
            .alpha = number_of(&s->alphas, "alpha", i, NAN),
            .scale = number_of(&s->scales, "scale", i, 1.0),
            .init = init == NULL || strcmp(init, "none") == 0 ? NULL : init,
        };
    }
    return adapters;
}

// ---- checks

static void check_extract(const merge_settings *s) {
    if (!s->extract) return;
    const bool merging = s->subtract || s->allow_unused || s->type.given || s->container != 0 ||
                         s->out_format != NULL || s->alphas.count > 0 || s->scales.count > 0 ||
                         s->inits.count > 0;
    if (merging) cli_misuse("--extract takes no options but --rank, --dry-run and --no-sync");
}

static void check_out_format(const char *output, merge_settings *s) {
    if (s->out_format == NULL) {
        s->out_format = cli_ends_with(output, ".safetensors") ? "safetensors" : "bin";
    }
    const bool bin = strcmp(s->out_format, "bin") == 0;
    if (!bin && s->container != 0) cli_misuse("--container: a safetensors file has no version");
    if (!s->type.given) return;
    const rk_dtype dtype = s->type.dtype;
    if (!bin && rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK) {
        cli_misuse("--type: a safetensors file cannot hold %s: choose FP32, FP16 or BF16",
                   rk_dtype_describe(dtype)->name);
    }
    if (bin && dtype == RK_DTYPE_BF16) {
        cli_misuse("--type: a model file cannot hold BF16; a safetensors file can (--out-format)");
    }
    if (bin) s->type.dtype = cli_require_container(&s->container, dtype, "--type");
}

void check_merge_files(const cli_text_list *files, merge_settings *s) {
    static const char *const merged[] = {"BASE", "ADAPTER", "OUT"};
    static const char *const extracted[] = {"MODEL", "BASE", "OUT"};
    if (files->count < 3) {
        cli_misuse("missing argument %s", (s->extract ? extracted : merged)[files->count]);
    }
    const char *output = files->items[files->count - 1];
    if (s->extract && files->count > 3) cli_misuse("unexpected argument '%s'", output);
    check_extract(s);
    for (size_t i = 0; i + 1 < files->count; i++) {
        cli_require_file(files->items[i]);
        cli_require_distinct(output, files->items[i]);
    }
    const size_t n_adapters = files->count - 2;
    if (s->inits.count > 0 && s->inits.count != n_adapters) {
        cli_misuse("--init is given %zu times for %zu adapters: give it once for each, none for "
                   "one that is no PiSSA",
                   s->inits.count, n_adapters);
    }
    for (size_t i = 0; i < s->inits.count; i++) cli_require_distinct(output, s->inits.items[i]);
    if (!s->extract) check_out_format(output, s);
}
