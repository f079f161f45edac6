// rwkv-run: a model continues texts.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/paths.h"
#include "cli/signals.h"
#include "cli/standard_streams.h"
#include "run/chat_loop.h"
#include "run/continue_text.h"
#include "run/run_json.h"
#include "run/seed.h"
#include "run/tokenize.h"

static const cli_option_group groups[] = {
    {"The text", prompt_options, N_PROMPT_OPTIONS, offsetof(run_settings, prompt)},
    {"Where it ends", ending_options, N_ENDING_OPTIONS, offsetof(run_settings, ending)},
    {"Sampling", sampling_options, N_SAMPLING_OPTIONS, offsetof(run_settings, sampling)},
    {"Model", cli_strategy_options, CLI_N_STRATEGY_OPTIONS, offsetof(run_settings, model.strategy)},
    {"Model", model_options, N_MODEL_OPTIONS, offsetof(run_settings, model)},
    {"States", state_options, N_STATE_OPTIONS, offsetof(run_settings, states)},
    {"What is printed", report_options, N_REPORT_OPTIONS, offsetof(run_settings, report)},
    {"Other things to do", mode_options, N_MODE_OPTIONS, offsetof(run_settings, modes)},
    {"Conversations", chat_options, N_CHAT_OPTIONS, offsetof(run_settings, chat)},
};

static const cli_program program = {
    .name = "rwkv-run",
    .summary = "generate text with an RWKV language model",
    .usages =
        (const char *const[]){
            "MODEL -p PROMPT [OPTION...]",
            "MODEL -f FILE [OPTION...]",
            "MODEL --chat [OPTION...]",
            "MODEL --jsonl [OPTION...] < REQUESTS",
            "--tokenize | --detokenize [MODEL] [OPTION...]",
            NULL,
        },
    .description =
        "Continues a text. The continuation, and nothing else, goes to standard output as it "
        "comes, in whole characters. MODEL is any file that the suite reads, a .pth checkpoint "
        "too.",
    .examples =
        (const char *const[]){
            "rwkv-run model.bin -p \"Once upon a time\" -n 200 --echo",
            "a story",
            "rwkv-run model.pth -f prompt.txt --greedy --strategy \"cpu Q8_0\"",
            "straight from a checkpoint, quantized in memory, without chance",
            "rwkv-run model.bin -e -p \"User: Hi\\n\\nAssistant:\" --stop \"\\nUser:\"",
            "up to where the user would speak",
            "rwkv-run model.bin -f long.txt -n 0 --state-out long.session",
            "reads a long prompt once; --state-in long.session goes on from there",
            "rwkv-run model.bin --chat --chat-preset g1 --think",
            "a conversation; docs/chat.md tells more",
            "rwkv-run model.bin --jsonl --batch 8 < requests.jsonl > answers.jsonl",
            "many texts, eight at a time",
            NULL,
        },
    .groups = groups,
    .n_groups = sizeof groups / sizeof groups[0],
    .settings_size = sizeof(run_settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_CPU | CLI_COMMON_QUIET | CLI_COMMON_JSON,
};

// The input, from wherever it comes. False after a message.
static bool read_input(cli_text *input, const run_settings *s) {
    const char *text = s->prompt.text, *file = s->prompt.file;
    if (text != NULL) {
        *input = (cli_text){.data = cli_copy(text), .size = strlen(text), .name = "-p"};
        return true;
    }
    if (file == NULL && s->chat.on) return true; // it reads its turns itself
    // A session goes on by itself: on a terminal nobody has to type anything.
    if (file == NULL && s->states.in != NULL && isatty(STDIN_FILENO) != 0) {
        *input = (cli_text){.data = cli_copy(""), .name = "nothing"};
        return true;
    }
    return cli_text_read(input, file != NULL ? file : "-");
}

// Is a file that is only needed once the model is loaded there? Loading may take a minute. False
// after a message.
static bool can_be_read(const char *path) {
    const bool known = path == NULL || strcmp(path, "-") == 0;
    const int fd = known ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (known) return true;
    if (fd < 0) cli_complain("%s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static bool later_files_can_be_read(const run_settings *s) {
    return can_be_read(s->states.in) && can_be_read(s->states.initial) &&
           (!s->modes.jsonl || can_be_read(s->prompt.file));
}

static int tokenize(const char *model, const run_settings *s, bool json) {
    rk_tokenizer *tokenizer = open_tokenizer(model, &s->model);
    if (tokenizer == NULL) return CLI_EXIT_FAILED;
    cli_text input = {0};
    int code = CLI_EXIT_FAILED;
    if (read_input(&input, s)) {
        code = s->modes.tokenize ? print_tokens(tokenizer, &input, json)
                                 : print_text_of_tokens(tokenizer, &input, json);
    }
    cli_text_free(&input);
    rk_tokenizer_close(&tokenizer);
    return code;
}

// Everything that can be wrong with the settings has been read by now, but for what depends on the
// vocabulary.
static int work(const loaded_model *model, const cli_text *input, const run_settings *s,
                const ending *ends, sampling *draws, const cli_common *common) {
    char reason[CLI_REASON];
    if (!ending_fits(ends, model->n_vocab, reason)) {
        cli_complain("--%s", reason);
        return CLI_EXIT_FAILED;
    }
    if (s->modes.jsonl) {
        return run_json->answer_requests(model, s->prompt.file != NULL ? s->prompt.file : "-", s);
    }
    draws->options.tokenizer = model->tokenizer; // ids without text are never drawn
    if (s->sampling.seed == SAMPLING_AS_PRESET) draws->options.seed = random_seed();
    const text_job job = {model, input, s, draws, ends, common};
    if (s->chat.on) return run_chat(&job);
    return s->modes.beams > 0 ? search_beams(&job) : continue_text(&job);
}

static int run(const char *path, const run_settings *s, const cli_common *common) {
    char reason[CLI_REASON];
    ending ends = {0};
    sampling draws = {0};
    if (!ending_read(&ends, &s->ending, reason) || !sampling_read(&draws, &s->sampling, reason)) {
        cli_misuse("--%s", reason);
    }
    if (s->ending.ignore_eos) sampling_ban(&draws, 0);
    cli_text input = {0};
    loaded_model model = {0};
    int code = CLI_EXIT_FAILED;
    if (s->chat.on && !chat_settings_try(&s->chat)) goto out;
    if (!later_files_can_be_read(s)) goto out;
    if (!s->modes.jsonl && !read_input(&input, s)) goto out;
    cli_signals_begin();
    code = loaded_model_open(&model, path, &s->model, common);
    if (code == CLI_EXIT_DONE) code = work(&model, &input, s, &ends, &draws, common);
out:
    loaded_model_close(&model);
    cli_text_free(&input);
    sampling_free(&draws);
    ending_free(&ends);
    return code;
}

static void check_arguments(const cli_text_list *models, const run_settings *s) {
    const bool needs_model = !s->modes.tokenize && !s->modes.detokenize;
    if (models->count < 1 && needs_model) cli_misuse("missing argument MODEL");
    if (models->count > 1) cli_misuse("unexpected argument '%s'", models->items[1]);
    const bool given =
        s->prompt.text != NULL || s->prompt.file != NULL || s->states.in != NULL || s->chat.on;
    if (!given && isatty(STDIN_FILENO) != 0) {
        cli_misuse(s->modes.jsonl ? "missing option -f: the requests"
                                  : "missing option -p: the text to continue");
    }
    for (size_t i = 0; i < models->count; i++) {
        if (s->states.out != NULL) cli_require_distinct(s->states.out, models->items[i]);
        if (s->chat.history != NULL) cli_require_distinct(s->chat.history, models->items[i]);
    }
    const char *const inputs[] = {s->prompt.file, s->states.initial, s->model.tokenizer};
    for (size_t i = 0; s->states.out != NULL && i < 3; i++) {
        if (inputs[i] != NULL) cli_require_distinct(s->states.out, inputs[i]);
    }
}

int main(int argc, char **argv) {
    cli_start();
    run_settings s = run_settings_new();
    cli_common common = {0};
    cli_text_list models = {0};
    cli_parse(&program, argc, argv, &s, &common, &models);
    run_settings_finish(&s);
    if (s.chat.on && common.json) cli_misuse("--chat and --json exclude each other");
    if (run_json == NULL && (common.json || s.modes.jsonl)) {
        cli_misuse("--json and --jsonl: a minimal build (RWKV_MINIMAL) has no JSON");
    }
    check_arguments(&models, &s);
    const char *model = models.count > 0 ? models.items[0] : NULL;
    const bool needs_model = !s.modes.tokenize && !s.modes.detokenize;
    const int code = needs_model ? run(model, &s, &common) : tokenize(model, &s, common.json);
    cli_text_list_free(&models);
    run_settings_free(&s);
    return cli_finish(code);
}
