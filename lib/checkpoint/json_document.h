// JSON out of files that nobody vouches for: bounded in memory, checked to be UTF-8 without NULs.
#ifndef RK_CHECKPOINT_JSON_DOCUMENT_H
#define RK_CHECKPOINT_JSON_DOCUMENT_H

#include <cjson/cJSON.h>

#include "base/file.h"

enum {
    RK__MAX_JSON_BYTES = 12 << 20,
    RK__MAX_JSON_VALUES = 300000, // cJSON takes up to 150 bytes for one
};

// Parses `size` bytes of `file` from `offset` on, which must be one JSON object and blanks around
// it. Release with cJSON_Delete. `what` names the part in messages.
rk_status rk__json_read(cJSON **out, const rk__file *file, uint64_t offset, uint64_t size,
                        const char *what, rk_error *err);

// A whole number from 0 to 2^53, which JSON's numbers hold exactly.
bool rk__json_count(const cJSON *value, uint64_t *out);

// The only value under this key; NULL when there is none, or when there are several.
const cJSON *rk__json_only(const cJSON *object, const char *key);

#endif
