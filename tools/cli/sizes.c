// Amounts of bytes and stretches of time for people.
#include "cli/sizes.h"

#include <stdio.h>
#include <time.h>

double cli_mib(uint64_t bytes) {
    return (double)bytes / (1024.0 * 1024.0);
}

char *cli_size_format(char text[CLI_SIZE_TEXT], double bytes) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    // 999.5 would be printed as a fourth digit.
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024.0;
        unit++;
    }
    const int digits = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
    snprintf(text, CLI_SIZE_TEXT, "%.*f %s", digits, bytes, units[unit]);
    return text;
}

char *cli_time_format(char text[CLI_TIME_TEXT], double seconds) {
    const double longest = 99.0 * 3600.0;
    const unsigned whole = (unsigned)(seconds < longest ? seconds + 0.5 : longest);
    const unsigned hours = whole / 3600, minutes = whole / 60 % 60;
    if (hours > 0) {
        snprintf(text, CLI_TIME_TEXT, "%u:%02u:%02u", hours, minutes, whole % 60);
    } else {
        snprintf(text, CLI_TIME_TEXT, "%u:%02u", minutes, whole % 60);
    }
    return text;
}

double cli_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
