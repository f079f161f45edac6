// JSON documents through cJSON, with the checks that it leaves to its callers.
#include "checkpoint/json_document.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

// cJSON would cut a text at an escaped NUL.
static bool has_nul(const char *text, size_t size) {
    return memchr(text, '\0', size) != NULL || memmem(text, size, "\\u0000", 6) != NULL;
}

static bool is_utf8(const char *text, size_t size) {
    for (size_t i = 0; i < size;) {
        uint32_t code;
        const size_t bytes = rk__utf8_decode(&code, text + i, size - i);
        if (bytes == 0) return false;
        i += bytes;
    }
    return true;
}

// No more values than this: each of them follows one of these characters.
static size_t count_values(const char *text, size_t size) {
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        n += text[i] == ',' || text[i] == '[' || text[i] == '{' || text[i] == ':';
    }
    return n;
}

static bool only_blanks(const char *text, const char *end) {
    while (text < end && strchr(" \t\r\n", *text)) text++;
    return text == end;
}

static rk_status parse(cJSON **out, const char *text, size_t size, const char *path,
                       const char *what, rk_error *err) {
    if (has_nul(text, size) || !is_utf8(text, size)) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: the %s is no UTF-8 text, or holds a NUL", path,
                        what);
    }
    const size_t n_values = count_values(text, size);
    if (n_values > RK__MAX_JSON_VALUES) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: the %s has up to %zu values; %d are read",
                        path, what, n_values, RK__MAX_JSON_VALUES);
    }
    const char *end = text;
    errno = 0; // cJSON does not tell a lack of memory from a fault of the text; malloc does
    cJSON *document = cJSON_ParseWithLengthOpts(text, size, &end, false);
    if (!document && errno == ENOMEM) return rk__fail_memory(err, sizeof(cJSON));
    if (!document || !cJSON_IsObject(document) || !only_blanks(end, text + size)) {
        cJSON_Delete(document);
        return rk__fail(err, RK_ERR_FORMAT, "%s: the %s is no JSON object (byte %zu of %zu)", path,
                        what, (size_t)(end - text), size);
    }
    *out = document;
    return RK_OK;
}

rk_status rk__json_read(cJSON **out, const rk__file *file, uint64_t offset, uint64_t size,
                        const char *what, rk_error *err) {
    *out = NULL;
    if (size > RK__MAX_JSON_BYTES) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: the %s has %" PRIu64 " bytes; %d are read",
                        file->path, what, size, RK__MAX_JSON_BYTES);
    }
    void *text;
    RK_TRY(rk__alloc(&text, (size_t)size, 1, err));
    rk_status status = rk__file_read(file, offset, text, (size_t)size, err);
    if (status == RK_OK) status = parse(out, text, (size_t)size, file->path, what, err);
    rk__free(text);
    return status;
}

bool rk__json_count(const cJSON *value, uint64_t *out) {
    static const double limit = 9007199254740992.0; // 2^53
    if (!cJSON_IsNumber(value)) return false;
    const double number = value->valuedouble;
    if (!(number >= 0 && number <= limit) || number != (double)(uint64_t)number) return false;
    *out = (uint64_t)number;
    return true;
}

const cJSON *rk__json_only(const cJSON *object, const char *key) {
    const cJSON *found = NULL, *item;
    cJSON_ArrayForEach(item, object) {
        if (!item->string || strcmp(item->string, key) != 0) continue;
        if (found) return NULL;
        found = item;
    }
    return found;
}
