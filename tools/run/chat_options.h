// The options of --chat.
#ifndef RUN_CHAT_OPTIONS_H
#define RUN_CHAT_OPTIONS_H

#include "cli/options.h"
#include "rk/chat.h"

typedef struct chat_settings {
    bool on, think, no_think, print_prompt;
    const char *preset, *template_file, *system, *history;
} chat_settings;

enum { N_CHAT_OPTIONS = 8 };
extern const cli_option chat_options[N_CHAT_OPTIONS];

// What makes no sense together, or without --chat, and an unknown preset are misuse.
void chat_settings_check(const chat_settings *s);

// Reads the template file, if there is one, and forgets it again, before anything takes time. False
// after a message.
bool chat_settings_try(const chat_settings *s);

// The name of the preset that the settings mean for a model with n_vocab tokens; NULL when a
// template file is used.
const char *chat_settings_preset(const chat_settings *s, size_t n_vocab);

#endif
