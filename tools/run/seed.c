// Random seeds.
#include "run/seed.h"

#include <sys/random.h>
#include <unistd.h>

uint64_t random_seed(void) {
    uint32_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) seed = (uint32_t)getpid();
    return seed;
}
