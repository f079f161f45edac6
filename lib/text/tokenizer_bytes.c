// The tokenizer of models with 256 tokens: a token is a byte's value.
#include "text/tokenizer_internal.h"

static rk_status encode(const rk_tokenizer *tokenizer, const char *text, size_t length,
                        rk__token_list *tokens, rk_error *err) {
    (void)tokenizer;
    RK_TRY(rk__token_list_reserve(tokens, length, err));
    uint32_t *ids = tokens->ids + tokens->count;
    for (size_t i = 0; i < length; i++) ids[i] = (unsigned char)text[i];
    tokens->count += length;
    return RK_OK;
}

static void close_bytes(rk_tokenizer *tokenizer) {
    rk__free(tokenizer);
}

static const rk__tokenizer_ops ops = {.name = "bytes", .encode = encode, .close = close_bytes};

rk_status rk__tokenizer_bytes_open(rk_tokenizer **out, rk_error *err) {
    *out = NULL;
    void *memory;
    RK_TRY(rk__alloc(&memory, 1, sizeof(rk_tokenizer), err));
    rk_tokenizer *self = memory;
    *self = (rk_tokenizer){.ops = &ops, .n_vocab = RK__BYTES_VOCAB};
    rk_status status = RK_OK;
    for (uint32_t value = 0; status == RK_OK && value < RK__BYTES_VOCAB; value++) {
        const char byte = (char)value;
        status = rk__token_texts_add(&self->texts, value, &byte, 1, err);
    }
    if (status != RK_OK) rk_tokenizer_close(&self);
    *out = self;
    return status;
}
