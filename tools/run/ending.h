// Where a text ends: options that the command line and requests share.
#ifndef RUN_ENDING_H
#define RUN_ENDING_H

#include "cli/options.h"
#include "rk/generate.h"

// All of it plain texts and numbers, so that requests can lie over the command line.
typedef struct ending_settings {
    size_t n_tokens; // TOKENS_AS_MODE until all options have been read
    cli_text_list stops, stop_tokens;
    bool ignore_eos;
} ending_settings;

#define TOKENS_AS_MODE SIZE_MAX

enum { N_ENDING_OPTIONS = 4 };
extern const cli_option ending_options[N_ENDING_OPTIONS];

// The settings read: what a generation's options point at.
typedef struct ending {
    rk_text *stops; // [n_stops], their bytes borrowed
    size_t n_stops;
    uint32_t *stop_tokens; // [n_stop_tokens]
    size_t n_stop_tokens;
} ending;

// False when a setting makes no sense, with one clause in `reason` that begins with its name. To be
// freed in any case.
bool ending_read(ending *out, const ending_settings *settings, char reason[CLI_REASON]);
void ending_free(ending *e);

// False, with a reason, when a stop token is not one of n_vocab.
bool ending_fits(const ending *e, size_t n_vocab, char reason[CLI_REASON]);

// Sets what these settings say in the options, which borrow `e`.
void ending_apply(rk_generate_options *options, const ending *e, const ending_settings *settings);

#endif
