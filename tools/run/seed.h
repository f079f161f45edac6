// Seeds for those who did not choose one.
#ifndef RUN_SEED_H
#define RUN_SEED_H

#include <stdint.h>

// Of 32 bits, so that it can be typed again.
uint64_t random_seed(void);

#endif
