// splitmix64 and what follows from it.
#include "test_numbers.h"

#include <math.h>

uint64_t test_bits(test_numbers *numbers) {
    uint64_t z = numbers->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

double test_uniform(test_numbers *numbers) {
    return (double)(test_bits(numbers) >> 11) * 0x1p-53;
}

size_t test_below(test_numbers *numbers, size_t bound) {
    return (size_t)(test_bits(numbers) % bound);
}

double test_normal(test_numbers *numbers) {
    const double radius = sqrt(-2 * log(1 - test_uniform(numbers)));
    return radius * cos(6.283185307179586 * test_uniform(numbers));
}
