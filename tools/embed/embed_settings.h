// The command line of embed: its groups of options.
#ifndef EMBED_SETTINGS_H
#define EMBED_SETTINGS_H

#include "cli/options.h"
#include "cli/strategy_options.h"
#include "rk/embed.h"

// Where texts come from.
typedef struct text_settings {
    cli_text_list files;
    const char *kind; // "lines", "jsonl" or "files"; NULL: by the file's name
    bool skip_empty;
    bool append_eos;
    size_t eos_token;
} text_settings;

// The value of --source; count 0: the version's default.
typedef struct source_list {
    rk_embed_source items[RK_EMBED_SOURCE_COUNT];
    size_t count;
} source_list;

// What is made of a text.
typedef struct vector_settings {
    source_list sources;
    const char *layers;
    const char *pool;  // "last" or "mean"
    const char *stats; // a statistics file, or NULL
    size_t project;    // columns; 0: as they are
    size_t seed;
    bool l2;
} vector_settings;

// What is written.
typedef struct output_settings {
    const char *path;
    const char *dtype; // "float32" or "float16"
    const char *index;
    bool keep_text, resume;
} output_settings;

// What else may be done.
typedef struct task_settings {
    const char *stats_fit;
    cli_text_list stats_add;
    bool similarity;
    size_t nearest; // 0: no search
    const char *vectors;
    const char *fit, *label, *predict;
} task_settings;

typedef struct model_settings {
    cli_strategy strategy;
    const char *tokenizer;
    size_t batch;
} model_settings;

typedef struct embed_settings {
    text_settings texts;
    vector_settings vectors;
    output_settings output;
    task_settings tasks;
    model_settings model;
} embed_settings;

extern const cli_program embed_program;

// What holds where nothing is said.
embed_settings embed_defaults(void);

// Misuse, where options contradict each other or the arguments behind MODEL.
void embed_check(const embed_settings *settings, const char *model, const cli_text_list *arguments);

#endif
