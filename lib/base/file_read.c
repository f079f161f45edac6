// Regular files, read at an offset.
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

// A word for what is at a path instead of a regular file.
static const char *kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a pipe";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

rk_status rk__file_open(rk__file *file, const char *path, rk_error *err) {
    *file = (rk__file){.fd = -1};
    rk_status status = RK_OK;
    struct stat about;

    // O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &about) != 0) {
        status = rk__fail_errno(err, errno, "%s", path);
        goto out;
    }
    if (!S_ISREG(about.st_mode)) {
        status = rk__fail(err, RK_ERR_IO, "%s: is %s, a regular file is needed", path,
                          kind_of(about.st_mode));
        goto out;
    }
    status = rk__copy_string(&file->path, path, strlen(path), err);
    if (status != RK_OK) goto out;
    file->fd = fd;
    file->size = (uint64_t)about.st_size;
out:
    if (status != RK_OK && fd >= 0) close(fd);
    return status;
}

rk_status rk__file_open_source(rk__file *file, const char *path, const rk__file_source *source,
                               rk_error *err) {
    *file = (rk__file){.fd = -1, .size = source->size, .source = source};
    return rk__copy_string(&file->path, path, strlen(path), err);
}

void rk__file_close(rk__file *file) {
    // The path, not the number, tells an open file: all zeros is a closed one.
    if (file->path && !file->source) close(file->fd);
    rk__free(file->path);
    *file = (rk__file){.fd = -1};
}

static rk_status fail_short(const rk__file *file, uint64_t offset, size_t size, rk_error *err) {
    return rk__fail(err, RK_ERR_IO,
                    "%s: ends before byte %" PRIu64 " + %zu; it had %" PRIu64
                    " bytes when it was opened",
                    file->path, offset, size, file->size);
}

rk_status rk__file_read(const rk__file *file, uint64_t offset, void *out, size_t size,
                        rk_error *err) {
    if (offset > INT64_MAX || size > INT64_MAX - offset) {
        return fail_short(file, offset, size, err);
    }
    if (file->source) {
        if (offset + size > file->size) return fail_short(file, offset, size, err);
        return file->source->read(file->source->self, offset, out, size, err);
    }
    uint8_t *to = out;
    size_t done = 0;
    while (done < size) {
        const ssize_t got = pread(file->fd, to + done, size - done, (off_t)(offset + done));
        if (got > 0) {
            done += (size_t)got;
        } else if (got == 0) {
            return fail_short(file, offset, size, err);
        } else if (errno != EINTR) {
            return rk__fail_errno(err, errno, "%s: cannot read %zu bytes at byte %" PRIu64,
                                  file->path, size, offset);
        }
    }
    return RK_OK;
}
