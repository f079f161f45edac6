// Everything that is wrong with a model's tensors, gathered into one line.
#include "arch/complaints.h"

#include <stdio.h>

void rk__complain(rk__complaints *complaints, rk__complaint kind, const char *name,
                  const char *detail) {
    enum { LONGEST_NAME = 100 };
    const size_t capacity = sizeof complaints->kind[kind].text;
    char *text = complaints->kind[kind].text;
    const size_t length = complaints->kind[kind].length;
    complaints->kind[kind].count++;
    if (complaints->kind[kind].shown + 1 < complaints->kind[kind].count) return; // already full
    const int n =
        snprintf(text + length, capacity - length, "%s%.*s%s%s", length == 0 ? "" : ", ",
                 LONGEST_NAME, name, detail == NULL ? "" : " is ", detail == NULL ? "" : detail);
    if (n < 0 || (size_t)n >= capacity - length) {
        text[length] = '\0'; // does not fit: counted, not shown
        return;
    }
    complaints->kind[kind].length += (size_t)n;
    complaints->kind[kind].shown++;
}

rk_status rk__complaints_status(const rk__complaints *complaints, const char *where,
                                const char *arch_name, rk_error *err) {
    static const char *const words[RK__COMPLAINT_COUNT] = {
        [RK__COMPLAINT_MISSING] = "missing",
        [RK__COMPLAINT_UNKNOWN] = "unknown",
        [RK__COMPLAINT_TWICE] = "that occur twice",
        [RK__COMPLAINT_SHAPE] = "of the wrong shape",
        [RK__COMPLAINT_TYPE] = "of an unsuitable type",
    };
    char text[400];
    size_t length = 0;
    for (size_t kind = 0; kind < RK__COMPLAINT_COUNT; kind++) {
        const size_t count = complaints->kind[kind].count;
        if (count == 0) continue;
        const size_t hidden = count - complaints->kind[kind].shown;
        char more[40] = "";
        if (hidden > 0) (void)snprintf(more, sizeof more, " and %zu more", hidden);
        const int n = snprintf(text + length, sizeof text - length, "%s%zu tensor%s %s (%s%s)",
                               length == 0 ? "" : ", ", count, count == 1 ? "" : "s", words[kind],
                               complaints->kind[kind].text, more);
        if (n < 0) break;
        length += (size_t)n;
        if (length >= sizeof text) break; // cut, but still a sentence that names the first problems
    }
    if (length == 0) return RK_OK;
    return rk__fail(err, RK_ERR_SHAPE, "%s: %s model with %s", where, arch_name, text);
}
