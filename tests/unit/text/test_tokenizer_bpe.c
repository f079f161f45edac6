// Byte-pair encoding on a made-up vocabulary, and tokenizer.json files that ask for something else
// or are none. The ids were checked against what Python's package `tokenizers` makes of the file.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/scratch.h"
#include "vocabulary_files.h"

typedef struct example {
    const char *text;
    size_t n_ids;
    uint32_t ids[8];
    const char *decoded; // NULL: as the text
} example;

static const example examples[] = {
    {"", 0, {0}, NULL},
    {"the", 1, {248}, NULL},
    // "b c" has a lower rank than "a b": the token is made from its end.
    {"abcabc", 2, {247, 247}, NULL},
    {" the there her", 7, {249, 249, 115, 102, 33, 244, 115}, NULL},
    {"it's he'll", 7, {106, 117, 253, 33, 244, 40, 254}, NULL},
    {"12345", 3, {256, 53, 54}, NULL},
    // Equal ranks from the left.
    {"aaaaaaa", 3, {259, 258, 98}, NULL},
    // A run of blanks leaves its last one to the word.
    {"\n\nno no", 4, {11, 11, 260, 261}, NULL},
    // Added tokens: the longest, before the text is cut, inside words, too.
    {"<|end|>>x<|end|>y", 4, {265, 121, 0, 122}, NULL},
    {"no<|end|>body", 6, {260, 0, 99, 112, 101, 122}, NULL},
    {"<|end|", 6, {61, 125, 102, 111, 101, 125}, NULL},
    {"nobody knows", 6, {269, 33, 108, 260, 120, 116}, NULL},
    {"    the", 2, {266, 249}, NULL},
    {"x    y", 4, {121, 266, 33, 122}, NULL},
    {"x     y", 3, {121, 267, 122}, NULL},
    {"x      y", 4, {121, 267, 33, 122}, NULL},
    // Form C: composed before it is looked at, also by what is added.
    {"he\xcc\x81llo h\xc3\xa9llo", 3, {268, 33, 268}, "h\xc3\xa9llo h\xc3\xa9llo"},
    {"he\xcc\x81", 2, {105, 257}, "h\xc3\xa9"},
    {"\xe0\xa4\x95\xe0\xa4\xbc \xe0\xa5\x98",
     7,
     {264, 263, 189, 33, 264, 263, 189},
     "\xe0\xa4\x95\xe0\xa4\xbc \xe0\xa4\x95\xe0\xa4\xbc"},
};

Test(tokenizer_bpe, examples) {
    rk_tokenizer *tokenizer = load_vocabulary(TINY_BPE);
    cr_assert_str_eq(rk_tokenizer_name(tokenizer), "bpe");
    cr_assert_eq(rk_tokenizer_vocabulary(tokenizer), 270);
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const example *e = &examples[i];
        check_ids(tokenizer, e->text, strlen(e->text), e->ids, e->n_ids, e->decoded);
    }
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer_bpe, a_zero_is_a_character) {
    rk_tokenizer *tokenizer = load_vocabulary(TINY_BPE);
    check_ids(tokenizer, "the\0the", 7, (uint32_t[]){248, 1, 248}, 3, NULL);
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer_bpe, bytes_that_are_no_utf8_stand_alone) {
    rk_tokenizer *tokenizer = load_vocabulary(TINY_BPE);
    // The run of three is merged as bytes ("e0 a4" is a token), the blank before it ends a text.
    check_ids(tokenizer, "the \xe0\xa4\x81\xe0\xa4 the", 13,
              (uint32_t[]){248, 33, 263, 0x81 + 1, 263, 249}, 6, NULL);
    check_ids(tokenizer, "\x80", 1, (uint32_t[]){0x81}, 1, NULL);
    // An added token is found among them.
    check_ids(tokenizer, "\x80<|end|>\x80", 9, (uint32_t[]){0x81, 0, 0x81}, 3, NULL);
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer_bpe, bytes_without_a_token_are_named) {
    rk_tokenizer *tokenizer = load_vocabulary(TINY_BPE);
    static const unsigned char without[] = {0xc0, 0xc1, 0xf5, 0xf6, 0xff};
    for (size_t i = 0; i < sizeof without; i++) {
        const char text[] = {'<', '|', 'e', 'n', 'd', '|', '>', 'a', (char)0x80, (char)without[i]};
        uint32_t *tokens = (uint32_t[]){0};
        size_t n_tokens = 99;
        rk_error err = {0};
        cr_assert_eq(rk_tokenizer_encode(tokenizer, text, sizeof text, &tokens, &n_tokens, &err),
                     RK_ERR_RANGE);
        char expected[64];
        snprintf(expected, sizeof expected, "byte 0x%02x at offset 9", without[i]);
        cr_assert_not_null(strstr(err.message, expected), "%s", err.message);
        cr_assert_null(tokens);
        cr_assert_eq(n_tokens, 0);
    }
    rk_tokenizer_close(&tokenizer);
}

// Bytes of which form C changes nothing: broken UTF-8, ASCII, and characters of planes that have
// none.
Test(tokenizer_bpe, bytes_come_back) {
    rk_tokenizer *tokenizer = load_vocabulary(TINY_BPE);
    enum { SEED = 50277, ROUNDS = 300, MOST = 3000 };
    srand(SEED);
    static char text[MOST];
    for (int round = 0; round < ROUNDS; round++) {
        const size_t length = (size_t)rand() % MOST;
        for (size_t i = 0; i < length; i++) {
            text[i] = (char)(rand() % 0xc0);
            if (text[i] == 0) text[i] = (char)0xe4;
            if (rand() % 4 == 0) text[i] = "aabc 12\n'\xf1\xee\xf3"[rand() % 12];
        }
        cr_assert(survives(tokenizer, text, length), "seed %d, round %d", SEED, round);
    }
    rk_tokenizer_close(&tokenizer);
}

// Quadratic time would be hours.
Test(tokenizer_bpe, a_word_of_a_megabyte) {
    rk_tokenizer *tokenizer = load_vocabulary(TINY_BPE);
    enum { LENGTH = 1 << 20, SHORTER = LENGTH / 8 };
    char *text = malloc(LENGTH);
    cr_assert_not_null(text);
    static const char *const fills[] = {"a", "ab", "abc", " ", "12", "\x80", "\n", "'s", "the"};
    for (size_t i = 0; i < sizeof fills / sizeof fills[0]; i++) {
        const size_t period = strlen(fills[i]);
        for (size_t k = 0; k < SHORTER; k++) text[k] = fills[i][k % period];
        cr_assert(survives(tokenizer, text, SHORTER), "%s", fills[i]);
    }
    uint32_t *tokens;
    size_t n_tokens;
    memset(text, 'a', LENGTH);
    cr_assert_eq(rk_tokenizer_encode(tokenizer, text, LENGTH, &tokens, &n_tokens, NULL), RK_OK);
    cr_assert_eq(n_tokens, LENGTH / 4);
    cr_assert_eq(tokens[0], 259);
    cr_assert_eq(tokens[n_tokens - 1], 259);
    rk_tokens_free(&tokens);
    free(text);
    rk_tokenizer_close(&tokenizer);
}

Test(tokenizer_bpe, without_a_normalizer_text_is_left_alone) {
    const char *path = changed_file(TINY_BPE, "\"normalizer\": {\n  \"type\": \"NFC\"\n }",
                                    "\"normalizer\": null");
    rk_tokenizer *tokenizer = load_vocabulary(path);
    check_ids(tokenizer, "he\xcc\x81", 4, (uint32_t[]){244, 203, 130}, 3, NULL);
    rk_tokenizer_close(&tokenizer);
    test_scratch_remove();
}

Test(tokenizer_bpe, merges_may_be_pairs) {
    const char *path = changed_file(TINY_BPE, "\"h e\"", "[\"h\", \"e\"]");
    rk_tokenizer *tokenizer = load_vocabulary(path);
    check_ids(tokenizer, "the", 3, (uint32_t[]){248}, 1, NULL);
    rk_tokenizer_close(&tokenizer);
    test_scratch_remove();
}

typedef struct change {
    const char *find, *replacement, *problem;
} change;

static const change unsupported[] = {
    {"\"type\": \"BPE\"", "\"type\": \"Unigram\"", "model is Unigram; supported: BPE"},
    {"\"type\": \"BPE\",", "", "model is an object without a type; supported: BPE"},
    {"\"model\"", "\"modell\"", "model is null; supported: BPE"},
    {"\"dropout\": null", "\"dropout\": 0.1", "model.dropout is a number"},
    {"\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"</w>\"",
     "model.end_of_word_suffix is </w>"},
    {"\"continuing_subword_prefix\": null", "\"continuing_subword_prefix\": \"##\"",
     "model.continuing_subword_prefix is ##"},
    {"\"fuse_unk\": false", "\"ignore_merges\": true", "model.ignore_merges is true"},
    {"\"type\": \"NFC\"", "\"type\": \"NFKC\"", "normalizer is NFKC; supported: NFC or null"},
    {"\"normalizer\": {", "\"normalizer\": 5, \"x\": {", "normalizer is a number"},
    {"\"pre_tokenizer\": {\n  \"type\": \"ByteLevel\"",
     "\"pre_tokenizer\": {\"type\": \"Metaspace\"",
     "pre_tokenizer is Metaspace; supported: ByteLevel"},
    {"\"pre_tokenizer\": {\n  \"type\": \"ByteLevel\",\n  \"add_prefix_space\": false",
     "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true",
     "pre_tokenizer.add_prefix_space is true; supported: false"},
    {"\"pre_tokenizer\": {\n  \"type\": \"ByteLevel\",",
     "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"use_regex\": false,",
     "pre_tokenizer.use_regex is false; supported: true"},
    {"\"post_processor\": {\n  \"type\": \"ByteLevel\"",
     "\"post_processor\": {\"type\": \"TemplateProcessing\"",
     "post_processor is TemplateProcessing; supported: ByteLevel or null"},
    {"\"decoder\": {\n  \"type\": \"ByteLevel\"", "\"decoder\": {\"type\": \"WordPiece\"",
     "decoder is WordPiece; supported: ByteLevel"},
    {"\"truncation\": null", "\"truncation\": {\"max_length\": 8}",
     "truncation is an object without a type; supported: null"},
    {"\"padding\": null", "\"padding\": {\"type\": \"Fixed\"}", "padding is Fixed"},
    {"\"lstrip\": false", "\"lstrip\": true", "the added token '<|end|>' asks for lstrip"},
    {"\"single_word\": false", "\"single_word\": true", "'<|end|>' asks for single_word"},
    {"\"content\": \"h\xc3\xa9llo\"", "\"content\": \"he\\u0301llo\"",
     "is not in normalization form C"},
};

Test(tokenizer_bpe, what_is_not_done_is_refused_by_name) {
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
        const change *c = &unsupported[i];
        check_refused(changed_file(TINY_BPE, c->find, c->replacement), RK_ERR_UNSUPPORTED,
                      c->problem);
    }
    test_scratch_remove();
}

static const change broken[] = {
    {"\"the\": 248", "\"the\": 247", "id 247 of 'the' is there twice"},
    {"\"the\": 248", "\"abc\": 248", "ids 247 and 248 of model.vocab have the same bytes"},
    {"\"the\": 248", "\"t\\u0120e\": 248", "merge 5: 't', 'he' or the two together is no token"},
    {"\"the\": 248", "\"the\": 1048576", "the id of 'the' is 1048576; ids below 1048576"},
    {"\"the\": 248", "\"the\": -1", "the id of 'the' is no number from 0 on"},
    {"\"the\": 248", "\"the\": 248.5", "the id of 'the' is no number from 0 on"},
    {"\"the\": 248", "\"the\": 1e300", "the id of 'the' is no number from 0 on"},
    {"\"the\": 248", "\"the\": \"248\"", "the id of 'the' is no number from 0 on"},
    {"\"the\": 248", "\"the\": 248, \"\": 300", "token 300 is empty"},
    {"\"the\": 248", "\"the\": 248, \"t e\": 300", "'t e' of model.vocab has characters that"},
    {"\"the\": 248", "\"the\": 248, \"\xe4\xb8\xad\": 300", "of model.vocab has characters that"},
    {"\"A\": 66", "\"AB\": 66", "no token of model.vocab is the single byte 0x41"},
    {"\"h e\"", "\"h ee\"", "merge 0: 'h', 'ee' or the two together is no token"},
    {"\"h e\"", "\"h z\"", "merge 0: 'h', 'z' or the two together is no token"},
    {"\"h e\"", "\" he\"", "merge 0: '', 'he' or the two together is no token"},
    {"\"h e\"", "\"he\"", "merge 0 is no pair of tokens"},
    {"\"h e\"", "[\"h\", \"e\", \"r\"]", "merge 0 is no pair of tokens"},
    {"\"h e\"", "[\"h\", 1]", "merge 0 is no pair of tokens"},
    {"\"h e\"", "17", "merge 0 is no pair of tokens"},
    {"\"b c\"", "\"h e\"", "merges 0 and 1 are the same pair"},
    {"\"merges\"", "\"merge\"", "model.merges is missing, or no list"},
    {"\"vocab\"", "\"vocabulary\"", "model.vocab is missing, or no object"},
    {"\"content\": \"nobody\"", "\"content\": \"\"", "token 269 is empty"},
    {"\"content\": \"nobody\"", "\"text\": \"nobody\"", "an added token has no content"},
    {"\"id\": 269", "\"id\": 268", "id 268 of 'nobody' is there twice"},
    {"\"id\": 269", "\"id\": 5", "id 5 of '\xc4\x84' is there twice"},
    {"\"id\": 269", "\"id\": 1e18", "the id of 'nobody' is no number"},
    {"\"content\": \"nobody\"", "\"content\": \"   \"",
     "the added token '   ' has the ids 266 and"},
    {"\"added_tokens\": [", "\"added_tokens\": 3, \"x\": [", "added_tokens is no list"},
    {"\"vocab\"", "\"\\u0000\"", "tokenizer is no UTF-8 text, or holds a NUL"},
    {"\"the\"", "\"\xff\"", "tokenizer is no UTF-8 text, or holds a NUL"},
    {"\"vocab\": {", "\"vocab\": {{", "tokenizer is no JSON object"},
};

Test(tokenizer_bpe, what_is_wrong_is_said) {
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        const change *c = &broken[i];
        check_refused(changed_file(TINY_BPE, c->find, c->replacement), RK_ERR_FORMAT, c->problem);
    }
    test_scratch_remove();
}

Test(tokenizer_bpe, a_file_cut_anywhere_is_refused) {
    size_t size;
    unsigned char *data = test_read_file(TINY_BPE, &size);
    cr_assert_not_null(data);
    for (size_t cut = 1; cut + 2 < size; cut += 37) {
        check_refused(made_file("cut", data, cut), RK_ERR_FORMAT, "the tokenizer is no ");
    }
    free(data);
    test_scratch_remove();
}

Test(tokenizer_bpe, changed_bytes_do_no_harm) {
    enum { SEED = 50304, ROUNDS = 300 };
    srand(SEED);
    size_t size;
    unsigned char *data = test_read_file(TINY_BPE, &size);
    cr_assert_not_null(data);
    size_t n_loaded = 0;
    for (int round = 0; round < ROUNDS; round++) {
        const size_t place = (size_t)rand() % size;
        const unsigned char before = data[place];
        data[place] = (unsigned char)"\\\"{}[]: 0aZ9"[rand() % 12];
        const char *path = made_file("changed", data, size);
        rk_tokenizer *tokenizer;
        rk_error err = {0};
        const rk_status status = rk_tokenizer_load(&tokenizer, path, &err);
        if (status == RK_OK) {
            n_loaded++;
            cr_assert(survives(tokenizer, (const char *)data, size), "seed %d, round %d", SEED,
                      round);
        } else {
            cr_assert_eq(strncmp(err.message, path, strlen(path)), 0, "%s", err.message);
        }
        rk_tokenizer_close(&tokenizer);
        data[place] = before;
    }
    cr_assert_gt(n_loaded, 0);
    cr_assert_lt(n_loaded, ROUNDS);
    free(data);
    test_scratch_remove();
}
