// Fuzz target: vocabulary files. One that loads must be able to encode: the file itself, of which
// the same text comes out again.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/tokenizer.h"

// cJSON takes up to 150 bytes for a value, which may be two bytes long.
static size_t memory_limit(size_t file_size) {
    return probe_memory_limit(file_size) + 150 * file_size;
}

typedef struct token_ids {
    uint32_t *ids;
    size_t n;
} token_ids;

typedef struct text {
    char *bytes;
    size_t length;
} text;

// False when the tokenizer refuses the text.
static bool encode(const rk_tokenizer *tokenizer, text t, token_ids *out) {
    rk_error err = {0};
    const rk_status status =
        rk_tokenizer_encode(tokenizer, t.bytes, t.length, &out->ids, &out->n, &err);
    if (status == RK_OK) return true;
    probe_error(status, &err);
    fuzz_require(out->ids == NULL && out->n == 0, "a failure gives no ids");
    return false;
}

static size_t decoded_length(const rk_tokenizer *tokenizer, token_ids tokens) {
    size_t length = 0;
    for (size_t i = 0; i < tokens.n; i++) {
        size_t piece;
        rk_tokenizer_decode(tokenizer, tokens.ids[i], &piece);
        fuzz_require(piece > 0 && rk_tokenizer_has_text(tokenizer, tokens.ids[i]), "ids have text");
        length += piece;
    }
    return length;
}

static text decode(const rk_tokenizer *tokenizer, token_ids tokens) {
    text t = {.bytes = malloc(decoded_length(tokenizer, tokens) + 1)};
    if (!t.bytes) abort();
    for (size_t i = 0; i < tokens.n; i++) {
        size_t piece;
        const char *bytes = rk_tokenizer_decode(tokenizer, tokens.ids[i], &piece);
        memcpy(t.bytes + t.length, bytes, piece);
        t.length += piece;
    }
    return t;
}

static bool is_same(text a, text b) {
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

// Normalization may change a text, but only once.
static void check_round_trip(const rk_tokenizer *tokenizer, text original) {
    token_ids tokens, again;
    if (!encode(tokenizer, original, &tokens)) return;
    text decoded = decode(tokenizer, tokens);
    const bool world = strcmp(rk_tokenizer_name(tokenizer), "world") == 0;
    fuzz_require(!world || is_same(decoded, original), "what is encoded comes back");

    fuzz_require(encode(tokenizer, decoded, &again), "what comes out can be encoded");
    text decoded_again = decode(tokenizer, again);
    fuzz_require(is_same(decoded_again, decoded), "what came out comes back");
    free(decoded_again.bytes);
    free(decoded.bytes);
    rk_tokens_free(&again.ids);
    rk_tokens_free(&tokens.ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rk_error err = {0};
    rk_tokenizer *tokenizer = NULL;
    memory_watch_begin();
    const rk_status status = rk_tokenizer_load(&tokenizer, fuzz_file(data, size), &err);
    const size_t peak = memory_watch_peak();
    fuzz_require((status == RK_OK) == (tokenizer != NULL), "a tokenizer or an error");
    fuzz_require(peak <= memory_limit(size), "loading takes memory in proportion to the file");
    if (status == RK_OK) {
        fuzz_require(rk_tokenizer_vocabulary(tokenizer) > 0, "there are tokens");
        check_round_trip(tokenizer, (text){(char *)data, size});
    } else {
        probe_error(status, &err);
    }
    rk_tokenizer_close(&tokenizer);
    return 0;
}
