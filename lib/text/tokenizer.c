// Tokenizers: what all kinds have in common, and the way to each kind's functions.
#include "text/tokenizer_internal.h"

rk_status rk_tokenizer_open(rk_tokenizer **out, size_t n_vocab, rk_error *err) {
    *out = NULL;
    if (n_vocab == RK__BYTES_VOCAB) return rk__tokenizer_bytes_open(out, err);
    return rk__fail(err, RK_ERR_UNSUPPORTED,
                    "a vocabulary of %zu tokens needs a file; without one: %d (bytes)", n_vocab,
                    RK__BYTES_VOCAB);
}

void rk_tokenizer_close(rk_tokenizer **tokenizer) {
    rk_tokenizer *self = *tokenizer;
    if (!self) return;
    rk__token_texts_fini(&self->texts);
    self->ops->close(self);
    *tokenizer = NULL;
}

const char *rk_tokenizer_name(const rk_tokenizer *tokenizer) {
    return tokenizer->ops->name;
}

size_t rk_tokenizer_vocabulary(const rk_tokenizer *tokenizer) {
    return tokenizer->n_vocab;
}

rk_status rk_tokenizer_encode(const rk_tokenizer *tokenizer, const char *text, size_t length,
                              uint32_t **tokens, size_t *n_tokens, rk_error *err) {
    *tokens = NULL;
    *n_tokens = 0;
    rk__token_list list = {0};
    // So that the array of an empty text is no NULL either.
    rk_status status = rk__token_list_reserve(&list, 1, err);
    if (status == RK_OK) status = tokenizer->ops->encode(tokenizer, text, length, &list, err);
    if (status != RK_OK) {
        rk__free(list.ids);
        return status;
    }
    *tokens = list.ids;
    *n_tokens = list.count;
    return RK_OK;
}

void rk_tokens_free(uint32_t **tokens) {
    rk__free(*tokens);
    *tokens = NULL;
}

const char *rk_tokenizer_decode(const rk_tokenizer *tokenizer, uint32_t token, size_t *length) {
    return rk__token_texts_get(&tokenizer->texts, token, length);
}

bool rk_tokenizer_has_text(const rk_tokenizer *tokenizer, uint32_t token) {
    return rk__token_texts_has(&tokenizer->texts, token);
}
