// Tokenizers: which one a vocabulary gets, and the one whose tokens are bytes.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "rk/tokenizer.h"

static rk_tokenizer *open_bytes(void) {
    rk_tokenizer *tokenizer = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_tokenizer_open(&tokenizer, 256, &err), RK_OK, "%s", err.message);
    cr_assert_not_null(tokenizer);
    return tokenizer;
}

Test(tokenizer, has_a_name_and_a_size) {
    rk_tokenizer *tokenizer = open_bytes();
    cr_assert_str_eq(rk_tokenizer_name(tokenizer), "bytes");
    cr_assert_eq(rk_tokenizer_vocabulary(tokenizer), 256);
    rk_tokenizer_close(&tokenizer);
    cr_assert_null(tokenizer);
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer, every_byte_is_its_own_token) {
    rk_tokenizer *tokenizer = open_bytes();
    char text[512];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 7);

    uint32_t *tokens = NULL;
    size_t n_tokens = 0;
    cr_assert_eq(rk_tokenizer_encode(tokenizer, text, sizeof text, &tokens, &n_tokens, NULL),
                 RK_OK);
    cr_assert_eq(n_tokens, sizeof text);
    for (size_t i = 0; i < n_tokens; i++) {
        cr_assert_eq(tokens[i], i * 7 % 256, "token %zu is %u", i, tokens[i]);
        size_t length = 0;
        const char *bytes = rk_tokenizer_decode(tokenizer, tokens[i], &length);
        cr_assert_eq(length, 1);
        cr_assert_eq(bytes[0], text[i]);
    }
    rk_tokens_free(&tokens);
    cr_assert_null(tokens);
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer, views_of_tokens_stay_valid) {
    rk_tokenizer *tokenizer = open_bytes();
    size_t length;
    const char *a = rk_tokenizer_decode(tokenizer, 'a', &length);
    const char *b = rk_tokenizer_decode(tokenizer, 'b', &length);
    cr_assert_eq(*a, 'a');
    cr_assert_eq(*b, 'b');
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer, an_empty_text_has_no_tokens) {
    rk_tokenizer *tokenizer = open_bytes();
    uint32_t *tokens = NULL;
    size_t n_tokens = 99;
    cr_assert_eq(rk_tokenizer_encode(tokenizer, "", 0, &tokens, &n_tokens, NULL), RK_OK);
    cr_assert_eq(n_tokens, 0);
    cr_assert_not_null(tokens);
    rk_tokens_free(&tokens);
    rk_tokens_free(&tokens);
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer, a_text_that_memory_cannot_hold_is_an_error) {
    rk_tokenizer *tokenizer = open_bytes();
    uint32_t *tokens = (uint32_t[]){0};
    size_t n_tokens = 99;
    rk_error err = {0};
    // The size alone decides: nothing may be read.
    cr_assert_eq(rk_tokenizer_encode(tokenizer, "x", SIZE_MAX / 2, &tokens, &n_tokens, &err),
                 RK_ERR_MEMORY);
    cr_assert_eq(err.code, RK_ERR_MEMORY);
    cr_assert_null(tokens);
    cr_assert_eq(n_tokens, 0);
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer, tokens_that_do_not_exist_have_no_text) {
    rk_tokenizer *tokenizer = open_bytes();
    static const uint32_t beyond[] = {256, 65535, UINT32_MAX};
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        size_t length = 99;
        cr_assert_not_null(rk_tokenizer_decode(tokenizer, beyond[i], &length));
        cr_assert_eq(length, 0);
        cr_assert_not(rk_tokenizer_has_text(tokenizer, beyond[i]));
    }
    cr_assert(rk_tokenizer_has_text(tokenizer, 0));
    cr_assert(rk_tokenizer_has_text(tokenizer, 255));
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer, other_vocabularies_are_refused_by_their_size) {
    static const size_t sizes[] = {0, 1, 255, 257, 50277, 65536, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        rk_tokenizer *tokenizer = (rk_tokenizer *)&tokenizer;
        rk_error err = {0};
        cr_assert_eq(rk_tokenizer_open(&tokenizer, sizes[i], &err), RK_ERR_UNSUPPORTED);
        cr_assert_null(tokenizer);
        char expected[96];
        snprintf(expected, sizeof expected,
                 "vocabulary of %zu tokens needs a file; without one: 256", sizes[i]);
        cr_assert_not_null(strstr(err.message, expected), "%s", err.message);
    }
}
