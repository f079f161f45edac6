// The World tokenizer on a made-up vocabulary, and files that are none.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/scratch.h"
#include "vocabulary_files.h"

typedef struct example {
    const char *text;
    size_t length;
    size_t n_ids;
    uint32_t ids[8];
} example;

#define TEXT(literal) (literal), sizeof(literal) - 1

// What a byte's token is: of the vocabulary's first 256 ids only the apostrophe's is elsewhere.
enum { APOSTROPHE = 274 };

static const example examples[] = {
    {TEXT(""), 0, {0}},
    {TEXT("the"), 1, {259}},
    {TEXT("then there"), 3, {259, 'n' + 1, 261}},
    {TEXT(" ther"), 2, {260, 'r' + 1}}, // not the beginning of a longer token that is not there
    {TEXT("t th"), 3, {'t' + 1, ' ' + 1, 258}},
    {TEXT("it's it'd"), 6, {262, ' ' + 1, 'i' + 1, 't' + 1, APOSTROPHE, 'd' + 1}},
    {TEXT("'\"\\\\"), 2, {263, 264}},
    {TEXT("\t\r\a\b\f\v"), 1, {265}},
    {TEXT("ABAC\0A"), 3, {266, 267, 'A' + 1}},
    {TEXT("\xe4\xb8\xad\xe6\x96\x87"), 1, {268}},
    {TEXT("\xe4\xb8\xad\xe6\x96"), 4, {271, 0xad + 1, 0xe6 + 1, 0x96 + 1}},
    {TEXT("\xf0\x9f\x98\x80\xe6\x97\xa5\xe6\x9c\xac"), 2, {269, 270}},
    {TEXT("\xff\0'x\xc3\xa9"), 2, {272, 273}},
    {TEXT("\n\n\n"), 2, {257, '\n' + 1}},
    {TEXT("aaaaaaaaaaaaaaaaaaaaa"), 4, {300, 500, 'a' + 1, 'a' + 1}},
};

Test(tokenizer_world, the_longest_token_wins) {
    rk_tokenizer *tokenizer = load_vocabulary(TINY_WORLD);
    cr_assert_str_eq(rk_tokenizer_name(tokenizer), "world");
    cr_assert_eq(rk_tokenizer_vocabulary(tokenizer), 501);
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const example *e = &examples[i];
        check_ids(tokenizer, e->text, e->length, e->ids, e->n_ids, NULL);
    }
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer_world, ids_without_a_line_have_no_text) {
    rk_tokenizer *tokenizer = load_vocabulary(TINY_WORLD);
    static const uint32_t without[] = {0, '\'' + 1, 275, 299, 301, 499, 501, UINT32_MAX};
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        size_t length = 99;
        cr_assert_not(rk_tokenizer_has_text(tokenizer, without[i]), "%u", without[i]);
        cr_assert_not_null(rk_tokenizer_decode(tokenizer, without[i], &length));
        cr_assert_eq(length, 0);
    }
    cr_assert(rk_tokenizer_has_text(tokenizer, 1));
    cr_assert(rk_tokenizer_has_text(tokenizer, 500));
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer_world, any_bytes_come_back) {
    rk_tokenizer *tokenizer = load_vocabulary(TINY_WORLD);
    enum { SEED = 65536, ROUNDS = 200, MOST = 4000 };
    srand(SEED);
    static char text[MOST];
    for (int round = 0; round < ROUNDS; round++) {
        const size_t length = (size_t)rand() % MOST;
        // Few different bytes make long tokens likely.
        for (size_t i = 0; i < length; i++) {
            text[i] = (char)rand();
            if (round % 2) text[i] = "taeh '\n\xe4\xb8\xad"[rand() % 10];
        }
        cr_assert(survives(tokenizer, text, length), "seed %d, round %d", SEED, round);
    }
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer_world, line_ends_may_be_those_of_windows) {
    const char *path = changed_file(TINY_WORLD, "259 'the' 3\n", "259 'the' 3\r\n");
    rk_tokenizer *tokenizer = load_vocabulary(path);
    check_ids(tokenizer, "the", 3, (uint32_t[]){259}, 1, NULL);
    rk_tokenizer_close(&tokenizer);
    test_scratch_remove();
}

Test(tokenizer_world, the_last_line_need_not_end) {
    const char *path = changed_file(TINY_WORLD, "500 'aaa' 3\n", "500 'aaa' 3");
    rk_tokenizer *tokenizer = load_vocabulary(path);
    cr_assert_eq(rk_tokenizer_vocabulary(tokenizer), 501);
    rk_tokenizer_close(&tokenizer);
    test_scratch_remove();
}

// Line 258 of the file, and what it is replaced by.
#define LINE "259 'the' 3\n"

static const struct {
    const char *line;
    const char *problem;
} broken[] = {
    {"259 'the' 4\n", "line 258: the token has 3 bytes, and 4 are stated"},
    {"259 'the' 99999999999999999999\n", "line 258: the token has 3 bytes, and 4294967295 are"},
    {"259 '\\u00e9' 1\n", "line 258: the token has 2 bytes, and 1 are stated"},
    {"259 '' 0\n", "line 258: the token is empty"},
    {"258 'the' 3\n", "line 258: id 258 is there twice"},
    {"1048576 'the' 3\n", "line 258: id 1048576; ids below 1048576 are read"},
    {"18446744073709551875 'the' 3\n", "line 258: id 4294967295; ids below"},
    {"259 'th' 2\n", "ids 258 and 259 have the same bytes"},
    {"259 'the 3\n", "line 258: the literal of id 259 is not terminated"},
    {"259 'the\\' 3\n", "line 258: the literal of id 259 is not terminated"},
    {"259 'the\" 3\n", "line 258: the literal of id 259 is not terminated"},
    {"259 '\\q' 2\n", "line 258: the literal of id 259 has an unknown escape"},
    {"259 '\\N{DIGIT ONE}' 1\n", "line 258: the literal of id 259 has an unknown escape"},
    {"259 '\\x4' 1\n", "line 258: the literal of id 259 has an escape with too few"},
    {"259 b'\\u0041' 1\n", "line 258: the literal of id 259 has an unknown escape"},
    {"259 '\\ud800' 3\n", "line 258: the literal of id 259 names a character that does not exist"},
    {"259 '\\U00110000' 4\n", "line 258: the literal of id 259 names a character"},
    {"259 '\\777' 2\n", "line 258: the literal of id 259 has an octal escape above \\377"},
    {"259 'th\xff' 3\n", "line 258: the literal of id 259 is not UTF-8"},
    {"259 b'\xc3\xa9' 2\n", "line 258: the literal of id 259 has a character that bytes"},
    {"259 the 3\n", "line 258: the literal of id 259 does not begin with a quote"},
    {"259 r'the' 3\n", "line 258: the literal of id 259 does not begin with a quote"},
    {"259 'a' 'b' 2\n", "line 258: does not end with a space and the number of bytes"},
    {"259 'the' 3 \n", "line 258: does not end with a space and the number of bytes"},
    {"259 'the'3\n", "line 258: does not end with a space and the number of bytes"},
    {"259 'the'\n", "line 258: does not end with a space and the number of bytes"},
    {"259\n", "line 258: does not begin with an id and a space"},
    {"-1 'the' 3\n", "line 258: does not begin with an id and a space"},
    {"\n", "line 258: does not begin with an id and a space"},
    {"259 __import__('os').system('true') 3\n", "line 258: the literal of id 259 does not begin"},
};

Test(tokenizer_world, what_is_wrong_is_said_with_the_line) {
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        check_refused(changed_file(TINY_WORLD, LINE, broken[i].line), RK_ERR_FORMAT,
                      broken[i].problem);
    }
    test_scratch_remove();
}

Test(tokenizer_world, every_single_byte_needs_a_token) {
    check_refused(changed_file(TINY_WORLD, "66 'A' 1\n", ""), RK_ERR_FORMAT,
                  "no token is the single byte 0x41");
    check_refused(changed_file(TINY_WORLD, "256 b'\\xff' 1\n", ""), RK_ERR_FORMAT,
                  "no token is the single byte 0xff");
    test_scratch_remove();
}

Test(tokenizer_world, a_file_cut_anywhere_is_refused) {
    size_t size;
    unsigned char *data = test_read_file(TINY_WORLD, &size);
    cr_assert_not_null(data);
    // From the end of the single bytes on, a cut between lines leaves a whole vocabulary.
    for (size_t cut = 0; cut < size / 2; cut += 7) {
        const char *path = made_file("cut", data, cut);
        rk_tokenizer *tokenizer;
        rk_error err = {0};
        cr_assert_eq(rk_tokenizer_load(&tokenizer, path, &err), RK_ERR_FORMAT, "%zu", cut);
        cr_assert_null(tokenizer);
        cr_assert_eq(strncmp(err.message, path, strlen(path)), 0, "%s", err.message);
    }
    free(data);
    test_scratch_remove();
}

Test(tokenizer_world, changed_bytes_do_no_harm) {
    enum { SEED = 20230424, ROUNDS = 500 };
    srand(SEED);
    size_t size;
    unsigned char *data = test_read_file(TINY_WORLD, &size);
    cr_assert_not_null(data);
    size_t n_loaded = 0;
    for (int round = 0; round < ROUNDS; round++) {
        const size_t place = (size_t)rand() % size;
        const unsigned char before = data[place];
        data[place] = (unsigned char)(rand() % 2 ? rand() : "\\'\"b \n0x"[rand() % 8]);
        const char *path = made_file("changed", data, size);
        rk_tokenizer *tokenizer;
        rk_error err = {0};
        const rk_status status = rk_tokenizer_load(&tokenizer, path, &err);
        if (status == RK_OK) {
            n_loaded++;
            cr_assert(survives(tokenizer, (const char *)data, size), "seed %d, round %d", SEED,
                      round);
        } else {
            cr_assert_eq(status, RK_ERR_FORMAT, "%s", err.message);
        }
        rk_tokenizer_close(&tokenizer);
        data[place] = before;
    }
    cr_assert_gt(n_loaded, 0);
    cr_assert_lt(n_loaded, ROUNDS);
    free(data);
    test_scratch_remove();
}
