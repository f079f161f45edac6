// Finding the tokens that stand in a text as they are.
#include "text/added_tokens.h"

rk_status rk__added_tokens_init(rk__added_tokens *added, const rk__trie_key *keys, size_t n,
                                rk_error *err) {
    RK_TRY(rk__byte_trie_init(&added->trie, keys, n, err));
    for (size_t i = 0; i < n; i++) added->begins[(unsigned char)keys[i].bytes[0]] = true;
    added->any = n > 0;
    return RK_OK;
}

void rk__added_tokens_fini(rk__added_tokens *added) {
    rk__byte_trie_fini(&added->trie);
    *added = (rk__added_tokens){0};
}

rk__added_match rk__added_tokens_next(const rk__added_tokens *added, const char *text,
                                      size_t length, size_t from) {
    rk__added_match match = {.begin = length, .end = length, .id = RK__NO_VALUE};
    if (!added->any) return match;
    for (size_t at = from; at < length; at++) {
        if (!added->begins[(unsigned char)text[at]]) continue;
        uint32_t id;
        const size_t n = rk__byte_trie_longest(&added->trie, text + at, length - at, &id);
        if (n > 0) return (rk__added_match){.begin = at, .end = at + n, .id = id};
    }
    return match;
}
