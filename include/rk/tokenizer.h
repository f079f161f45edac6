// Tokenizers: bytes to token ids and back. Three kinds are known: bytes; the World vocabulary of
// RWKV models (rwkv_vocab_v20230424.txt); byte-pair encoding from a Hugging Face tokenizer.json, as
// the 20B vocabulary of the older RWKV-4 models (20B_tokenizer.json).
#ifndef RK_TOKENIZER_H
#define RK_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rk/error.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// Constant after it is opened: any number of threads may use one.
typedef struct rk_tokenizer rk_tokenizer;

// The tokenizer that needs no file: a vocabulary of 256 tokens is bytes. ERR_UNSUPPORTED, naming
// the size, for any other. *out is owned by the caller; NULL on failure.
rk_status rk_tokenizer_open(rk_tokenizer **out, size_t n_vocab, rk_error *err);

// Reads a vocabulary file, a World vocabulary or a tokenizer.json, recognised by its content. It
// must have a token for every byte (a tokenizer.json: every byte that occurs in UTF-8), so that any
// text can be encoded. What a tokenizer.json asks for and is not done here (other models,
// normalizers and pre-tokenizers) is ERR_UNSUPPORTED, by name.
rk_status rk_tokenizer_load(rk_tokenizer **out, const char *path, rk_error *err);

// The tokenizer for a model with n_vocab tokens. The first of these that there is:
//   1. chosen, when it is neither NULL nor empty: a vocabulary file, a directory of them, or the
//      word "bytes";
//   2. bytes, for 256 tokens;
//   3. a file with the usual name beside the model (or in it, when model_path is a directory; it
//      may be NULL);
//   4. the environment variable RWKV_TOKENIZER: a vocabulary file, or a directory of them.
// The usual name follows from n_vocab: rwkv_vocab_v20230424.txt for 65529 .. 65536 tokens,
// 20B_tokenizer.json or tokenizer.json for 50277 .. 50304, tokenizer.json for other sizes; n_vocab
// 0 means that there is no model, and stands for all of these names, in this order.
// A file that is there but broken is an error, and not passed over. So is one that does not fit
// (ERR_MISMATCH): one with more ids than the model, or one of another kind than n_vocab calls for
// that RWKV_TOKENIZER names. When there is none, ERR_NOT_FOUND lists what was tried.
// rk_tokenizer_vocabulary is then n_vocab: ids that the file does not have stand for no text.
rk_status rk_tokenizer_find(rk_tokenizer **out, size_t n_vocab, const char *model_path,
                            const char *chosen, rk_error *err);

// NULL is fine; *tokenizer becomes NULL.
void rk_tokenizer_close(rk_tokenizer **tokenizer);

const char *rk_tokenizer_name(const rk_tokenizer *tokenizer); // "bytes", "world" or "bpe"

// Number of tokens; ids are smaller. Not every one of them need stand for a text.
size_t rk_tokenizer_vocabulary(const rk_tokenizer *tokenizer);

// Encodes any bytes, zeros and invalid UTF-8 included. *tokens gets a new array of *n_tokens ids
// that the caller releases with rk_tokens_free: never NULL on success, also for an empty text; NULL
// and 0 on failure.
// The tokens' texts, one after another, are the text again. "bpe" files may ask for Unicode's
// normalization form C, and then it is that form of it. Bytes that are no UTF-8 are kept as they
// are: a run of them is cut from the text around it, which is encoded as if it ended and began
// there, and becomes tokens by merging its bytes. A "bpe" vocabulary need not have tokens for bytes
// that occur in no UTF-8 (0xc0, 0xc1, 0xf5 .. 0xff), and the 20B one has none: a text with such a
// byte is ERR_RANGE, with the byte and its offset.
rk_status rk_tokenizer_encode(const rk_tokenizer *tokenizer, const char *text, size_t length,
                              uint32_t **tokens, size_t *n_tokens, rk_error *err);

// NULL is fine; *tokens becomes NULL.
void rk_tokens_free(uint32_t **tokens);

// The bytes of one token, as a view that lives as long as the tokenizer; not terminated. Never
// NULL; *length is 0 for ids that stand for no text or do not exist.
const char *rk_tokenizer_decode(const rk_tokenizer *tokenizer, uint32_t token, size_t *length);

// Does the id stand for a text? World's id 0, the end of a document, and the ids between the end of
// the vocabulary and the end of the logits do not, and should not be drawn as if they did.
bool rk_tokenizer_has_text(const rk_tokenizer *tokenizer, uint32_t token);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
