// A counter-based random generator: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3", 2011). The n-th number of a seed can be had without those before it, and its state
// is two integers.
#ifndef RK_BASE_RANDOM_H
#define RK_BASE_RANDOM_H

#include <stdint.h>

typedef struct rk__random {
    uint64_t seed;
    uint64_t counter; // numbers drawn so far
} rk__random;

// The four words of block `counter` (128 bits, lowest word first) under `key`.
void rk__philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

// A number in [0, 1) with 53 random bits: the first two words of block `counter` under `seed`;
// advances the counter by one.
double rk__random_uniform(rk__random *random);

#endif
