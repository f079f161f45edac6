// What the kernel checks share: which table is tested against which, reporting, seeded inputs and
// guarded outputs.
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

// One level of instruction sets. A kernel is checked when its pointer differs from the one of the
// level below, and always against the scalar one, so that errors do not add up from level to level.
typedef struct check_level {
    rk__kernels scalar;
    rk__kernels below; // all NULL at the scalar level
    rk__kernels tested;
} check_level;

// The checks, one function a family of kernels.
void check_activations(const check_level *level);
void check_products(const check_level *level);
void check_planes(const check_level *level);
void check_rows(const check_level *level);
void check_search(const check_level *level);
void check_elementary(const check_level *level);

// These give the number of members of rk__vector that they know.
size_t check_vectors(const check_level *level);
size_t check_recurrences(const check_level *level);

// ---- reporting (check.c)

typedef struct check_options {
    uint64_t seed;
    const char *pattern; // of names, as in a shell; NULL: all
    bool list;           // names only
} check_options;

void check_setup(const check_options *wanted);

// Begins the check of one kernel and seeds the random numbers for it, by its name: what a kernel
// gets does not depend on which others are checked. False: not wanted.
bool check_begin(const char *name);

// Something is wrong with the kernel; the first few are printed.
__attribute__((format(printf, 1, 2))) void check_fail(const char *format, ...);

// Ends the check of a kernel.
void check_end(void);

// Kernels checked and kernels that failed since the last call.
typedef struct check_counts {
    size_t checked, failed;
} check_counts;
check_counts check_take_counts(void);

// The kernel that is being checked, for the handler of crashes.
const char *check_current(void);

// ---- inputs

uint32_t check_random(void);
size_t check_random_below(size_t n);
float check_random_float(float least, float greatest);

// ---- comparing

// |value - expected| <= limit, and not NaN unless expected is. `where` names the element.
bool check_near(float value, double expected, double limit);
bool check_same_bits(const void *a, const void *b, size_t size);

// ---- outputs

// An array with room around it that a kernel must leave alone. Elements that have not been written
// keep a pattern that no kernel gives.
typedef struct guarded {
    uint8_t *memory;
    uint8_t *data; // `size` bytes, `misalignment` bytes behind a 64-byte aligned address
    size_t size;
} guarded;

guarded guarded_new(size_t size, size_t misalignment);
void guarded_clear(guarded *array);        // everything becomes pattern again
bool guarded_intact(const guarded *array); // the room around
bool guarded_untouched(const guarded *array, size_t offset,
                       size_t size); // a part of data that nobody may write
void guarded_free(guarded *array);

// `size` bytes aligned to 64, and no byte more, so that a sanitizer sees what reads behind them.
// Ends the program when there is no memory. Release: free.
void *check_alloc(size_t size);

#endif
