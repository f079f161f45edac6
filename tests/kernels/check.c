// What the kernel checks share: reporting, seeded inputs, guarded outputs.
#include "check.h"

#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum {
    GUARD = 128,    // bytes before and behind an output
    PATTERN = 0x7f, // as float 0x7f7f7f7f, about 3.4e38; as int8 127; as int32 2139062143
    SHOWN = 5,      // failures printed for a kernel
};

static check_options options;
static check_counts counts;
static const char *current = "(none)";
static size_t failures; // of the current kernel
static uint32_t random_key[2];
static uint32_t random_counter;

void check_setup(const check_options *wanted) {
    options = *wanted;
}

// FNV-1a.
static uint32_t hash_of(const char *text) {
    uint32_t hash = 2166136261u;
    for (; *text != '\0'; text++) hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

bool check_begin(const char *name) {
    if (options.pattern != NULL && fnmatch(options.pattern, name, 0) != 0) return false;
    if (options.list) {
        printf("  %s\n", name);
        counts.checked++;
        return false;
    }
    current = name;
    failures = 0;
    random_key[0] = (uint32_t)options.seed ^ hash_of(name);
    random_key[1] = (uint32_t)(options.seed >> 32);
    random_counter = 0;
    return true;
}

void check_fail(const char *format, ...) {
    va_list arguments;
    if (failures++ >= SHOWN) return;
    printf("  %s: ", current);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

void check_end(void) {
    counts.checked++;
    if (failures > 0) {
        counts.failed++;
        printf("  %s: %zu failures\n", current, failures);
    } else {
        printf("  %s ok\n", current);
    }
    current = "(none)";
}

check_counts check_take_counts(void) {
    const check_counts taken = counts;
    counts = (check_counts){0};
    return taken;
}

const char *check_current(void) {
    return current;
}

uint32_t check_random(void) {
    static uint32_t words[4];
    const uint32_t counter[4] = {random_counter / 4, 0, 0, 0};
    if (random_counter % 4 == 0) rk__philox(words, counter, random_key);
    return words[random_counter++ % 4];
}

size_t check_random_below(size_t n) {
    return check_random() % n;
}

float check_random_float(float least, float greatest) {
    return least + (greatest - least) * ((float)(check_random() >> 8) * 0x1p-24f);
}

bool check_near(float value, double expected, double limit) {
    if (isnan(expected)) return isnan(value);
    if (!isfinite(expected)) return (double)value == expected;
    return fabs((double)value - expected) <= limit; // false for a NaN
}

bool check_same_bits(const void *a, const void *b, size_t size) {
    return size == 0 || memcmp(a, b, size) == 0;
}

void *check_alloc(size_t size) {
    void *memory = NULL;
    if (posix_memalign(&memory, 64, size) != 0) {
        fprintf(stderr, "check_kernels: out of memory\n");
        exit(1);
    }
    return memory;
}

guarded guarded_new(size_t size, size_t misalignment) {
    guarded array = {.memory = check_alloc(2 * GUARD + size + misalignment), .size = size};
    array.data = array.memory + GUARD + misalignment;
    guarded_clear(&array);
    return array;
}

static bool is_pattern(const uint8_t *from, const uint8_t *to) {
    for (; from < to; from++) {
        if (*from != PATTERN) return false;
    }
    return true;
}

void guarded_clear(guarded *array) {
    memset(array->memory, PATTERN, (size_t)(array->data - array->memory) + array->size + GUARD);
}

bool guarded_intact(const guarded *array) {
    const uint8_t *const end = array->data + array->size;
    return is_pattern(array->memory, array->data) && is_pattern(end, end + GUARD);
}

bool guarded_untouched(const guarded *array, size_t offset, size_t size) {
    return is_pattern(array->data + offset, array->data + offset + size);
}

void guarded_free(guarded *array) {
    free(array->memory);
    *array = (guarded){0};
}
