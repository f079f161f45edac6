// The parts of a tokenizer.json that say how its vocabulary is to be used.
#ifndef RK_BPE_SETTINGS_H
#define RK_BPE_SETTINGS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error_internal.h"

// Refuses, by name, what is not done here (bpe_file.h); *normalize: to form C?
rk_status rk__bpe_settings_check(const cJSON *document, const char *path, bool *normalize,
                                 rk_error *err);

#endif
