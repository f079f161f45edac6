// Reading and writing lists of layers.
#include "eval/layer_list.h"

#include <stdio.h>
#include <string.h>

// Reads digits. False when there are none, or when they are more than any model has layers.
static bool read_number(size_t *out, const char **at) {
    enum { MOST = 1000000 };
    const char *p = *at;
    size_t n = 0;
    for (; *p >= '0' && *p <= '9' && n < MOST; p++) n = 10 * n + (size_t)(*p - '0');
    if (p == *at || n >= MOST) return false;
    *out = n;
    *at = p;
    return true;
}

// Reads one layer: a number, one from the end, or a share of the depth. False when it is none.
static bool read_layer(size_t *out, const char **at, size_t n_layer) {
    const char *p = *at;
    const bool from_end = *p == '-';
    if (from_end) p++;
    size_t n;
    if (!read_number(&n, &p)) return false;
    if (*p == '%') {
        if (from_end || n > 100) return false;
        p++;
        n = (n * (n_layer - 1) + 50) / 100;
    } else if (from_end) {
        if (n == 0 || n > n_layer) return false;
        n = n_layer - n;
    }
    if (n >= n_layer) return false;
    *out = n;
    *at = p;
    return true;
}

// Reads a layer or a range and marks what it covers.
static bool read_part(bool *wanted, const char **at, size_t n_layer) {
    size_t first;
    if (!read_layer(&first, at, n_layer)) return false;
    size_t last = first;
    if (strncmp(*at, "..", 2) == 0) {
        *at += 2;
        if (!read_layer(&last, at, n_layer) || last < first) return false;
    }
    for (size_t i = first; i <= last; i++) wanted[i] = true;
    return true;
}

rk_status rk__layer_list_parse(bool *wanted, size_t n_layer, const char *text, rk_error *err) {
    for (const char *p = text;;) {
        const char *const part = p;
        if (!read_part(wanted, &p, n_layer) || (*p != ',' && *p != '\0')) {
            return rk__fail(err, RK_ERR_ARGUMENT,
                            "layers '%.40s': '%.*s' is none of the %zu layers: 0..%zu, -%zu..-1, "
                            "0%%..100%%, or a range A..B of them",
                            text, (int)strcspn(part, ","), part, n_layer, n_layer - 1, n_layer);
        }
        if (*p == '\0') return RK_OK;
        p++;
    }
}

char *rk__layer_list_format(char *text, size_t size, const bool *wanted, size_t n_layer) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t first = 0; first < n_layer && used < size; first++) {
        if (!wanted[first]) continue;
        size_t last = first;
        while (last + 1 < n_layer && wanted[last + 1]) last++;
        const char *const comma = used == 0 ? "" : ",";
        const int n = last == first
                          ? snprintf(text + used, size - used, "%s%zu", comma, first)
                          : snprintf(text + used, size - used, "%s%zu..%zu", comma, first, last);
        used += (size_t)n;
        first = last;
    }
    return text;
}
