// The vocabularies that people have, which are not in the tree: World and 20B, as
// scripts/get-tokenizers fetches them to the directory that RWKV_TOKENIZER names. Their ids for the
// sample text must be those that the Python packages made (tests/data/tokenizer), and what is
// encoded must come back.
//
// usage: check_vocabularies [SEED]
//
// Exit code 77: a vocabulary is not there.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "rk/tokenizer.h"
#include "support/scratch.h"
#include "text/utf8_write.h"

enum { FUZZ_BYTES = 10 << 20, CHUNK_BYTES = 1 << 20, SKIPPED = 77 };

#define DATA RK_TEST_DATA "/tokenizer/"

static void fail(const char *what, const char *message) {
    printf("%s: %s\n", what, message);
    exit(1);
}

static char *read_text(const char *path, size_t *size) {
    char *text = (char *)test_read_file(path, size);
    if (!text) fail(path, "cannot be read");
    return text;
}

static uint32_t *encode(const rk_tokenizer *tokenizer, const char *text, size_t length, size_t *n) {
    uint32_t *tokens;
    rk_error err = {0};
    if (rk_tokenizer_encode(tokenizer, text, length, &tokens, n, &err) != RK_OK) {
        fail(rk_tokenizer_name(tokenizer), err.message);
    }
    return tokens;
}

// A file of ids with blanks between them, as text.
static uint32_t *read_ids(const char *path, size_t *n) {
    size_t size;
    char *text = read_text(path, &size);
    uint32_t *ids = malloc((size + 1) * sizeof *ids);
    if (!ids) fail(path, "out of memory");
    text[size] = '\0';
    *n = 0;
    char *end;
    for (char *at = text;; at = end) {
        const unsigned long id = strtoul(at, &end, 10);
        if (end == at) break;
        ids[(*n)++] = (uint32_t)id;
    }
    free(text);
    return ids;
}

static void check_sample(const rk_tokenizer *tokenizer, const char *ids_path) {
    size_t length, n, n_expected;
    char *text = read_text(DATA "sample.txt", &length);
    uint32_t *tokens = encode(tokenizer, text, length, &n);
    uint32_t *expected = read_ids(ids_path, &n_expected);
    for (size_t i = 0; i < n && i < n_expected; i++) {
        if (tokens[i] == expected[i]) continue;
        printf("token %zu is %u instead of %u\n", i, tokens[i], expected[i]);
        fail(ids_path, "other ids are expected");
    }
    if (n != n_expected) fail(ids_path, "another number of ids is expected");
    printf("%s: %zu ids as expected\n", rk_tokenizer_name(tokenizer), n);
    free(expected);
    rk_tokens_free(&tokens);
    free(text);
}

// The texts of the tokens must be these bytes.
static void check_decoded(const rk_tokenizer *tokenizer, const uint32_t *tokens, size_t n,
                          const char *expected, size_t length, const char *what) {
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t piece;
        const char *bytes = rk_tokenizer_decode(tokenizer, tokens[i], &piece);
        if (piece > length - at || memcmp(bytes, expected + at, piece) != 0) {
            fail(what, "what is decoded is not what was encoded");
        }
        at += piece;
    }
    if (at != length) fail(what, "bytes are missing at the end");
}

static void check_world_round_trip(const rk_tokenizer *tokenizer, const char *text, size_t length,
                                   const char *what) {
    size_t n;
    uint32_t *tokens = encode(tokenizer, text, length, &n);
    check_decoded(tokenizer, tokens, n, text, length, what);
    rk_tokens_free(&tokens);
}

// The same, but what comes back is the text's form C.
static void check_20b_round_trip(const rk_tokenizer *tokenizer, const char *text, size_t length,
                                 const char *what) {
    utf8proc_uint8_t *normalized = NULL;
    const utf8proc_ssize_t normalized_length =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &normalized,
                     UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (normalized_length < 0) fail(what, "utf8proc does not take the text");
    size_t n;
    uint32_t *tokens = encode(tokenizer, text, length, &n);
    check_decoded(tokenizer, tokens, n, (const char *)normalized, (size_t)normalized_length, what);
    rk_tokens_free(&tokens);
    free(normalized);
}

static size_t random_bytes(char *text) {
    for (size_t i = 0; i < CHUNK_BYTES; i++) text[i] = (char)(rand() >> 8);
    return CHUNK_BYTES;
}

// Characters of ASCII, of small alphabets, and of all. Not U+11A7, which utf8proc 2.8 loses.
static size_t random_unicode(char *text) {
    static const uint32_t limits[] = {0x80, 0x250, 0x3100, 0x10000, 0x20000, 0x110000};
    size_t length = 0;
    while (length + RK__UTF8_MOST <= CHUNK_BYTES) {
        const uint32_t limit = limits[rand() % 6];
        const uint32_t code = (uint32_t)rand() % limit;
        if (code != 0x11a7) length += rk__utf8_write(text + length, code);
    }
    return length;
}

typedef void (*check_fn)(const rk_tokenizer *tokenizer, const char *text, size_t length,
                         const char *what);
typedef size_t (*make_fn)(char *text); // [CHUNK_BYTES]

static void check_random(const rk_tokenizer *tokenizer, make_fn make, check_fn check,
                         const char *what) {
    char *text = malloc(CHUNK_BYTES);
    if (!text) fail(what, "out of memory");
    size_t total = 0;
    while (total < FUZZ_BYTES) {
        const size_t length = make(text);
        check(tokenizer, text, length, what);
        total += length;
    }
    printf("%s: %zu bytes of %s come back\n", rk_tokenizer_name(tokenizer), total, what);
    free(text);
}

static bool has_bytes(const rk_tokenizer *tokenizer, uint32_t token, const char *expected) {
    size_t length;
    const char *bytes = rk_tokenizer_decode(tokenizer, token, &length);
    return length == strlen(expected) && memcmp(bytes, expected, length) == 0;
}

// NULL when the file is not there.
static rk_tokenizer *find(size_t n_vocab) {
    rk_tokenizer *tokenizer = NULL;
    rk_error err = {0};
    const rk_status status = rk_tokenizer_find(&tokenizer, n_vocab, NULL, NULL, &err);
    if (status == RK_OK) return tokenizer;
    if (status != RK_ERR_NOT_FOUND) fail("rk_tokenizer_find", err.message);
    printf("skipped: %s\n", err.message);
    return NULL;
}

static bool check_world(void) {
    rk_tokenizer *world = find(65536);
    if (!world) return false;
    if (!has_bytes(world, 11, "\n") || !has_bytes(world, 261, "\n\n")) fail("World", "line ends");
    if (rk_tokenizer_has_text(world, 0) || !rk_tokenizer_has_text(world, 65529) ||
        rk_tokenizer_has_text(world, 65530) || rk_tokenizer_vocabulary(world) != 65536) {
        fail("World", "the ends of the vocabulary are not where they should be");
    }
    check_sample(world, DATA "sample_world_ids.txt");
    check_random(world, random_bytes, check_world_round_trip, "random bytes");
    check_random(world, random_unicode, check_world_round_trip, "random Unicode");
    rk_tokenizer_close(&world);
    return true;
}

static bool check_20b(void) {
    rk_tokenizer *old = find(50277);
    if (!old) return false;
    if (!has_bytes(old, 0, "<|endoftext|>") || !has_bytes(old, 187, "\n")) fail("20B", "texts");
    check_sample(old, DATA "sample_20B_ids.txt");
    check_random(old, random_unicode, check_20b_round_trip, "random Unicode");
    rk_tokenizer_close(&old);
    return true;
}

int main(int argc, char **argv) {
    const unsigned seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20230424;
    printf("seed %u\n", seed);
    srand(seed);
    const bool world = check_world(), old = check_20b();
    return world && old ? 0 : SKIPPED;
}
