// What tour.c and tour_measuring.c share: results that are checked at once, and paths.
#ifndef TOUR_H
#define TOUR_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "rk/error.h"

static rk_error err; // of whatever went wrong last

// Ends the program unless a call succeeded.
static inline void must(rk_status status) {
    if (status == RK_OK) return;
    fprintf(stderr, "tour: %s: %s\n", rk_status_name(status), err.message);
    exit(1);
}

// Ends the program unless something is as it should be.
static inline void expect(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "tour: wrong: %s\n", what);
    exit(1);
}

static inline void *need(void *memory) {
    expect(memory != NULL, "memory");
    return memory;
}

// A path in a folder; the last four stay valid.
static inline const char *in_folder(const char *folder, const char *name) {
    static char paths[4][512];
    static size_t next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

// Reads up to `size` bytes of a file; returns their number.
static inline size_t read_text(char *text, size_t size, const char *path) {
    FILE *file = fopen(path, "rb");
    expect(file != NULL, path);
    const size_t length = fread(text, 1, size, file);
    expect(fclose(file) == 0 && length > 0, path);
    return length;
}

#endif
