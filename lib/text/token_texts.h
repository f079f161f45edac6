// What the tokens of a vocabulary stand for: id -> bytes.
#ifndef RK_TOKEN_TEXTS_H
#define RK_TOKEN_TEXTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error_internal.h"

enum {
    RK__MAX_TOKENS = 1 << 20,            // ids are smaller; no vocabulary is a quarter of it
    RK__MAX_VOCABULARY_BYTES = 64 << 20, // of a file; so all texts fit 32-bit offsets
};

typedef struct rk__token_span {
    uint32_t offset, length; // length 0: the id stands for no text
} rk__token_span;

// All zeros is an empty vocabulary.
typedef struct rk__token_texts {
    char *bytes; // of all tokens, one after another
    size_t n_bytes, bytes_capacity;
    rk__token_span *spans; // [n_ids]
    size_t n_ids, spans_capacity;
} rk__token_texts;

void rk__token_texts_fini(rk__token_texts *texts);

// The id, which must be below RK__MAX_TOKENS and without text, now stands for these bytes; length >
// 0. Views given out before are no longer valid.
rk_status rk__token_texts_add(rk__token_texts *texts, uint32_t id, const char *bytes, size_t length,
                              rk_error *err);

// A view; never NULL, length 0 for any id without text.
const char *rk__token_texts_get(const rk__token_texts *texts, uint32_t id, size_t *length);

bool rk__token_texts_has(const rk__token_texts *texts, uint32_t id);

#endif
