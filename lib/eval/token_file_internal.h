// What the files of a token file share: a run of integers somewhere in a file.
#ifndef RK_EVAL_TOKEN_FILE_INTERNAL_H
#define RK_EVAL_TOKEN_FILE_INTERNAL_H

#include "base/file.h"
#include "rk/token_file.h"

// How an integer lies in a file.
typedef struct rk__integer_type {
    unsigned char width; // 1, 2, 4 or 8 bytes
    bool is_signed, big_endian;
} rk__integer_type;

// Sizes of the index of a pair, all checked against the files.
typedef struct rk__pair_index {
    uint64_t n_sequences, n_boundaries;   // the latter one more than there are documents
    uint64_t sizes, pointers, boundaries; // where these arrays begin
} rk__pair_index;

struct rk_token_file {
    rk__file file; // the .npy or .idx
    rk__file data; // the .bin
    bool is_pair;
    rk__integer_type type;
    uint64_t n_documents;
    uint64_t first, row_length; // of a .npy: where the numbers begin, tokens of a document
    rk__pair_index index;
};

// Reads n integers from `offset` on. `document` and `position` (of the first one) are for messages.
rk_status rk__integers_read(const rk__file *file, rk__integer_type type, uint64_t offset, size_t n,
                            uint32_t *out, uint64_t document, uint64_t position, rk_error *err);

bool rk__pair_recognize(const rk__file *file);
rk_status rk__pair_open(rk_token_file *file, rk_error *err);
rk_status rk__pair_length(const rk_token_file *file, uint64_t document, uint64_t *n_tokens,
                          rk_error *err);
rk_status rk__pair_read(const rk_token_file *file, uint64_t document, size_t n, uint32_t *tokens,
                        rk_error *err);

#endif
