// Vocabulary files for tests: the made-up ones of tests/data/tokenizer, and what becomes of them
// when a part is replaced.
#ifndef TEST_VOCABULARY_FILES_H
#define TEST_VOCABULARY_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "rk/tokenizer.h"

#define TINY_WORLD RK_TEST_DATA "/tokenizer/tiny_world.txt"
#define TINY_BPE   RK_TEST_DATA "/tokenizer/tiny_bpe.json"

// The path of a new scratch file: `source` with the first `find`, which must be there, replaced.
const char *changed_file(const char *source, const char *find, const char *replacement);

// The path of a new scratch file with these bytes.
const char *made_file(const char *name, const void *bytes, size_t size);

// Loads a file that must be fine.
rk_tokenizer *load_vocabulary(const char *path);

// The file must be refused with this status, and a one-line message that begins with its path and
// has `part` in it.
void check_refused(const char *path, rk_status status, const char *part);

// Encodes `text` and checks the ids; then decodes them and checks that the text comes out, unless
// `decoded` says what else should.
void check_ids(const rk_tokenizer *tokenizer, const char *text, size_t length, const uint32_t *ids,
               size_t n_ids, const char *decoded);

// Does the text come out of decoding its encoding?
bool survives(const rk_tokenizer *tokenizer, const char *text, size_t length);

// The texts of tokens, one after another; release with free.
char *decode_all(const rk_tokenizer *tokenizer, const uint32_t *tokens, size_t n, size_t *length);

#endif
