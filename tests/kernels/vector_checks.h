// How the functions of kernels/vector.h on [n] arrays are checked: each is a row that says what it
// is called with and what it should give.
#ifndef VECTOR_CHECKS_H
#define VECTOR_CHECKS_H

#include "check.h"

enum {
    VECTOR_MAX_INPUTS = 7,
    VECTOR_MAX_OUTPUTS = 4,
};

// Half a unit in the last place of 1: what one rounding may do, relative to the result.
static const double unit = 0x1p-24;

// What a kernel should give for one element, and how far it may be off.
typedef struct bounded {
    double value, limit;
} bounded;

// One vector function: its arrays, how it is called, what it should give.
typedef struct vector_check {
    const char *name;
    size_t offset; // of its pointer in rk__vector
    size_t n_inputs, n_outputs;
    size_t starts_as
        [VECTOR_MAX_OUTPUTS]; // 1 + the input that an output updates; 0: it is only written
    bool same_bits;           // as the scalar kernel
    float (*fill)(size_t input, size_t i);
    void (*call)(const rk__vector *kernels, float *const *out, const float *const *in, size_t n);
    bounded (*expect)(size_t output, const float *const *in, size_t i, size_t n);
} vector_check;

// The checks, rows of two tables.
extern const vector_check vector_element_checks[]; // vector_elements.c
extern const size_t n_vector_element_checks;
extern const vector_check vector_rwkv_checks[]; // vector_rwkv.c
extern const size_t n_vector_rwkv_checks;

// From -3 to 3.
float fill_near_one(size_t input, size_t i);

#endif
