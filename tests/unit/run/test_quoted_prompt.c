// Prompts as --print-prompt shows them.
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/quoted_prompt.h"

static void check(const char *vocabulary, const char *text, size_t length, const char *expected) {
    rk_tokenizer *tokenizer;
    rk_error err = {0};
    const rk_status status = vocabulary != NULL ? rk_tokenizer_load(&tokenizer, vocabulary, &err)
                                                : rk_tokenizer_open(&tokenizer, 256, &err);
    cr_assert_eq(status, RK_OK, "%s", err.message);
    char *quoted;
    size_t n;
    FILE *out = open_memstream(&quoted, &n);
    cr_assert_eq(quoted_prompt_print(out, tokenizer, text, length, &err), RK_OK, "%s", err.message);
    fclose(out);
    cr_assert_str_eq(quoted, expected);
    free(quoted);
    rk_tokenizer_close(&tokenizer);
}

#define CHECK(vocabulary, text, expected) check(vocabulary, text, sizeof(text) - 1, expected)

Test(quoted_prompt, nothing_is_hidden) {
    CHECK(NULL, "User: a\n\nb: ", "\"User: a\\n\"\n\"\\n\"\n\"b: \"\n");
    CHECK(NULL, "\t\"\\n\"\r\0\x7f", "\"\\t\\\"\\\\n\\\"\\x0d\\x00\\x7f\"\n");
    CHECK(NULL, "\xc3\xa4\xe6\x97\xa5 \xff\xc3", "\"\xc3\xa4\xe6\x97\xa5 \\xff\\xc3\"\n");
    CHECK(NULL, "\xc2\x9b\xc2\xa0", "\"\\xc2\\x9b\xc2\xa0\"\n");
    CHECK(NULL, "\n", "\"\\n\"\n");
}

Test(quoted_prompt, no_text_is_a_token_too) {
    CHECK(NULL, "", "(token 0: there is no text)\n");
}

Test(quoted_prompt, tokens_that_are_no_text_stand_out) {
    static const char tiny[] = RK_TEST_DATA "/tokenizer/tiny_bpe.json";
    CHECK(tiny, "a\n<|end|>b<|end|>", "\"a\\n\"\n<|end|> (token 0)\n\"b\"\n<|end|> (token 0)\n");
    // Characters that are cut into several tokens are whole here.
    CHECK(tiny, "<|end|>\xe6\x97\xa5<|end", "<|end|> (token 0)\n\"\xe6\x97\xa5<|end\"\n");
    // Without such tokens it is a text.
    CHECK(NULL, "<|end|>", "\"<|end|>\"\n");
}
