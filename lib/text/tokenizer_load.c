// Vocabulary files, told apart by how they begin.
#include <inttypes.h>
#include <string.h>

#include "text/tokenizer_internal.h"

// The first character that is no blank; NUL when there is none among the first ones.
static rk_status first_character(char *out, const rk__file *file, rk_error *err) {
    char begin[64];
    const size_t n = file->size < sizeof begin ? (size_t)file->size : sizeof begin;
    RK_TRY(rk__file_read(file, 0, begin, n, err));
    size_t at = 0;
    while (at < n && begin[at] != '\0' && strchr(" \t\r\n", begin[at])) at++;
    *out = '\0';
    if (at < n) *out = begin[at];
    return RK_OK;
}

static rk_status load(rk_tokenizer **out, const rk__file *file, rk_error *err) {
    if (file->size > RK__MAX_VOCABULARY_BYTES) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: %" PRIu64 " bytes; vocabularies of up to %d are read", file->path,
                        file->size, RK__MAX_VOCABULARY_BYTES);
    }
    char first;
    RK_TRY(first_character(&first, file, err));
    if (first == '{') return rk__tokenizer_bpe_open(out, file, err);
    if (first >= '0' && first <= '9') return rk__tokenizer_world_open(out, file, err);
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: neither a World vocabulary (lines of id, literal and length) nor a "
                    "tokenizer.json",
                    file->path);
}

rk_status rk_tokenizer_load(rk_tokenizer **out, const char *path, rk_error *err) {
    *out = NULL;
    rk__file file;
    RK_TRY(rk__file_open(&file, path, err));
    const rk_status status = load(out, &file, err);
    rk__file_close(&file);
    return status;
}
