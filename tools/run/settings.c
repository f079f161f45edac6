// The options of rwkv-run that are not about endings and sampling.
#include "run/settings.h"

#include <stdlib.h>

#include "cli/escapes.h"
#include "cli/messages.h"

const cli_option prompt_options[N_PROMPT_OPTIONS] = {
    {
        .name = "prompt",
        .letter = 'p',
        .argument = "TEXT",
        .kind = CLI_TEXT,
        .offset = offsetof(prompt_settings, text),
        .help = "the text to continue",
        .standard = "standard input, when it is no terminal",
    },
    {
        .name = "file",
        .letter = 'f',
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(prompt_settings, file),
        .help = "read it from FILE; - is standard input",
    },
    {
        .name = "escape",
        .letter = 'e',
        .kind = CLI_FLAG,
        .offset = offsetof(prompt_settings, escape),
        .help = "\\n, \\t, \\xHH, \\uXXXX and the like in -p, --system, --stop and --ban stand for "
                "characters",
    },
};

const cli_option model_options[N_MODEL_OPTIONS] = {
    {
        .name = "tokenizer",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(model_settings, tokenizer),
        .help = "the vocabulary: rwkv_vocab_v20230424.txt, a tokenizer.json, a folder of them, or "
                "the word bytes",
        .standard = "beside MODEL, or in $RWKV_TOKENIZER",
    },
};

const cli_option state_options[N_STATE_OPTIONS] = {
    {
        .name = "init-state",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(state_settings, initial),
        .help = "begin with a tuned state (time_state tensors) or a state file",
    },
    {
        .name = "state-out",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(state_settings, out),
        .help = "write the session to FILE at the end: state, logits, random numbers, penalties, "
                "text held back",
    },
    {
        .name = "state-in",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(state_settings, in),
        .help = "go on where a session was written; the prompt, if there is one, comes behind it. "
                "With --jsonl, every request begins there",
    },
};

const cli_option report_options[N_REPORT_OPTIONS] = {
    {
        .name = "echo",
        .kind = CLI_FLAG,
        .offset = offsetof(report_settings, echo),
        .help = "print the prompt before its continuation",
    },
    {
        .name = "logprobs",
        .argument = "K",
        .kind = CLI_SIZE,
        .offset = offsetof(report_settings, logprobs),
        .size = {0, 1000},
        .help = "instead of the text, a line for each token: log p, number, text, and the same of "
                "the K most probable tokens",
    },
    {
        .name = "timings",
        .kind = CLI_FLAG,
        .offset = offsetof(report_settings, timings),
        .help = "say on stderr how long it took, in how much memory, with which settings",
    },
};

const cli_option mode_options[N_MODE_OPTIONS] = {
    {
        .name = "jsonl",
        .kind = CLI_FLAG,
        .offset = offsetof(mode_settings, jsonl),
        .help = "every line of the input is a request: {\"prompt\": \"...\", \"n\": 100, ...}, "
                "with the options above as fields; a line of JSON answers each",
    },
    {
        .name = "batch",
        .argument = "B",
        .kind = CLI_SIZE,
        .offset = offsetof(mode_settings, batch),
        .size = {1, 1024},
        .help = "work on up to B requests together; the answers stay the same",
        .standard = cli_its_value,
    },
    {
        .name = "beams",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(mode_settings, beams),
        .size = {1, 1024},
        .help = "no chance: search for the most probable text with N kept side by side",
    },
    {
        .name = "length-penalty",
        .argument = "P",
        .kind = CLI_NUMBER,
        .offset = offsetof(mode_settings, length_penalty),
        .number = {0.0, 100.0},
        .help = "beams are compared by log p / tokens^P",
        .standard = cli_its_value,
    },
    {
        .name = "tokenize",
        .kind = CLI_FLAG,
        .offset = offsetof(mode_settings, tokenize),
        .help = "print the numbers of the input's tokens, one a line; MODEL may be left out",
    },
    {
        .name = "detokenize",
        .kind = CLI_FLAG,
        .offset = offsetof(mode_settings, detokenize),
        .help = "the reverse: numbers in, text out",
    },
};

run_settings run_settings_new(void) {
    return (run_settings){
        .ending.n_tokens = TOKENS_AS_MODE,
        .sampling = sampling_settings_new(),
        .report.logprobs = NO_LOGPROBS,
        .modes = {.batch = 1, .length_penalty = 1},
    };
}

// ---- what makes no sense together

static void exclude(bool a, const char *name_a, bool b, const char *name_b) {
    if (a && b) cli_misuse("%s and %s exclude each other", name_a, name_b);
}

static void check_modes(const run_settings *s) {
    const struct {
        const char *name;
        bool on;
    } modes[] = {
        {"--jsonl", s->modes.jsonl},
        {"--beams", s->modes.beams > 0},
        {"--tokenize", s->modes.tokenize},
        {"--detokenize", s->modes.detokenize},
    };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        for (size_t k = i + 1; k < sizeof modes / sizeof modes[0]; k++) {
            exclude(modes[i].on, modes[i].name, modes[k].on, modes[k].name);
        }
        const bool without_state_in = modes[i].on && !s->modes.jsonl;
        exclude(without_state_in, modes[i].name, s->states.in != NULL, "--state-in");
        exclude(modes[i].on, modes[i].name, s->states.out != NULL, "--state-out");
    }
    exclude(s->modes.beams > 0, "--beams", s->report.logprobs != NO_LOGPROBS, "--logprobs");
    exclude(s->modes.jsonl, "--jsonl", s->prompt.text != NULL, "-p");
}

static void check_chat(const run_settings *s) {
    chat_settings_check(&s->chat);
    const struct {
        const char *name;
        bool on;
    } others[] = {
        {"--jsonl", s->modes.jsonl},
        {"--beams", s->modes.beams > 0},
        {"--tokenize", s->modes.tokenize},
        {"--detokenize", s->modes.detokenize},
        {"--logprobs", s->report.logprobs != NO_LOGPROBS},
        {"--echo", s->report.echo},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        exclude(s->chat.on, "--chat", others[i].on, others[i].name);
    }
    exclude(s->chat.system != NULL, "--system", s->states.in != NULL, "--state-in");
}

static void unescape(run_settings *s, const char **text, const char *name) {
    if (*text == NULL) return;
    char reason[CLI_REASON];
    char *plain = cli_unescape(*text, reason);
    if (plain == NULL) cli_misuse("%s: %s", name, reason);
    cli_text_list_add(&s->unescaped, plain);
    *text = plain;
}

static void unescape_all(run_settings *s) {
    unescape(s, &s->prompt.text, "-p");
    unescape(s, &s->chat.system, "--system");
    unescape(s, &s->sampling.penalty_exempt, "--penalty-exempt");
    for (size_t i = 0; i < s->ending.stops.count; i++) {
        unescape(s, &s->ending.stops.items[i], "--stop");
    }
    for (size_t i = 0; i < s->sampling.bans.count; i++) {
        unescape(s, &s->sampling.bans.items[i], "--ban");
    }
}

void run_settings_finish(run_settings *s) {
    exclude(s->prompt.text != NULL, "-p", s->prompt.file != NULL, "-f");
    exclude(s->states.initial != NULL, "--init-state", s->states.in != NULL, "--state-in");
    check_modes(s);
    check_chat(s);
    if (s->ending.n_tokens == TOKENS_AS_MODE) s->ending.n_tokens = s->chat.on ? 1024 : 256;
    if (s->prompt.escape) unescape_all(s);
}

void run_settings_free(run_settings *s) {
    for (size_t i = 0; i < s->unescaped.count; i++) free((char *)s->unescaped.items[i]);
    cli_text_list_free(&s->unescaped);
    cli_text_list_free(&s->ending.stops);
    cli_text_list_free(&s->ending.stop_tokens);
    cli_text_list_free(&s->sampling.penalty_exempt_tokens);
    cli_text_list_free(&s->sampling.logit_biases);
    cli_text_list_free(&s->sampling.bans);
    cli_text_list_free(&s->sampling.ban_tokens);
}
