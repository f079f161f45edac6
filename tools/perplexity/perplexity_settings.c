// The option table of perplexity.
#include "perplexity/perplexity_settings.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/messages.h"
#include "cli/numbers.h"
#include "cli/paths.h"

const perplexity_settings perplexity_defaults = {
    .protocol = {.bos = SIZE_MAX},
    .bootstrap = 1000,
    .bootstrap_block = 256,
    .seed = 1,
    .repetitions = 5,
    .fail_ppl_above = HUGE_VAL,
    .fail_kl_above = HUGE_VAL,
};

// Whole numbers from 1 to 1024, separated by commas.
static bool parse_counts(void *out, const char *text, char reason[CLI_REASON]) {
    count_list list = {0};
    for (const char *at = text;;) {
        const size_t length = strcspn(at, ",");
        char word[16];
        snprintf(word, sizeof word, "%.*s", (int)(length < 15 ? length : 15), at);
        size_t n;
        if (!cli_read_size(&n, word) || n < 1 || n > 1024) {
            snprintf(reason, CLI_REASON, "'%.40s' is not a whole number from 1 to 1024", word);
            return false;
        }
        if (list.count == PERPLEXITY_MAX_COUNTS) {
            snprintf(reason, CLI_REASON, "more than %d numbers", PERPLEXITY_MAX_COUNTS);
            return false;
        }
        list.items[list.count++] = n;
        if (at[length] == '\0') break;
        at += length + 1;
    }
    *(count_list *)out = list;
    return true;
}

static const char *const formats[] = {"text", "jsonl", "tokens", NULL};
static const char *const tasks[] = {"lambada", "choice", NULL};

static const cli_option text_options[] = {
    {
        .name = "file",
        .letter = 'f',
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(perplexity_settings, file),
        .help =
            "what to predict, unless --latency is all that is wanted: a text (- is standard "
            "input); documents, one {\"text\": ...} a line (.jsonl); or token ids: a .npy file of "
            "integers, or the .idx file of a pair .idx and .bin",
    },
    {
        .name = "format",
        .argument = "KIND",
        .kind = CLI_CHOICE,
        .offset = offsetof(perplexity_settings, format),
        .choices = formats,
        .help = "take the file as text, jsonl or tokens",
        .standard = "tokens by content, jsonl by name, otherwise text",
    },
    {
        .name = "types",
        .letter = 't',
        .argument = "LIST",
        .kind = CLI_CUSTOM,
        .offset = offsetof(perplexity_settings, types),
        .parse = cli_parse_dtype_list,
        .help = "measure each model in each of these types, separated by commas: FP32, FP16, Q8_0, "
                "...; "
                "converted in memory as quantize would",
        .standard = "as the file is",
    },
    {
        .name = "tokenizer",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(perplexity_settings, tokenizer),
        .help = "the vocabulary: rwkv_vocab_v20230424.txt, a tokenizer.json, a folder of them, or "
                "\"bytes\"",
        .standard = "beside the model, then $RWKV_TOKENIZER",
    },
    {
        .name = "threads",
        .letter = 'j',
        .argument = "LIST",
        .kind = CLI_CUSTOM,
        .offset = offsetof(perplexity_settings, threads),
        .parse = parse_counts,
        .help = "work with N threads; with --latency, several numbers separated by commas, each of "
                "which is timed (the rest is done with the first of them)",
        .standard = "physical cores",
    },
};

static const cli_option protocol_options[] = {
    {
        .name = "ctx",
        .letter = 'c',
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(perplexity_settings, protocol.ctx),
        .size = {2, SIZE_MAX},
        .help =
            "begin with an empty state every N tokens; what is left at the end of a text is not "
            "used",
        .standard = "the state is carried through",
    },
    {
        .name = "stream",
        .kind = CLI_FLAG,
        .offset = offsetof(perplexity_settings, protocol.stream),
        .help = "take documents as one stream, one behind the other; otherwise each begins with an "
                "empty state",
    },
    {
        .name = "ignore-first",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(perplexity_settings, protocol.ignore_first),
        .size = {0, SIZE_MAX},
        .help = "do not score the first N tokens behind an empty state",
    },
    {
        .name = "bos",
        .argument = "ID",
        .kind = CLI_SIZE,
        .offset = offsetof(perplexity_settings, protocol.bos),
        .size = {0, UINT32_MAX},
        .help = "feed this token to each empty state (0 is the usual one), so that the first token "
                "of the text can be scored, too",
    },
    {
        .name = "chunks",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(perplexity_settings, protocol.chunks),
        .size = {1, SIZE_MAX},
        .help = "use only the first N contexts or documents",
    },
    {
        .name = "limit",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(perplexity_settings, protocol.limit),
        .size = {2, SIZE_MAX},
        .help = "use only the first N tokens of the text",
    },
    {
        .name = "bootstrap",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(perplexity_settings, bootstrap),
        .size = {0, 1000000},
        .help = "resamples of the block bootstrap, which gives standard errors that do not take "
                "neighbouring tokens as independent; 0: none",
        .standard = cli_its_value,
    },
    {
        .name = "bootstrap-block",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(perplexity_settings, bootstrap_block),
        .size = {1, SIZE_MAX},
        .help = "tokens in a block of it",
        .standard = cli_its_value,
    },
    {
        .name = "seed",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(perplexity_settings, seed),
        .size = {0, SIZE_MAX},
        .help = "seed of its random numbers",
        .standard = cli_its_value,
    },
};

static const cli_option comparison_options[] = {
    {
        .name = "base",
        .letter = 'b',
        .argument = "MODEL",
        .kind = CLI_TEXT,
        .offset = offsetof(perplexity_settings, base),
        .help = "run this model, as its file is and on the CPU, beside each of the others, and "
                "tell how far their predictions are from its: KL divergence, how often both find "
                "the same token most likely",
    },
    {
        .name = "save-logits",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(perplexity_settings, save_logits),
        .help = "write what the model predicts to a file: 2 bytes for each token of the vocabulary "
                "and each prediction",
    },
    {
        .name = "kl-base",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(perplexity_settings, kl_base),
        .help = "as --base, with the predictions in such a file",
    },
    {
        .name = "task",
        .argument = "KIND",
        .kind = CLI_CHOICE,
        .offset = offsetof(perplexity_settings, task),
        .choices = tasks,
        .help =
            "the file is a task: lambada, {\"text\": ...} a line, the last word is to be found; "
            "choice, {\"context\": ..., \"choices\": [...], \"label\": 0} a line, the most "
            "probable choice should be number label",
    },
};

static const cli_option report_options[] = {
    {
        .name = "latency",
        .letter = 'l',
        .kind = CLI_FLAG,
        .offset = offsetof(perplexity_settings, latency),
        .help = "time loading, prefill in several chunk sizes, decode in several batch sizes, and "
                "reading memory",
    },
    {
        .name = "repetitions",
        .letter = 'r',
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(perplexity_settings, repetitions),
        .size = {1, 1000},
        .help = "of each of these, after one to warm up",
        .standard = cli_its_value,
    },
    {
        .name = "csv",
        .kind = CLI_FLAG,
        .offset = offsetof(perplexity_settings, csv),
        .help = "print a line of comma-separated values for each model",
    },
    {
        .name = "markdown",
        .kind = CLI_FLAG,
        .offset = offsetof(perplexity_settings, markdown),
        .help = "print tables in Markdown",
    },
    {
        .name = "report",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(perplexity_settings, report),
        .help = "write a page of HTML, too, with tables and, where gnuplot is installed, pictures; "
                "it is one file that needs nothing else",
    },
    {
        .name = "resume",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(perplexity_settings, resume),
        .help = "keep results in this JSON file after each model; those that are there already are "
                "not measured again",
    },
    {
        .name = "fail-ppl-above",
        .argument = "X",
        .kind = CLI_NUMBER,
        .offset = offsetof(perplexity_settings, fail_ppl_above),
        .number = {0, CLI_ANY_NUMBER},
        .help = "exit with 3 when a perplexity is above X",
    },
    {
        .name = "fail-kl-above",
        .argument = "X",
        .kind = CLI_NUMBER,
        .offset = offsetof(perplexity_settings, fail_kl_above),
        .number = {0, CLI_ANY_NUMBER},
        .help = "exit with 3 when a mean KL divergence from the base is above X",
    },
    {
        .name = "fail-top1-below",
        .argument = "X",
        .kind = CLI_NUMBER,
        .offset = offsetof(perplexity_settings, fail_top1_below),
        .number = {0, 100},
        .help = "exit with 3 when a model finds the base's most probable token in less than X "
                "percent of all places",
    },
};

#define GROUP(title, table)                                                                        \
    { title, table, sizeof table / sizeof table[0], 0 }

static const cli_option_group groups[] = {
    {"Where models run", cli_strategy_options, CLI_N_STRATEGY_OPTIONS,
     offsetof(perplexity_settings, strategy)},
    GROUP("Protocol", protocol_options),
    GROUP("Comparisons and tasks", comparison_options),
    GROUP("Speed and reports", report_options),
};

const cli_program perplexity_program = {
    .name = "perplexity",
    .summary = "measure how well models predict a text",
    .usages = (const char *const[]){"MODEL... -f FILE [--types LIST] [--base MODEL] [OPTION...]",
                                    "MODEL... -f FILE --task KIND [OPTION...]",
                                    "MODEL... --latency [-f FILE] [OPTION...]", NULL},
    .description =
        "Measures models on a text: perplexity (per token) with its standard errors, bits per "
        "byte, "
        "size, speed of prefill and decode, peak memory; beside a base, how far predictions are "
        "from its. Without other options the text is one stream from the empty state, and the "
        "first token is not scored. MODEL is any file that the suite reads.",
    .examples =
        (const char *const[]){
            "perplexity model.bin -f test.txt",
            "one model as it is",
            "perplexity model.pth -f test.txt --types FP32,FP16,Q8_0,Q5_1,Q4_0",
            "which type to choose, straight from the checkpoint",
            "perplexity old-q4_0.bin new-q4_0.bin -f test.txt --base model.bin",
            "which of two files is closer to the model that they were made from",
            "perplexity q4_0.bin -f test.txt --base model.bin --fail-kl-above 0.01",
            "a gate for a release: exit code 3 when too much was lost",
            NULL,
        },
    .options = text_options,
    .n_options = sizeof text_options / sizeof text_options[0],
    .groups = groups,
    .n_groups = sizeof groups / sizeof groups[0],
    .settings_size = sizeof(perplexity_settings),
    .common = CLI_COMMON_CPU | CLI_COMMON_QUIET | CLI_COMMON_JSON,
    .exit_statuses =
        "0 done, 1 a file or a device is wrong, 2 the command line is wrong, 3 a limit "
        "of a --fail option is not kept, 130 interrupted.",
};

// ---- what does not go together

static void check_task(const perplexity_settings *s) {
    if (s->task == NULL) return;
    if (s->file == NULL) cli_misuse("--task needs -f: the file with the tasks");
    if (s->base != NULL || s->kl_base != NULL || s->save_logits != NULL) {
        cli_misuse(
            "--task compares with no base: --base, --kl-base and --save-logits are for texts");
    }
    const protocol_settings *p = &s->protocol;
    if (p->ctx != 0 || p->stream || p->ignore_first != 0 || p->limit != 0 || s->format != NULL) {
        cli_misuse("--task has its own protocol: of its options only --bos and --chunks apply");
    }
    if (isfinite(s->fail_ppl_above) && strcmp(s->task, "choice") == 0) {
        cli_misuse("--fail-ppl-above: --task choice has no perplexity");
    }
}

static void check_gates(const perplexity_settings *s) {
    const bool compares = s->base != NULL || s->kl_base != NULL;
    if (!compares && isfinite(s->fail_kl_above)) {
        cli_misuse("--fail-kl-above needs --base or --kl-base");
    }
    if (!compares && s->fail_top1_below > 0) {
        cli_misuse("--fail-top1-below needs --base or --kl-base");
    }
    if (s->file == NULL && isfinite(s->fail_ppl_above)) cli_misuse("--fail-ppl-above needs -f");
}

static void check_outputs(const perplexity_settings *s, const cli_common *common,
                          const cli_text_list *models) {
    if (s->csv + s->markdown + common->json > 1) {
        cli_misuse("one of --json, --csv and --markdown at a time");
    }
    const char *const outputs[] = {s->save_logits, s->resume, s->report};
    for (size_t o = 0; o < sizeof outputs / sizeof outputs[0]; o++) {
        if (outputs[o] == NULL) continue;
        for (size_t i = 0; i < models->count; i++) {
            cli_require_distinct(outputs[o], models->items[i]);
        }
        const char *const inputs[] = {s->file, s->base, s->kl_base, s->tokenizer};
        for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
            if (inputs[i] != NULL) cli_require_distinct(outputs[o], inputs[i]);
        }
        for (size_t i = 0; i < o; i++) {
            if (outputs[i] != NULL && cli_same_file(outputs[o], outputs[i])) {
                cli_misuse("%s: would be written twice", outputs[o]);
            }
        }
    }
    if (s->save_logits != NULL && s->resume != NULL) {
        cli_misuse("--save-logits and --resume exclude each other: kept results have no logits");
    }
}

void perplexity_settings_check(const perplexity_settings *s, const cli_common *common,
                               const cli_text_list *models) {
    if (models->count < 1) cli_misuse("missing argument MODEL");
    if (s->file == NULL && !s->latency) cli_misuse("missing option -f: the text to predict");
    if (s->base != NULL && s->kl_base != NULL) cli_misuse("one of --base and --kl-base at a time");
    if (s->file == NULL && (s->base != NULL || s->kl_base != NULL || s->save_logits != NULL)) {
        cli_misuse("missing option -f: the text to compare on");
    }
    if (s->save_logits != NULL && models->count * (s->types.count > 0 ? s->types.count : 1) != 1) {
        cli_misuse("--save-logits takes one model in one type");
    }
    if (s->strategy.text != NULL && s->types.count > 0) {
        cli_misuse("--strategy and --types exclude each other: a strategy names the types itself");
    }
    if (s->threads.count > 1 && !s->latency) {
        cli_misuse("--threads: several numbers are for --latency");
    }
    check_task(s);
    check_gates(s);
    check_outputs(s, common, models);
}
