// Options about importance matrices, and the jobs that make and show them.
#ifndef QUANTIZE_IMATRIX_OPTIONS_H
#define QUANTIZE_IMATRIX_OPTIONS_H

#include "cli/options.h"
#include "rk/imatrix.h"

typedef struct imatrix_settings {
    cli_text_list files;          // --imatrix: what quantizing is to use
    const char *collect, *merge;  // the file to make
    const char *text, *tokenizer; // to collect from
    size_t group;
    bool show;
} imatrix_settings;

enum { IMATRIX_OPTIONS = 7 };
extern const cli_option imatrix_option_table[IMATRIX_OPTIONS];

// The settings before parsing.
imatrix_settings imatrix_defaults(void);

// Is one of the jobs below asked for, instead of quantizing? Misuse ends the program: more than one
// job, options that belong to another.
bool has_imatrix_job(const imatrix_settings *settings);

// Does it: words are the arguments that are no options. Returns an exit code; failures have been
// reported.
int run_imatrix_job(const imatrix_settings *settings, const cli_text_list *words,
                    const cli_common *common);

// What these files say together; NULL for none. Returns an exit code; failures have been reported.
int load_imatrices(rk_imatrix **out, const cli_text_list *files);

#endif
