// A library to be loaded before a program (LD_PRELOAD), in which one call of read, pread, write,
// pwrite, fsync or rename goes wrong.
//
//     RWKV_FAULT="CALL KIND NUMBER"    the NUMBER-th CALL (1: the first) on a regular file is
//                                      short      done by half, or for a byte
//                                      eintr      interrupted before anything is done
//                                      eio, enospc    refused with that error
//     RWKV_FAULT_COUNT=FILE            how many calls there were goes to this file at the end
//
// What stdio does inside of the C library is not seen.
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    char call[16], kind[16];
    size_t number;
} fault;
static atomic_size_t calls;

__attribute__((constructor)) static void read_settings(void) {
    const char *text = getenv("RWKV_FAULT");
    if (text == NULL || sscanf(text, "%15s %15s %zu", fault.call, fault.kind, &fault.number) != 3) {
        fault.call[0] = '\0';
    }
}

__attribute__((destructor)) static void write_count(void) {
    const char *path = getenv("RWKV_FAULT_COUNT");
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    if (file == NULL) return;
    fprintf(file, "%zu\n", atomic_load(&calls));
    fclose(file);
}

// Is this call the one?
static bool is_due(const char *call, int fd) {
    struct stat info;
    if (strcmp(call, fault.call) != 0) return false;
    if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))) return false;
    return atomic_fetch_add(&calls, 1) + 1 == fault.number;
}

// -1 with errno set, or 0 for a call that is to be short.
static int go_wrong(void) {
    if (strcmp(fault.kind, "short") == 0) return 0;
    errno = strcmp(fault.kind, "eintr") == 0 ? EINTR
            : strcmp(fault.kind, "eio") == 0 ? EIO
                                             : ENOSPC;
    return -1;
}

static size_t half(size_t size) {
    return size < 2 ? size : size / 2;
}

static void *next(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL) abort();
    return function;
}

ssize_t read(int fd, void *to, size_t size) {
    ssize_t (*real)(int, void *, size_t) = next("read");
    if (!is_due("read", fd)) return real(fd, to, size);
    return go_wrong() < 0 ? -1 : real(fd, to, half(size));
}

ssize_t write(int fd, const void *from, size_t size) {
    ssize_t (*real)(int, const void *, size_t) = next("write");
    if (!is_due("write", fd)) return real(fd, from, size);
    return go_wrong() < 0 ? -1 : real(fd, from, half(size));
}

ssize_t pread(int fd, void *to, size_t size, off_t offset) {
    ssize_t (*real)(int, void *, size_t, off_t) = next("pread");
    if (!is_due("pread", fd)) return real(fd, to, size, offset);
    return go_wrong() < 0 ? -1 : real(fd, to, half(size), offset);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t offset) {
    ssize_t (*real)(int, const void *, size_t, off_t) = next("pwrite");
    if (!is_due("pwrite", fd)) return real(fd, from, size, offset);
    return go_wrong() < 0 ? -1 : real(fd, from, half(size), offset);
}

// The names that programs compiled for large files use.
ssize_t pread64(int fd, void *to, size_t size, off_t offset) __attribute__((alias("pread")));
ssize_t pwrite64(int fd, const void *from, size_t size, off_t offset)
    __attribute__((alias("pwrite")));

int fsync(int fd) {
    int (*real)(int) = next("fsync");
    return is_due("fsync", -1) ? go_wrong() : real(fd);
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = next("rename");
    return is_due("rename", -1) ? go_wrong() : real(from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    int (*real)(int, const char *, int, const char *) = next("renameat");
    return is_due("rename", -1) ? go_wrong() : real(from_folder, from, to_folder, to);
}
