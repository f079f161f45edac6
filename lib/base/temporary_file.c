// Temporary files: named, locked, and removed after a process that could not do it itself.
//
// Locks are flock's: they belong to the open file, go with the last process that has it open, and
// are seen from other containers on the same machine, where numbers of processes mean nothing.
#include "base/temporary_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SUFFIX = 48, // room for what follows the target's name
    RANDOM_DIGITS = 16,
};
static const char ending[] = ".tmp";

// Bytes of the target's name that its temporary files carry.
static size_t kept_length(const char *target) {
    return strnlen(target, NAME_MAX - SUFFIX);
}

static bool choose_name(char name[NAME_MAX + 1], const char *target) {
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random) return false;
    (void)snprintf(name, NAME_MAX + 1, ".%.*s.%ld-%016" PRIx64 "%s", (int)kept_length(target),
                   target, (long)getpid(), random, ending);
    return true;
}

// Locks a file just created. False when somebody who cleans up has met it before: he holds the
// lock, or has removed the file already.
static bool take_lock(rk__temporary *temporary) {
    struct stat about;
    if (flock(temporary->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
    if (fstat(temporary->fd, &about) == 0 && about.st_nlink == 0) return false;
    temporary->lock = fcntl(temporary->fd, F_DUPFD_CLOEXEC, 0);
    return true;
}

bool rk__temporary_create(rk__temporary *temporary, int directory, const char *target) {
    enum { ATTEMPTS = 100 };
    *temporary = (rk__temporary){.fd = -1, .lock = -1};
    errno = EEXIST;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (!choose_name(temporary->name, target)) break;
        temporary->fd =
            openat(directory, temporary->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (temporary->fd >= 0 && take_lock(temporary)) return true;
        if (temporary->fd < 0 && errno != EEXIST) break;
        if (temporary->fd >= 0) {
            (void)unlinkat(directory, temporary->name, 0);
            (void)close(temporary->fd);
            temporary->fd = -1;
            errno = EEXIST;
        }
    }
    temporary->name[0] = '\0';
    return false;
}

// ---- cleaning up

static bool is_temporary_of(const char *name, const char *target) {
    const size_t n = kept_length(target);
    if (name[0] != '.' || strncmp(name + 1, target, n) != 0 || name[1 + n] != '.') return false;
    const char *at = name + 1 + n + 1;
    const size_t n_process = strspn(at, "0123456789");
    if (n_process == 0 || at[n_process] != '-') return false;
    at += n_process + 1;
    return strspn(at, "0123456789abcdef") == RANDOM_DIGITS &&
           strcmp(at + RANDOM_DIGITS, ending) == 0;
}

static void remove_if_abandoned(int directory, const char *name) {
    struct stat about;
    const int fd = openat(directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        (void)unlinkat(directory, name, 0);
    }
    (void)close(fd);
}

void rk__temporary_clean(int directory, const char *target) {
    const int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    DIR *entries = fdopendir(fd);
    if (!entries) {
        (void)close(fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        if (is_temporary_of(entry->d_name, target)) remove_if_abandoned(directory, entry->d_name);
    }
    (void)closedir(entries);
}
