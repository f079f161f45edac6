// The small models of tests/data/models with what the float64 reference computes from them.
#ifndef TEST_MODEL_FIXTURE_H
#define TEST_MODEL_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

typedef struct test_fixture {
    char path[512]; // of the checkpoint
    uint32_t *tokens;
    size_t n_tokens;
    float *logits; // [n_tokens][n_vocab]
    size_t n_logits;
    float *state; // after the last token
    size_t n_state;
} test_fixture;

// Reads fixture `name` ("v5.1") with its expected values of that variant: "", or ".eps1e-5". A
// failure ends the test. Release with test_fixture_free.
test_fixture test_fixture_read(const char *name, const char *variant);
void test_fixture_free(test_fixture *fixture);

// The largest absolute difference of n values; infinite when one of them is NaN.
double test_max_difference(const float *a, const float *b, size_t n);

#endif
