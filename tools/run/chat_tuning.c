// Settings that change in the middle of a chat: those of the command line, under the same names.
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/numbers.h"
#include "run/chat_commands.h"

static const char preset_name[] = "chat-preset";

static void refuse(conversation *c, const char *name, const char *reason) {
    cli_complain("/set %s: %s", name, reason);
    c->failed = true;
}

// ---- names

// Lists and what takes no value are for the command line alone.
static bool can_be_set(const cli_option *option) {
    return option->kind != CLI_TEXT_LIST && option->kind != CLI_BUILT_IN;
}

// The option with this name; top_p is top-p. NULL: there is none.
static const cli_option *find_option(const cli_option *options, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        const char *a = options[i].name, *b = name;
        while (*a != '\0' && (*a == *b || (*a == '-' && *b == '_'))) {
            a++;
            b++;
        }
        if (*a == '\0' && *b == '\0' && can_be_set(&options[i])) return &options[i];
    }
    return NULL;
}

static void list_names(void) {
    printf("tokens, %s", preset_name);
    for (size_t i = 0; i < N_SAMPLING_OPTIONS; i++) {
        if (can_be_set(&sampling_options[i])) printf(", %s", sampling_options[i].name);
    }
    puts("\nThey mean what rwkv-run --help says; the value 'default' is the preset's.");
    fflush(stdout);
}

// ---- values

// A text that lives as long as the conversation.
static const char *keep_text(conversation *c, const char *text) {
    c->texts = cli_reallocate(c->texts, c->n_texts + 1, sizeof c->texts[0]);
    c->texts[c->n_texts] = cli_copy(text);
    return c->texts[c->n_texts++];
}

static size_t size_of_kind(cli_kind kind) {
    switch (kind) {
    case CLI_FLAG:
        return sizeof(bool);
    case CLI_SIZE:
        return sizeof(size_t);
    case CLI_NUMBER:
        return sizeof(double);
    case CLI_TEXT:
    case CLI_CHOICE:
        return sizeof(const char *);
    case CLI_TEXT_LIST:
    case CLI_CUSTOM:
    case CLI_BUILT_IN:
        break;
    }
    return 0;
}

static bool read_flag(bool *value, const char *text, char reason[CLI_REASON]) {
    *value = strcmp(text, "on") == 0;
    if (*value || strcmp(text, "off") == 0) return true;
    snprintf(reason, CLI_REASON, "choose on or off");
    return false;
}

static bool read_value(conversation *c, sampling_settings *wanted, const cli_option *option,
                       const char *text, char reason[CLI_REASON]) {
    void *value = (char *)wanted + option->offset;
    if (strcmp(text, "default") == 0) {
        const sampling_settings nothing = sampling_settings_new();
        memcpy(value, (const char *)&nothing + option->offset, size_of_kind(option->kind));
        return true;
    }
    if (option->kind == CLI_FLAG) return read_flag(value, text, reason);
    return cli_option_read(option, value, keep_text(c, text), reason);
}

static void set_sampling(conversation *c, const cli_option *option, const char *text) {
    rk_sampler *sampler = rk_session_sampler(c->session);
    sampling_settings wanted = c->wanted;
    sampling read = {0};
    char reason[CLI_REASON] = "";
    const bool is_seed = strcmp(option->name, "seed") == 0;
    if (!read_value(c, &wanted, option, text, reason) || !sampling_read(&read, &wanted, reason)) {
        refuse(c, option->name, reason);
        sampling_free(&read);
        return;
    }
    read.options.tokenizer = c->job->model->tokenizer;
    const bool has_seed = is_seed && wanted.seed != SAMPLING_AS_PRESET;
    if (!has_seed) read.options.seed = rk_sampler_seed(sampler);
    rk_error err;
    if (rk_sampler_configure(sampler, &read.options, &err) != RK_OK) {
        refuse(c, option->name, err.message);
        sampling_free(&read);
        return;
    }
    // From its first number on, also when it was this seed before.
    if (has_seed) rk_sampler_set_generator(sampler, read.options.seed, 0);
    sampling_free(&c->sampling);
    c->sampling = read;
    c->wanted = wanted;
}

static void set_tokens(conversation *c, const char *text) {
    size_t n;
    if (cli_read_size(&n, text)) {
        c->max_tokens = n;
    } else {
        refuse(c, "tokens", "that is no whole number");
    }
}

void chat_set(conversation *c, const char *text) {
    if (text[0] == '\0') {
        list_names();
        return;
    }
    const size_t n_name = strcspn(text, " \t");
    char *name = cli_format("%.*s", (int)n_name, text);
    const char *value = text + n_name + strspn(text + n_name, " \t");
    const cli_option *option = find_option(sampling_options, N_SAMPLING_OPTIONS, name);
    if (value[0] == '\0') {
        refuse(c, name, "missing argument VALUE");
    } else if (strcmp(name, "tokens") == 0) {
        set_tokens(c, value);
    } else if (strcmp(name, preset_name) == 0) {
        conversation_use_preset(c, value);
    } else if (option != NULL) {
        set_sampling(c, option, value);
    } else {
        refuse(c, name, "there is no such setting; /set lists them");
    }
    free(name);
}
