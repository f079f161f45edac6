// How tokens are chosen: options that the command line and requests share.
#ifndef RUN_SAMPLING_H
#define RUN_SAMPLING_H

#include <stdio.h>

#include "cli/options.h"
#include "rk/sampler.h"

// What was asked for. A number that was not given is SAMPLING_AS_PRESET or NaN, so that what was
// given wins over the preset wherever the preset comes from.
#define SAMPLING_AS_PRESET SIZE_MAX

typedef struct sampling_settings {
    const char *preset; // NULL: rwkv
    bool greedy;
    size_t seed;
    double temp, top_p, min_p, typical, tfs, top_a, mirostat_ent, mirostat_lr;
    size_t top_k;
    const char *samplers; // NULL: the preset's order
    double repeat_penalty, presence_penalty, frequency_penalty, penalty_decay;
    size_t penalty_window;
    const char *penalty_scope, *penalty_exempt; // NULL: as the preset has it
    cli_text_list penalty_exempt_tokens, logit_biases, bans, ban_tokens;
} sampling_settings;

// Nothing was given.
sampling_settings sampling_settings_new(void);

enum { N_SAMPLING_OPTIONS = 24 };
extern const cli_option sampling_options[N_SAMPLING_OPTIONS];

// The settings read: options and what they point at.
typedef struct sampling {
    rk_sampler_options options; // without a tokenizer
    const char *preset;
    rk_logit_bias *biases;
    uint32_t *bans, *exempt;
    rk_text *banned_texts; // their bytes borrowed
} sampling;

// False when a setting makes no sense, with one clause in `reason` that begins with its name. To be
// freed in any case.
bool sampling_read(sampling *out, const sampling_settings *settings, char reason[CLI_REASON]);
void sampling_free(sampling *s);

// One more token that is never drawn.
void sampling_ban(sampling *s, uint32_t token);

// One line, without its end: the preset, every setting that has an effect, in the order in which
// they have it, and the seed that was used.
void sampling_print(FILE *out, const sampling *s, uint64_t seed);

#endif
