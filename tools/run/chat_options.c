// The options of --chat.
#include "run/chat_options.h"

#include <string.h>

#include "cli/messages.h"

// Those of rk_chat_preset_name; a test compares them.
static const char *const presets[] = {"world",    "raven",          "g1",
                                      "g1-think", "g1-think-a-bit", "g1-no-think",
                                      "question", "instruct",       NULL};

const cli_option chat_options[N_CHAT_OPTIONS] = {
    {
        .name = "chat",
        .kind = CLI_FLAG,
        .offset = offsetof(chat_settings, on),
        .help = "take turns: with the user at a terminal, otherwise with every line of the input "
                "as a turn; with -p or -f, take that one turn and end",
    },
    {
        .name = "chat-preset",
        .argument = "NAME",
        .kind = CLI_CHOICE,
        .offset = offsetof(chat_settings, preset),
        .choices = presets,
        .help = "what turns look like to the model: world, raven, g1, g1-think, g1-think-a-bit, "
                "g1-no-think, question or instruct",
        .standard = "raven for models with the 20B vocabulary, otherwise world",
    },
    {
        .name = "chat-template",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(chat_settings, template_file),
        .help = "the same, from a template file",
    },
    {
        .name = "system",
        .argument = "TEXT",
        .kind = CLI_TEXT,
        .offset = offsetof(chat_settings, system),
        .help = "begin the conversation with TEXT as the system's",
    },
    {
        .name = "think",
        .kind = CLI_FLAG,
        .offset = offsetof(chat_settings, think),
        .help = "let a G1 model think before it answers: --chat-preset g1-think",
    },
    {
        .name = "no-think",
        .kind = CLI_FLAG,
        .offset = offsetof(chat_settings, no_think),
        .help = "do not let it: --chat-preset g1-no-think",
    },
    {
        .name = "print-prompt",
        .kind = CLI_FLAG,
        .offset = offsetof(chat_settings, print_prompt),
        .help = "print exactly what the model is given before every answer; with -n 0 that alone, "
                "and the model is given nothing",
    },
    {
        .name = "history",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(chat_settings, history),
        .help = "keep in FILE what was typed at the terminal; \"\": keep nothing",
        .standard = "rwkv-tools/chat_history in $XDG_STATE_HOME or ~/.local/state",
    },
};

static void require_chat(const chat_settings *s) {
    const struct {
        const char *name;
        bool given;
    } options[] = {
        {"--chat-preset", s->preset != NULL}, {"--chat-template", s->template_file != NULL},
        {"--system", s->system != NULL},      {"--think", s->think},
        {"--no-think", s->no_think},          {"--print-prompt", s->print_prompt},
        {"--history", s->history != NULL},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (options[i].given) cli_misuse("%s goes with --chat", options[i].name);
    }
}

void chat_settings_check(const chat_settings *s) {
    if (!s->on) {
        require_chat(s);
        return;
    }
    if (s->preset != NULL && s->template_file != NULL) {
        cli_misuse("--chat-preset and --chat-template exclude each other");
    }
    if (s->think && s->no_think) cli_misuse("--think and --no-think exclude each other");
    const bool is_g1 =
        s->template_file == NULL && (s->preset == NULL || strcmp(s->preset, "g1") == 0);
    if ((s->think || s->no_think) && !is_g1) {
        cli_misuse("%s goes with --chat-preset g1", s->think ? "--think" : "--no-think");
    }
}

bool chat_settings_try(const chat_settings *s) {
    if (s->template_file == NULL) return true;
    rk_chat_template *chat_template = NULL;
    rk_error err;
    const rk_status status = rk_chat_template_load(&chat_template, s->template_file, &err);
    rk_chat_template_free(&chat_template);
    if (status != RK_OK) cli_failure(&err);
    return status == RK_OK;
}

// Of the models that have the 20B vocabulary, those that were taught to talk are Raven.
static bool has_20b_vocabulary(size_t n_vocab) {
    return n_vocab >= 50277 && n_vocab <= 50304;
}

const char *chat_settings_preset(const chat_settings *s, size_t n_vocab) {
    if (s->template_file != NULL) return NULL;
    if (s->think) return "g1-think";
    if (s->no_think) return "g1-no-think";
    if (s->preset != NULL) return s->preset;
    return has_20b_vocabulary(n_vocab) ? "raven" : "world";
}
