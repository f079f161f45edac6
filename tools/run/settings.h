// The command line of rwkv-run: its groups of options, and what they say together.
#ifndef RUN_SETTINGS_H
#define RUN_SETTINGS_H

#include "cli/options.h"
#include "cli/strategy_options.h"
#include "run/chat_options.h"
#include "run/ending.h"
#include "run/sampling.h"

// The text to be continued.
typedef struct prompt_settings {
    const char *text, *file;
    bool escape;
} prompt_settings;

// What is loaded.
typedef struct model_settings {
    cli_strategy strategy;
    const char *tokenizer;
} model_settings;

// What a text begins with, and what is kept of it.
typedef struct state_settings {
    const char *initial, *in, *out;
} state_settings;

// What is printed beside the text. Requests share the first two.
typedef struct report_settings {
    bool echo;
    size_t logprobs; // of how many alternatives; NO_LOGPROBS: of none, not even the token
    bool timings;
} report_settings;
#define NO_LOGPROBS SIZE_MAX

// What is done instead of continuing one text.
typedef struct mode_settings {
    bool jsonl, tokenize, detokenize;
    size_t batch;
    size_t beams; // 0: no beam search
    double length_penalty;
} mode_settings;

typedef struct run_settings {
    prompt_settings prompt;
    ending_settings ending;
    sampling_settings sampling;
    model_settings model;
    state_settings states;
    report_settings report;
    mode_settings modes;
    chat_settings chat;
    cli_text_list unescaped; // the owned texts that --escape has made
} run_settings;

enum {
    N_PROMPT_OPTIONS = 3,
    N_MODEL_OPTIONS = 1,
    N_STATE_OPTIONS = 3,
    N_REPORT_OPTIONS = 3,
    N_REQUEST_REPORT_OPTIONS = 2,
    N_MODE_OPTIONS = 6,
};
extern const cli_option prompt_options[N_PROMPT_OPTIONS];
extern const cli_option model_options[N_MODEL_OPTIONS];
extern const cli_option state_options[N_STATE_OPTIONS];
extern const cli_option report_options[N_REPORT_OPTIONS]; // those of requests first
extern const cli_option mode_options[N_MODE_OPTIONS];

// The defaults.
run_settings run_settings_new(void);

// Replaces escapes, if they are to be replaced. What makes no sense together is misuse.
void run_settings_finish(run_settings *s);
void run_settings_free(run_settings *s);

#endif
