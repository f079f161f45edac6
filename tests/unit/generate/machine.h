// Everything that a generation takes, and a receiver for its text: shared by the tests of
// generate/.
#ifndef TEST_MACHINE_H
#define TEST_MACHINE_H

#include "rk/generate.h"

enum { TEST_MAX_TEXT = 4096 };

typedef struct test_machine {
    rk_model *model;
    rk_context *context;
    rk_tokenizer *tokenizer;
    size_t n_vocab;
} test_machine;

// A model in a type ("cpu fp32", "cpu Q8_0", ...) with a tokenizer of bytes.
test_machine test_machine_demo(const char *strategy);

// A small model with random weights, and a vocabulary in which most texts over the letters a, b, c,
// dot and newline can be cut into tokens in several ways. Needs the scratch folder.
test_machine test_machine_words(const char *strategy);

void test_machine_free(test_machine *m);

// Bans of everything but the tokens over those letters: static, with their number.
const uint32_t *test_machine_other_tokens(const test_machine *m, size_t *n);

// What came.
typedef struct test_listener {
    char text[TEST_MAX_TEXT];
    size_t length;
    size_t refuse_at; // refuse what makes the text this long; 0: nothing
    uint32_t tokens[TEST_MAX_TEXT];
    size_t n_tokens;
    double log_p_sum;
} test_listener;

bool test_listen(void *user, const char *text, size_t length);
bool test_listen_token(void *user, const rk_drawn_token *token);

// The text of some tokens, appended; returns the new length.
size_t test_decode(const test_machine *m, const uint32_t *tokens, size_t n, char *text);

// Fails unless both states are equal to the last bit.
void test_same_states(const rk_state *a, size_t sequence_a, const rk_state *b, size_t sequence_b);

#endif
