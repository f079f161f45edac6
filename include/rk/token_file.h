// Files of token ids, made before by another program: NumPy arrays, and the pair of an .idx and a
// .bin file that models are trained on.
#ifndef RK_TOKEN_FILE_H
#define RK_TOKEN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rk/error.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// Documents of tokens. Constant after it is opened: any number of threads may use one.
typedef struct rk_token_file rk_token_file;

// Is this the beginning of such a file? False for files that cannot be read, too.
bool rk_token_file_recognize(const char *path);

// Opens a .npy file of integers, [tokens] (one document) or [documents][tokens], or an .idx file
// ("MMIDIDX") with the .bin file beside it; which of them, its content says. Nothing is read but
// headers, whatever the size. *out is owned by the caller, NULL on failure. Closing accepts NULL
// and makes *file NULL.
rk_status rk_token_file_open(rk_token_file **out, const char *path, rk_error *err);
void rk_token_file_close(rk_token_file **file);

const char *rk_token_file_kind(const rk_token_file *file); // "npy" or "idx"
// What was opened, and the other file of a pair or NULL. They live as long as the file.
const char *rk_token_file_path(const rk_token_file *file);
const char *rk_token_file_data_path(const rk_token_file *file);

// How many there are.
uint64_t rk_token_file_documents(const rk_token_file *file);

// The number of tokens of a document (< documents). ERR_FORMAT for an index that contradicts itself
// or the data.
rk_status rk_token_file_length(const rk_token_file *file, uint64_t document, uint64_t *n_tokens,
                               rk_error *err);

// Reads the first n tokens of a document, which must have so many. ERR_RANGE for a negative number
// or one above 2^32 - 1, with its place.
rk_status rk_token_file_read(const rk_token_file *file, uint64_t document, size_t n,
                             uint32_t *tokens, rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
