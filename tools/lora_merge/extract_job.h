// lora_merge --extract.
#ifndef EXTRACT_JOB_H
#define EXTRACT_JOB_H

#include "lora_merge/merge_settings.h"

// Makes an adapter of what MODEL differs from BASE by, and reports it; returns an exit code.
int extract(const cli_text_list *files, const merge_settings *s, const cli_common *common);

#endif
