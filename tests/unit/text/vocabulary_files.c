// Vocabulary files for tests.
#include "vocabulary_files.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "support/scratch.h"

const char *changed_file(const char *source, const char *find, const char *replacement) {
    size_t size;
    unsigned char *data = test_read_file(source, &size);
    cr_assert_not_null(data, "%s", source);
    const unsigned char *place = memmem(data, size, find, strlen(find));
    cr_assert_not_null(place, "'%s' is not in %s", find, source);
    const size_t before = (size_t)(place - data), after = size - before - strlen(find);
    char *changed = malloc(size + strlen(replacement));
    cr_assert_not_null(changed);
    memcpy(changed, data, before);
    memcpy(changed + before, replacement, strlen(replacement));
    memcpy(changed + before + strlen(replacement), place + strlen(find), after);
    const char *path = made_file("changed", changed, before + strlen(replacement) + after);
    free(changed);
    free(data);
    return path;
}

const char *made_file(const char *name, const void *bytes, size_t size) {
    const char *path = test_scratch_path(name);
    cr_assert(test_write_file(path, bytes, size), "%s", path);
    return path;
}

rk_tokenizer *load_vocabulary(const char *path) {
    rk_tokenizer *tokenizer = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_tokenizer_load(&tokenizer, path, &err), RK_OK, "%s", err.message);
    cr_assert_not_null(tokenizer);
    return tokenizer;
}

void check_refused(const char *path, rk_status status, const char *part) {
    rk_tokenizer *tokenizer = (rk_tokenizer *)&tokenizer;
    rk_error err = {0};
    const rk_status found = rk_tokenizer_load(&tokenizer, path, &err);
    cr_assert_eq(found, status, "%s instead of %s (%s): %s", rk_status_name(found),
                 rk_status_name(status), part, err.message);
    cr_assert_eq(err.code, status);
    cr_assert_null(tokenizer);
    cr_assert_eq(strncmp(err.message, path, strlen(path)), 0, "%s", err.message);
    cr_assert_not_null(strstr(err.message, part), "'%s' is not in: %s", part, err.message);
    cr_assert_null(strchr(err.message, '\n'));
}

char *decode_all(const rk_tokenizer *tokenizer, const uint32_t *tokens, size_t n, size_t *length) {
    size_t capacity = 1;
    *length = 0;
    for (size_t i = 0; i < n; i++) {
        size_t piece;
        rk_tokenizer_decode(tokenizer, tokens[i], &piece);
        capacity += piece;
    }
    char *text = malloc(capacity);
    cr_assert_not_null(text);
    for (size_t i = 0; i < n; i++) {
        size_t piece;
        const char *bytes = rk_tokenizer_decode(tokenizer, tokens[i], &piece);
        cr_assert_eq(rk_tokenizer_has_text(tokenizer, tokens[i]), piece > 0);
        memcpy(text + *length, bytes, piece);
        *length += piece;
    }
    return text;
}

bool survives(const rk_tokenizer *tokenizer, const char *text, size_t length) {
    uint32_t *tokens;
    size_t n_tokens, decoded_length;
    rk_error err = {0};
    cr_assert_eq(rk_tokenizer_encode(tokenizer, text, length, &tokens, &n_tokens, &err), RK_OK,
                 "%s", err.message);
    for (size_t i = 0; i < n_tokens; i++) {
        cr_assert_lt(tokens[i], rk_tokenizer_vocabulary(tokenizer));
    }
    char *decoded = decode_all(tokenizer, tokens, n_tokens, &decoded_length);
    const bool same = decoded_length == length && memcmp(decoded, text, length) == 0;
    free(decoded);
    rk_tokens_free(&tokens);
    return same;
}

void check_ids(const rk_tokenizer *tokenizer, const char *text, size_t length, const uint32_t *ids,
               size_t n_ids, const char *decoded) {
    uint32_t *tokens;
    size_t n_tokens, decoded_length;
    rk_error err = {0};
    cr_assert_eq(rk_tokenizer_encode(tokenizer, text, length, &tokens, &n_tokens, &err), RK_OK,
                 "%s", err.message);
    for (size_t i = 0; i < n_tokens && i < n_ids; i++) {
        cr_assert_eq(tokens[i], ids[i], "token %zu of '%s' is %u instead of %u", i, text, tokens[i],
                     ids[i]);
    }
    cr_assert_eq(n_tokens, n_ids, "'%s' has %zu tokens instead of %zu", text, n_tokens, n_ids);

    const size_t expected_length = decoded ? strlen(decoded) : length;
    char *found = decode_all(tokenizer, tokens, n_tokens, &decoded_length);
    cr_assert_eq(decoded_length, expected_length, "'%s'", text);
    cr_assert_eq(memcmp(found, decoded ? decoded : text, expected_length), 0, "'%s'", text);
    free(found);
    rk_tokens_free(&tokens);
}
