// The small models of tests/data/models with what the float64 reference computes from them.
#include "model_fixture.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "scratch.h"

// Where they are: in tests/data, or the larger ones that those are samples of.
static const char *folder(void) {
    const char *other = getenv("RK_TEST_FIXTURES");
    return other != NULL ? other : RK_TEST_DATA "/models";
}

// The file <name>.<part>; a failure ends the test.
static void *read_part(const char *name, const char *part, size_t *size) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s.%s", folder(), name, part);
    unsigned char *data = test_read_file(path, size);
    if (data == NULL) {
        perror(path);
        abort();
    }
    return data;
}

// A JSON list of numbers.
static uint32_t *read_tokens(const char *name, size_t *n) {
    size_t size;
    char *text = read_part(name, "tokens.json", &size);
    uint32_t *tokens = calloc(size, sizeof tokens[0]);
    if (tokens == NULL) abort();
    *n = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') continue;
        tokens[*n] = tokens[*n] * 10 + (uint32_t)(text[i] - '0');
        const bool more = i + 1 < size && text[i + 1] >= '0' && text[i + 1] <= '9';
        if (!more) (*n)++;
    }
    free(text);
    return tokens;
}

static float *read_floats(const char *name, const char *what, const char *variant, size_t *n) {
    char part[64];
    (void)snprintf(part, sizeof part, "%s%s.f32", what, variant);
    float *values = read_part(name, part, n);
    *n /= sizeof(float);
    return values;
}

test_fixture test_fixture_read(const char *name, const char *variant) {
    test_fixture fixture = {0};
    (void)snprintf(fixture.path, sizeof fixture.path, "%s/%s.pth", folder(), name);
    fixture.tokens = read_tokens(name, &fixture.n_tokens);
    fixture.logits = read_floats(name, "logits", variant, &fixture.n_logits);
    fixture.state = read_floats(name, "state", variant, &fixture.n_state);
    return fixture;
}

void test_fixture_free(test_fixture *fixture) {
    free(fixture->tokens);
    free(fixture->logits);
    free(fixture->state);
    *fixture = (test_fixture){0};
}

double test_max_difference(const float *a, const float *b, size_t n) {
    double largest = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double difference = fabs((double)a[i] - (double)b[i]);
        if (isnan(difference)) return (double)INFINITY;
        if (difference > largest) largest = difference;
    }
    return largest;
}
