// What is wrong with an adapter, in one line.
#include "convert/adapter_faults.h"

#include <stdarg.h>
#include <stdio.h>

// Names come from files: what is told is as printable as an error's message.
static void tell(const rk__adapter_faults *faults, const char *text) {
    rk_error clean;
    if (faults->passed_over == NULL) return;
    (void)rk__fail(&clean, RK_ERR_MISMATCH, "%s", text);
    faults->passed_over(faults->user, faults->path, clean.message);
}

void rk__adapter_fault(rk__adapter_faults *faults, const char *format, ...) {
    char text[sizeof faults->text];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    faults->count++;
    if (faults->let_pass) {
        tell(faults, text);
        return;
    }
    if (faults->shown + 1 < faults->count) return; // one did not fit: from here on only counted
    const size_t left = sizeof faults->text - faults->length;
    const int n = snprintf(faults->text + faults->length, left, "%s%s",
                           faults->length == 0 ? "" : "; ", text);
    if (n < 0 || (size_t)n >= left) {
        faults->text[faults->length] = '\0';
        return;
    }
    faults->length += (size_t)n;
    faults->shown++;
}

void rk__adapter_remark(const rk__adapter_faults *faults, const char *format, ...) {
    char text[sizeof faults->text];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tell(faults, text);
}

rk_status rk__adapter_faults_status(const rk__adapter_faults *faults, const char *model,
                                    rk_error *err) {
    if (faults->count == 0 || faults->let_pass) return RK_OK;
    char more[40] = "";
    if (faults->count > faults->shown) {
        (void)snprintf(more, sizeof more, "%s%zu %s", faults->shown > 0 ? " and " : "",
                       faults->count - faults->shown, faults->shown > 0 ? "more" : "faults");
    }
    return rk__fail(err, RK_ERR_MISMATCH, "%s: does not fit %s: %s%s", faults->path, model,
                    faults->text, more);
}
