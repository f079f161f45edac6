// JSON output: exact integers, doubles that read back, clean text.
#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_output.h"

// Compares the object without blanks, and releases it.
static void assert_json(cJSON *object, const char *expected) {
    char *text = cJSON_PrintUnformatted(object);
    cr_assert_str_eq(text, expected);
    cJSON_free(text);
    cJSON_Delete(object);
}

Test(json_output, integers_are_exact_to_64_bits) {
    cJSON *object = cli_json_new(3);
    cli_json_add_size(object, "most", UINT64_MAX);
    cli_json_add_size(object, "odd", 9007199254740993u); // 2^53 + 1
    assert_json(object, "{\"schema\":3,\"most\":18446744073709551615,\"odd\":9007199254740993}");
}

Test(json_output, what_is_no_number_is_null) {
    cJSON *object = cli_json_new(1);
    cli_json_add_number(object, "a", (double)NAN);
    cli_json_add_number(object, "b", -(double)INFINITY);
    cli_json_add_number(object, "c", 0.1);
    cli_json_add_text(object, "d", NULL);
    assert_json(object, "{\"schema\":1,\"a\":null,\"b\":null,\"c\":0.1,\"d\":null}");
}

Test(json_output, text_is_escaped_and_repaired) {
    cJSON *object = cli_json_new(1);
    cli_json_add_text(object, "t", "a\"\\\n\xff\xe2\x82\xac");
    assert_json(object, "{\"schema\":1,\"t\":\"a\\\"\\\\\\n\xef\xbf\xbd\xe2\x82\xac\"}");
}

static void assert_quoted(const char *text, size_t length, const char *expected, bool exact) {
    bool is_exact = !exact;
    char *quoted = cli_json_quote(text, length, &is_exact);
    cr_assert_str_eq(quoted, expected);
    cr_assert_eq(is_exact, exact, "%s", expected);
    free(quoted);
}

Test(json_output, bytes_may_be_zeros_and_cut_anywhere) {
    assert_quoted("", 0, "\"\"", true);
    assert_quoted("a\0b", 3, "\"a\\u0000b\"", true);
    assert_quoted("\"\\\n\t\x7f/", 6, "\"\\\"\\\\\\n\\u0009\\u007f/\"", true);
    assert_quoted("\xe2\x82\xac", 3, "\"\xe2\x82\xac\"", true);
    // The third byte is there, but does not belong to the text.
    assert_quoted("\xe2\x82\xac", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"", false);
    assert_quoted("x\xff", 2, "\"x\xef\xbf\xbd\"", false);
}

Test(json_output, shapes_are_arrays) {
    cJSON *object = cli_json_new(1);
    cli_json_add_shape(object, "scalar", &(rk_shape){0});
    cli_json_add_shape(object, "matrix", &(rk_shape){.n_dims = 2, .dims = {3, SIZE_MAX}});
    assert_json(object, "{\"schema\":1,\"scalar\":[],\"matrix\":[3,18446744073709551615]}");
}

// A generator good enough to reach every exponent; the seed is fixed so that a failure repeats.
static uint64_t next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

Test(json_output, doubles_read_back_as_themselves) {
    uint64_t state = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        const uint64_t bits = next(&state);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        char text[CLI_NUMBER_TEXT];
        const double again = strtod(cli_double_format(text, value), NULL);
        cr_assert_eq(memcmp(&again, &value, sizeof value), 0, "%a became %s", value, text);
    }
}

Test(json_output, floats_read_back_as_themselves) {
    uint64_t state = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        const uint32_t bits = (uint32_t)next(&state);
        float value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        char text[CLI_NUMBER_TEXT];
        const float again = strtof(cli_float_format(text, value), NULL);
        cr_assert_eq(memcmp(&again, &value, sizeof value), 0, "%a became %s", (double)value, text);
    }
}

Test(json_output, short_numbers_stay_short) {
    char text[CLI_NUMBER_TEXT];
    cr_assert_str_eq(cli_double_format(text, 0.3), "0.3");
    cr_assert_str_eq(cli_float_format(text, 0.3f), "0.3");
    cr_assert_str_eq(cli_double_format(text, 1.0 / 3.0), "0.3333333333333333");
    cr_assert_str_eq(cli_double_format(text, -0.0), "-0");
}
