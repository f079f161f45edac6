// Random inputs for tests: a small generator of the tests' own, so that nothing here depends on
// what is tested.
#ifndef TEST_NUMBERS_H
#define TEST_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

typedef struct test_numbers {
    uint64_t state; // the seed
} test_numbers;

uint64_t test_bits(test_numbers *numbers);
double test_uniform(test_numbers *numbers);             // [0, 1)
size_t test_below(test_numbers *numbers, size_t bound); // 0 .. bound - 1
double test_normal(test_numbers *numbers);              // mean 0, deviation 1

#endif
