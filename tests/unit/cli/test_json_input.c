// JSON objects of others: what is read, and what is refused with which words.
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "cli/json_input.h"

static void assert_refused(const char *text, size_t length, const char *expected) {
    char reason[CLI_REASON] = "";
    cr_assert_null(cli_json_parse_object(text, length, reason), "'%s' was taken", text);
    cr_assert_str_eq(reason, expected, "'%s': %s", text, reason);
}

Test(json_input, objects) {
    static const char text[] =
        " {\"a\": [1, {\"b\": \"x, y: {[\"}], \"c\": \"\\\\u0000 \\u00e9\"} \r";
    char reason[CLI_REASON];
    cJSON *object = cli_json_parse_object(text, strlen(text), reason);
    cr_assert_not_null(object, "%s", reason);
    cr_assert_str_eq(cJSON_GetObjectItem(object, "c")->valuestring, "\\u0000 \xc3\xa9");
    cr_assert_eq(cJSON_GetArraySize(cJSON_GetObjectItem(object, "a")), 2);
    cJSON_Delete(object);
}

Test(json_input, what_is_no_object) {
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "no JSON from byte 1 on"},
        {"[1]", "no JSON object"},
        {"\"a\"", "no JSON object"},
        {"{\"a\": 1} x", "more behind the object, at byte 9"},
        {"{\"a\": 1}{}", "more behind the object, at byte 9"},
        {"{\"a\" 1}", "no JSON from byte 6 on"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_refused(cases[i].text, strlen(cases[i].text), cases[i].reason);
    }
}

Test(json_input, texts_that_would_be_cut_or_torn) {
    assert_refused("{\"a\": \"b\\u0000c\"}", 17, "byte 9: a text with a zero character");
    assert_refused("{\"a\": \"b\\\\\\u0000\"}", 18, "byte 11: a text with a zero character");
    assert_refused("{\"a\": \"\xc3\"}", 10, "byte 8 is no UTF-8 text");
    assert_refused("{\"a\": \"\xed\xa0\x80\"}", 12, "byte 8 is no UTF-8 text");
    assert_refused("{\"a\"\0: 1}", 9, "byte 5 is no UTF-8 text");
}

// `n` values in an array of an object; release: free.
static char *many_values(size_t n) {
    char *text = malloc(2 * n + 16);
    cr_assert_not_null(text);
    char *at = stpcpy(text, "{\"a\":[0");
    for (size_t i = 1; i < n; i++) at = stpcpy(at, ",0");
    strcpy(at, "]}");
    return text;
}

Test(json_input, too_many_values) {
    // The object, the key's value and the array count, too.
    char reason[CLI_REASON], *most = many_values(99998), *more = many_values(99999);
    cJSON *object = cli_json_parse_object(most, strlen(most), reason);
    cr_assert_not_null(object, "%s", reason);
    cJSON_Delete(object);
    assert_refused(more, strlen(more), "more than 100000 values");
    free(most);
    free(more);
}

Test(json_input, nesting_has_an_end) {
    enum { DEPTH = 50000 };
    char *text = malloc(DEPTH + 8);
    cr_assert_not_null(text);
    memcpy(text, "{\"a\":", 5);
    memset(text + 5, '[', DEPTH);
    text[5 + DEPTH] = '\0';
    char reason[CLI_REASON];
    cr_assert_null(cli_json_parse_object(text, 5 + DEPTH, reason));
    cr_assert_not_null(strstr(reason, "no JSON from byte"), "%s", reason);
    free(text);
}
