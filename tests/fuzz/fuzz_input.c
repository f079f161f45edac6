// Files for fuzz targets. What fails here is no finding, but nothing could be tested without it.
#include "fuzz_input.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/scratch.h"

static void write_whole(int fd, const uint8_t *data, size_t size) {
    size_t done = 0;
    while (done < size) {
        const ssize_t written = pwrite(fd, data + done, size - done, (off_t)done);
        if (written <= 0) {
            perror("the file of an input cannot be written");
            abort();
        }
        done += (size_t)written;
    }
    if (ftruncate(fd, (off_t)size) != 0) {
        perror("the file of an input cannot be cut");
        abort();
    }
}

const char *fuzz_file(const uint8_t *data, size_t size) {
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("input", MFD_CLOEXEC);
        if (fd < 0) {
            perror("memfd_create");
            abort();
        }
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    write_whole(fd, data, size);
    return path;
}

const char *fuzz_folder_file(const char *name) {
    static int registered;
    if (!registered) {
        registered = 1;
        (void)atexit(test_scratch_remove);
    }
    return test_scratch_path(name);
}

void fuzz_write(const char *path, const uint8_t *data, size_t size) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(path);
        abort();
    }
    write_whole(fd, data, size);
    (void)close(fd);
}

unsigned char *fuzz_fixture(const char *name, size_t *size) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", RK_FUZZ_FIXTURES, name);
    unsigned char *data = test_read_file(path, size);
    if (!data || *size == 0) {
        perror(path);
        abort();
    }
    return data;
}

const char *fuzz_copy_fixture(const char *name, const char *to) {
    size_t size;
    unsigned char *data = fuzz_fixture(name, &size);
    const char *path = fuzz_folder_file(to);
    fuzz_write(path, data, size);
    free(data);
    return path;
}

void fuzz_require(int holds, const char *promise) {
    if (holds) return;
    (void)fprintf(stderr, "broken promise: %s\n", promise);
    abort();
}
