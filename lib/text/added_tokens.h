// Tokens that are found in a text as they stand, before it is cut into pieces: "<|endoftext|>", or
// runs of blanks.
#ifndef RK_ADDED_TOKENS_H
#define RK_ADDED_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "text/byte_trie.h"

// All zeros has no tokens.
typedef struct rk__added_tokens {
    rk__byte_trie trie;
    bool begins[256]; // does a token begin with this byte?
    bool any;
} rk__added_tokens;

// keys: as rk__byte_trie_init.
rk_status rk__added_tokens_init(rk__added_tokens *added, const rk__trie_key *keys, size_t n,
                                rk_error *err);
void rk__added_tokens_fini(rk__added_tokens *added);

typedef struct rk__added_match {
    size_t begin, end; // in the text; both its length when there is none
    uint32_t id;
} rk__added_match;

// The leftmost token in text[from .. length), the longest of several that begin there.
rk__added_match rk__added_tokens_next(const rk__added_tokens *added, const char *text,
                                      size_t length, size_t from);

#endif
