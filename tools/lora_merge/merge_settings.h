// The command line of lora_merge.
#ifndef MERGE_SETTINGS_H
#define MERGE_SETTINGS_H

#include <stdbool.h>

#include "cli/options.h"
#include "rk/convert.h"

// The type of the output: chosen, or the base's.
typedef struct merge_type {
    bool given;
    rk_dtype dtype;
} merge_type;

typedef struct merge_settings {
    cli_text_list alphas, scales, inits; // one for each adapter, or one for all
    merge_type type;
    const char *out_format; // "bin", "safetensors", or NULL: as OUT is called
    unsigned container;
    bool subtract, allow_unused, dry_run, no_sync;
    bool extract;
    size_t rank; // of --extract
} merge_settings;

extern const cli_program merge_program;

// Misuse when the files and the options do not go together.
void check_merge_files(const cli_text_list *files, merge_settings *s);

// The adapters that the command line describes, between BASE and OUT. Release: free.
rk_adapter *list_adapters(const cli_text_list *files, const merge_settings *s);

#endif
