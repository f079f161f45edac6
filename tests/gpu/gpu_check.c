// Counting what does not hold.
#include "gpu_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "rk/device.h"

static size_t n_expected, n_failed;

void gpu_begin(void) {
    if (rk_device_count() > 0) return;
    printf("skipped: %s\n", rk_device_absence());
    exit(77);
}

void gpu_expect(bool holds, const char *format, ...) {
    n_expected++;
    if (holds) return;
    n_failed++;
    va_list arguments;
    va_start(arguments, format);
    printf("FAILED: ");
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

int gpu_end(void) {
    printf("%zu of %zu expectations hold\n", n_expected - n_failed, n_expected);
    return n_failed == 0 && n_expected > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

bool gpu_is_emulated(void) {
#ifdef RK_EMULATED_GPU
    return true;
#else
    return false;
#endif
}
