// What a kind of tokenizer is made of. Adding one means one file with its rk__tokenizer_ops and its
// way to be opened, and one line in tokenizer_load.c.
#ifndef RK_TOKENIZER_INTERNAL_H
#define RK_TOKENIZER_INTERNAL_H

#include "base/file.h"
#include "rk/tokenizer.h"
#include "text/token_list.h"
#include "text/token_texts.h"

typedef struct rk__tokenizer_ops {
    const char *name;

    // Appends the text's tokens. The list may have grown when it fails.
    rk_status (*encode)(const rk_tokenizer *tokenizer, const char *text, size_t length,
                        rk__token_list *tokens, rk_error *err);

    void (*close)(rk_tokenizer *tokenizer); // releases everything but texts
} rk__tokenizer_ops;

// The first member of every kind's own struct.
struct rk_tokenizer {
    const rk__tokenizer_ops *ops;
    size_t n_vocab; // the model's, where it is known: texts.n_ids or more
    rk__token_texts texts;
};

enum { RK__BYTES_VOCAB = 256 };

// Each opens one kind; *out is NULL on failure.
rk_status rk__tokenizer_bytes_open(rk_tokenizer **out, rk_error *err);
rk_status rk__tokenizer_world_open(rk_tokenizer **out, const rk__file *file, rk_error *err);
rk_status rk__tokenizer_bpe_open(rk_tokenizer **out, const rk__file *file, rk_error *err);

#endif
