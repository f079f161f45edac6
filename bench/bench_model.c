// bench_model: what a whole model does, as shares of what the machine can do.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dtype_option.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/standard_streams.h"
#include "model_subjects.h"
#include "pinned_pool.h"
#include "synthetic_model.h"

enum { STREAMED_BYTES = 600 << 20 }; // more than any cache holds

// Steps of a whole model take long: a slice is at least this, and fewer are measured.
static const bench_plan steps_plan = {.pairs = 9, .attempts = 18, .slice_seconds = 0.03};

static const char *const subject_names[SUBJECT_COUNT] = {"load",    "memory",  "decode", "batch",
                                                         "prefill", "scaling", "zeros"};

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
        "against those of products alone, with matrices from memory. Loading: bytes of the file "
        "against "
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

static void name_model(session *s) {
    const rk_model_info *info = rk_model_describe(s->model);
    const char *slash = strrchr(s->origin->path, '/');
    snprintf(s->name, sizeof s->name, "%.20s %s", slash == NULL ? s->origin->path : slash + 1,
             rk_dtype_describe(info->dtype)->name);
}

// The model is opened before anything else takes memory, and stays for all thread counts.
static void measure(session *s, const model_origin *origin, size_t n_threads) {
    s->pool = bench_pool_new(n_threads);
    s->origin = origin;
    if (s->model == NULL) {
        s->model = model_open(origin, s->pool);
        name_model(s);
    }
    measure_subjects(s);
    bench_pool_free(&s->pool);
}

static void measure_origin(session *s, const model_origin *origin, size_t n_threads) {
    const size_t cores = bench_cores();
    if (n_threads > 0) {
        measure(s, origin, n_threads);
    } else {
        if (cores > 1) measure(s, origin, cores);
        measure(s, origin, 1);
    }
    rk_model_close(&s->model);
}

static void measure_shape(session *s, const settings *wanted, const synthetic_shape *shape,
                          size_t n_threads) {
    const rk_dtype dtype = wanted->dtype == RK_DTYPE_COUNT ? RK_DTYPE_F16 : wanted->dtype;
    synthetic_model *model = synthetic_model_new(shape, dtype, wanted->zeros);
    const model_origin origin = {.path = shape->name, .source = synthetic_model_source(model)};
    measure_origin(s, &origin, n_threads);
    synthetic_model_free(&model);
}

static void measure_file(session *s, const settings *wanted, const char *path, size_t n_threads) {
    char strategy[32];
    model_origin origin = {.path = path};
    if (wanted->dtype != RK_DTYPE_COUNT) {
        snprintf(strategy, sizeof strategy, "cpu %s", rk_dtype_describe(wanted->dtype)->name);
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
        measure_shape(s, &now, i == 0 ? &synthetic_smoke_rwkv4 : &synthetic_smoke_rwkv7, 1 + i);
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
    session now = {.subjects = s.subjects,
                   .tokens = s.tokens,
                   .states = s.states,
                   .all_logits = s.all_logits,
                   .position = s.position,
                   .streamed_bytes = s.smoke ? 0 : STREAMED_BYTES,
                   .plan = s.smoke ? &bench_plan_smoke : &steps_plan,
                   .limit_plan = s.smoke ? &bench_plan_smoke : &bench_plan_normal,
                   .report = &report};
    rk__kernels_init(&now.kernels, rk__isa_available());
    if (s.smoke) {
        measure_smoke(&now, &s);
    } else if (s.shape != NULL) {
        measure_shape(&now, &s, synthetic_shape_find(s.shape), common.threads);
    } else {
        measure_file(&now, &s, words.items[0], common.threads);
    }
    bench_report_finish(&report, common.json);
    cli_text_list_free(&words);
    return cli_finish(CLI_EXIT_DONE);
}
