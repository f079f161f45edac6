// rwkv-run: a model continues a text.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/standard_streams.h"
#include "cli/text_file.h"
#include "run/session.h"
#include "run/text_sink.h"
#include "run/timings.h"

typedef struct settings {
    const char *prompt, *file, *strategy, *tokenizer;
    cli_text_list stops;
    size_t n_tokens, seed;
    double temperature, top_p;
    bool echo, timings;
} settings;

static const cli_option option_table[] = {
    {
        .name = "prompt",
        .letter = 'p',
        .argument = "TEXT",
        .kind = CLI_TEXT,
        .offset = offsetof(settings, prompt),
        .help = "the text to continue",
        .standard = "standard input, when it is no terminal",
    },
    {
        .name = "file",
        .letter = 'f',
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(settings, file),
        .help = "read the text to continue from FILE; - is standard input",
    },
    {
        .name = "tokens",
        .letter = 'n',
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(settings, n_tokens),
        .size = {0, SIZE_MAX},
        .help = "generate N tokens",
        .standard = cli_its_value,
    },
    {
        .name = "temp",
        .argument = "T",
        .kind = CLI_NUMBER,
        .offset = offsetof(settings, temperature),
        .number = {0.0, 100.0},
        .help = "temperature; 0 always takes the most probable token",
        .standard = cli_its_value,
    },
    {
        .name = "top-p",
        .argument = "P",
        .kind = CLI_NUMBER,
        .offset = offsetof(settings, top_p),
        .number = {0.0, 1.0},
        .help = "draw among the most probable tokens that make up P together; 1 draws among all",
        .standard = cli_its_value,
    },
    {
        .name = "seed",
        .letter = 's',
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(settings, seed),
        .size = {0, SIZE_MAX},
        .help = "the same seed gives the same text; --timings prints it",
        .standard = "random",
    },
    {
        .name = "strategy",
        .argument = "WORDS",
        .kind = CLI_TEXT,
        .offset = offsetof(settings, strategy),
        .help = "where the model runs and in what type: \"cpu fp32\", \"cpu Q8_0\", ...",
        .standard = "cpu, as the file is",
    },
    {
        .name = "stop",
        .argument = "TEXT",
        .kind = CLI_TEXT_LIST,
        .offset = offsetof(settings, stops),
        .help = "end before TEXT would be printed; may be given several times",
    },
    {
        .name = "tokenizer",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(settings, tokenizer),
        .help = "the vocabulary: rwkv_vocab_v20230424.txt or a tokenizer.json",
        .standard = "beside MODEL, or in $RWKV_TOKENIZER",
    },
    {
        .name = "echo",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, echo),
        .help = "print the prompt before its continuation",
    },
    {
        .name = "timings",
        .kind = CLI_FLAG,
        .offset = offsetof(settings, timings),
        .help = "say on stderr how long it took",
    },
};

static const cli_program program = {
    .name = "rwkv-run",
    .summary = "generate text with an RWKV language model",
    .usages =
        (const char *const[]){"MODEL -p PROMPT [OPTION...]", "MODEL -f FILE [OPTION...]", NULL},
    .description = "Continues a text. The continuation, and nothing else, goes to standard output "
                   "as it comes. MODEL is any "
                   "file that the suite reads, a .pth checkpoint too.",
    .examples =
        (const char *const[]){
            "rwkv-run model.bin -p \"Once upon a time\" -n 200 --echo",
            "a story",
            "rwkv-run model.pth -f prompt.txt --temp 0 --strategy \"cpu Q8_0\"",
            "straight from a checkpoint, quantized in memory, without chance",
            NULL,
        },
    .options = option_table,
    .n_options = sizeof option_table / sizeof option_table[0],
    .settings_size = sizeof(settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_CPU | CLI_COMMON_QUIET,
};

// The prompt, from wherever it comes. False after a message.
static bool read_prompt(cli_text *prompt, const settings *s) {
    if (s->prompt == NULL) return cli_text_read(prompt, s->file != NULL ? s->file : "-");
    *prompt = (cli_text){.data = cli_copy(s->prompt), .size = strlen(s->prompt), .name = "-p"};
    return true;
}

static int generate(run_session *session, const cli_text *prompt, const settings *s,
                    const rk_sampler_options *sampling, const cli_common *common) {
    text_sink sink = {0};
    if (s->echo && !text_sink_write(&sink, prompt->data, prompt->size)) return CLI_EXIT_FAILED;
    cli_progress progress;
    cli_progress_begin(&progress, "prompt", CLI_UNIT_TOKENS, common->quiet);
    rk_text *stops = cli_allocate(s->stops.count, sizeof *stops);
    for (size_t i = 0; i < s->stops.count; i++) {
        stops[i] = (rk_text){s->stops.items[i], strlen(s->stops.items[i])};
    }
    const rk_generate_options options = {.max_tokens = s->n_tokens,
                                         .stops = stops,
                                         .n_stops = s->stops.count,
                                         .text = text_sink_write,
                                         .user = &sink,
                                         .progress = cli_progress_hook(&progress)};
    rk_generate_result result = {0};
    rk_error err;
    const rk_status status =
        rk_generate(session->context, session->state, session->tokenizer, session->sampler,
                    prompt->data, prompt->size, &options, &result, &err);
    cli_progress_end(&progress);
    free(stops);
    text_sink_end(&sink);
    if (status != RK_OK) return cli_failure(&err);
    if (s->timings) print_timings(session, &result, sampling);
    if (sink.failed) return CLI_EXIT_FAILED;
    return cli_interrupted() ? CLI_EXIT_INTERRUPTED : CLI_EXIT_DONE;
}

static int run(const char *model, const settings *s, const cli_common *common) {
    rk_sampler_options sampling = rk_sampler_defaults();
    sampling.temperature = s->temperature;
    sampling.top_p = s->top_p;
    sampling.seed = s->seed;
    cli_text prompt;
    if (!read_prompt(&prompt, s)) return CLI_EXIT_FAILED;
    cli_signals_begin();
    run_session session;
    int code = session_open(&session, model, s->strategy, s->tokenizer, &sampling, common);
    if (code == CLI_EXIT_DONE) code = generate(&session, &prompt, s, &sampling, common);
    session_close(&session);
    cli_text_free(&prompt);
    return code;
}

static size_t random_seed(void) {
    // Small enough to be typed again.
    uint32_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) seed = (uint32_t)getpid();
    return seed;
}

int main(int argc, char **argv) {
    cli_start();
    const rk_sampler_options defaults = rk_sampler_defaults();
    settings s = {
        .n_tokens = 256,
        .seed = random_seed(),
        .temperature = defaults.temperature,
        .top_p = defaults.top_p,
    };
    cli_common common = {0};
    cli_text_list models = {0};
    cli_parse(&program, argc, argv, &s, &common, &models);
    if (models.count < 1) cli_misuse("missing argument MODEL");
    if (models.count > 1) cli_misuse("unexpected argument '%s'", models.items[1]);
    if (s.prompt != NULL && s.file != NULL) cli_misuse("-p and -f exclude each other");
    if (s.prompt == NULL && s.file == NULL && isatty(STDIN_FILENO) != 0) {
        cli_misuse("missing option -p: the text to continue");
    }

    const int code = run(models.items[0], &s, &common);
    cli_text_list_free(&models);
    cli_text_list_free(&s.stops);
    return cli_finish(code);
}
