// The command line of perplexity.
#ifndef PERPLEXITY_SETTINGS_H
#define PERPLEXITY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/dtype_option.h"
#include "cli/options.h"
#include "cli/strategy_options.h"

// Numbers of threads, as in "1,2,4".
enum { PERPLEXITY_MAX_COUNTS = 16 };
typedef struct count_list {
    size_t items[PERPLEXITY_MAX_COUNTS];
    size_t count;
} count_list;

// How the text is cut and what of it is scored.
typedef struct protocol_settings {
    size_t ctx;          // tokens from one empty state to the next, or 0
    bool stream;         // documents are one stream
    size_t ignore_first; // of each passage
    size_t chunks;       // passages used at most, or 0
    size_t limit;        // tokens used at most, or 0
    size_t bos;          // token fed first; SIZE_MAX: none
} protocol_settings;

typedef struct perplexity_settings {
    const char *file, *format, *tokenizer;
    cli_dtype_list types;
    cli_strategy strategy; // of the models, not of the base
    protocol_settings protocol;
    const char *base, *save_logits, *kl_base;
    const char *task;
    size_t bootstrap, bootstrap_block, seed;
    count_list threads;
    bool latency;
    size_t repetitions;
    bool csv, markdown;
    const char *resume, *report;
    double fail_ppl_above, fail_kl_above; // infinite: no limit
    double fail_top1_below;               // percent; 0: no limit
} perplexity_settings;

extern const perplexity_settings perplexity_defaults;
extern const cli_program perplexity_program;

// Misuse where options contradict each other or something is missing.
void perplexity_settings_check(const perplexity_settings *s, const cli_common *common,
                               const cli_text_list *models);

#endif
