// Python literals, one by one; what the vocabulary reader says about them is in
// test_tokenizer_world.c.
#include <criterion/criterion.h>
#include <string.h>

#include "text/python_literal.h"

typedef struct example {
    const char *literal; // and something behind it, which is not looked at
    size_t length;
    const char *bytes;
    size_t n_bytes;
} example;

#define BYTES(literal) (literal), sizeof(literal) - 1

static const example examples[] = {
    {"'' 0", 2, BYTES("")},
    {"\"\"", 2, BYTES("")},
    {"b''", 3, BYTES("")},
    {"'a\"b'", 5, BYTES("a\"b")},
    {"\"a'b\"", 5, BYTES("a'b")},
    {"'a' 'b'", 3, BYTES("a")},
    {"'\\\\'", 4, BYTES("\\")},
    {"'\\'\\\"'", 6, BYTES("'\"")},
    {"'\\a\\b\\f\\n\\r\\t\\v'", 16, BYTES("\a\b\f\n\r\t\v")},
    {"'\\0\\01\\012\\0123'", 16, BYTES("\0\1\n\n3")},
    {"'\\377'", 6, BYTES("\xc3\xbf")},
    {"b'\\377'", 7, BYTES("\xff")},
    {"B'\\xfF'", 7, BYTES("\xff")},
    {"'\\xe9'", 6, BYTES("\xc3\xa9")},
    {"'\\x00'", 6, BYTES("\0")},
    {"'\\uFFFD\\uabcd'", 14, BYTES("\xef\xbf\xbd\xea\xaf\x8d")},
    {"'\\U0010ffff'", 12, BYTES("\xf4\x8f\xbf\xbf")},
    {"'\xe4\xb8\xad'", 5, BYTES("\xe4\xb8\xad")},
    {"b'\\\\u0041'", 10, BYTES("\\u0041")},
};

Test(python_literal, stands_for_its_bytes) {
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const example *e = &examples[i];
        char bytes[32];
        const rk__python_literal found =
            rk__python_literal_read(e->literal, strlen(e->literal), bytes);
        cr_assert_null(found.problem, "%s %s", e->literal, found.problem);
        cr_assert_eq(found.length, e->length, "%s", e->literal);
        cr_assert_eq(found.n_bytes, e->n_bytes, "%s", e->literal);
        cr_assert_eq(memcmp(bytes, e->bytes, e->n_bytes), 0, "%s", e->literal);
    }
}

Test(python_literal, cut_anywhere_it_is_none) {
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        for (size_t length = 0; length < examples[i].length; length++) {
            char bytes[32];
            const rk__python_literal found =
                rk__python_literal_read(examples[i].literal, length, bytes);
            cr_assert_not_null(found.problem, "%.*s", (int)length, examples[i].literal);
            cr_assert_leq(found.length, length);
            cr_assert_leq(found.n_bytes, length);
        }
    }
}
