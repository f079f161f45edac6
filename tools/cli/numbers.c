// Strict reading of numbers.
#include "cli/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool cli_read_size(size_t *out, const char *text) {
    if (*text == '\0') return false;
    size_t value = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9') return false;
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (__builtin_add_overflow(value, (size_t)(*c - '0'), &value)) return false;
    }
    *out = value;
    return true;
}

bool cli_read_number(double *out, const char *text) {
    // strtod alone would take blanks, "inf", "nan" and "0x10" as well.
    if (*text == '\0' || strspn(text, "+-.0123456789eE") != strlen(text)) return false;
    char *end = NULL;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value)) return false;
    *out = value;
    return true;
}
