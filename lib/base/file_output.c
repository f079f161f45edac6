// Output files that appear whole or not at all: written beside the target, flushed, renamed.
//
// The directory is held open and the temporary file is named relative to it, so that the rename
// happens in the directory that was checked at first, whatever becomes of its path or of the
// working directory. Pipes and character devices cannot be replaced by a rename and are written to
// as they come.
#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/temporary_file.h"

struct rk__output {
    int fd;
    int directory;           // -1: written in place
    char *path;              // as the caller named it, for messages
    char *name;              // final name, relative to the directory
    rk__temporary temporary; // without a name when there is none to remove
    uint8_t *buffer;
    size_t buffered;
    uint64_t flushed; // bytes handed to the system; the buffer's place in the file
};

uint64_t rk__output_size(const rk__output *output) {
    return output->flushed + output->buffered;
}

// Splits `path` and opens its directory.
static rk_status open_directory(rk__output *output, const char *path, rk_error *err) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (name[0] == '\0') {
        return rk__fail(err, RK_ERR_IO, "%s: is no file name", output->path);
    }
    RK_TRY(rk__copy_string(&output->name, name, strlen(name), err));

    char *directory = NULL;
    // The slash stays: it is the whole name of the root.
    const size_t length = slash ? (size_t)(slash + 1 - path) : 1;
    RK_TRY(rk__copy_string(&directory, slash ? path : ".", length, err));
    output->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const int open_errno = errno;
    rk__free(directory);
    if (output->directory < 0) {
        return rk__fail_errno(err, open_errno, "%s: cannot open its directory", output->path);
    }
    return RK_OK;
}

// Also the moment to clean up: whoever is killed leaves a file, and the next one takes it away.
static rk_status create_temporary(rk__output *output, rk_error *err) {
    rk__temporary_clean(output->directory, output->name);
    if (!rk__temporary_create(&output->temporary, output->directory, output->name)) {
        return rk__fail_errno(err, errno, "%s: cannot create a file beside it", output->path);
    }
    output->fd = output->temporary.fd;
    return RK_OK;
}

// A target that exists: the file behind it, which symbolic links to it keep naming, is what is
// replaced.
static rk_status open_replacement(rk__output *output, const struct stat *old, rk_error *err) {
    char *real = realpath(output->path, NULL);
    if (!real || faccessat(AT_FDCWD, real, W_OK, AT_EACCESS) != 0) {
        const rk_status status = rk__fail_errno(err, errno, "%s: cannot be replaced", output->path);
        free(real);
        return status;
    }
    rk_status status = open_directory(output, real, err);
    free(real);
    RK_TRY(status);
    RK_TRY(create_temporary(output, err));
    if (fchmod(output->fd, old->st_mode & 0777) != 0) {
        return rk__fail_errno(err, errno, "%s: cannot keep its permissions", output->path);
    }
    return RK_OK;
}

static rk_status open_new(rk__output *output, rk_error *err) {
    struct stat link;
    if (lstat(output->path, &link) == 0 && S_ISLNK(link.st_mode)) {
        return rk__fail(err, RK_ERR_IO, "%s: is a symbolic link to nothing", output->path);
    }
    RK_TRY(open_directory(output, output->path, err));
    return create_temporary(output, err);
}

static rk_status open_in_place(rk__output *output, rk_error *err) {
    output->fd = open(output->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (output->fd < 0) return rk__fail_errno(err, errno, "%s", output->path);
    return RK_OK;
}

static rk_status open_target(rk__output *output, rk_error *err) {
    struct stat old;
    if (stat(output->path, &old) != 0) {
        if (errno == ENOENT) return open_new(output, err);
        return rk__fail_errno(err, errno, "%s", output->path);
    }
    if (S_ISREG(old.st_mode)) return open_replacement(output, &old, err);
    if (S_ISFIFO(old.st_mode) || S_ISCHR(old.st_mode)) return open_in_place(output, err);
    return rk__fail(err, RK_ERR_IO, "%s: is %s, a file is to be written", output->path,
                    S_ISDIR(old.st_mode) ? "a directory" : "a device or socket");
}

rk_status rk__output_open(rk__output **out, const char *target, rk_error *err) {
    *out = NULL;
    void *memory;
    RK_TRY(rk__alloc(&memory, 1, sizeof(rk__output), err));
    rk__output *output = memory;
    output->fd = -1;
    output->directory = -1;
    output->temporary.lock = -1;

    rk_status status = rk__alloc_aligned(&memory, RK__OUTPUT_BUFFER, 1, err);
    if (status != RK_OK) goto out;
    output->buffer = memory;
    status = rk__copy_string(&output->path, target, strlen(target), err);
    if (status != RK_OK) goto out;
    status = open_target(output, err);
out:
    if (status != RK_OK) rk__output_abort(&output);
    *out = output;
    return status;
}

// Hands bytes to the system: after those before them (offset < 0), or at an offset.
static rk_status write_fully(rk__output *output, const uint8_t *data, size_t size, off_t offset,
                             rk_error *err) {
    size_t done = 0;
    while (done < size) {
        const ssize_t written =
            offset < 0 ? write(output->fd, data + done, size - done)
                       : pwrite(output->fd, data + done, size - done, offset + (off_t)done);
        if (written >= 0) {
            done += (size_t)written;
        } else if (errno != EINTR) {
            return rk__fail_errno(err, errno, "%s: cannot write", output->path);
        }
    }
    return RK_OK;
}

static rk_status flush(rk__output *output, rk_error *err) {
    RK_TRY(write_fully(output, output->buffer, output->buffered, -1, err));
    output->flushed += output->buffered;
    output->buffered = 0;
    return RK_OK;
}

rk_status rk__output_write(rk__output *output, const void *data, size_t size, rk_error *err) {
    enum { LARGE = 256 << 10 }; // not worth a copy
    if (size >= LARGE || size > RK__OUTPUT_BUFFER - output->buffered) RK_TRY(flush(output, err));
    if (size >= LARGE) {
        RK_TRY(write_fully(output, data, size, -1, err));
        output->flushed += size;
    } else if (size > 0) {
        memcpy(output->buffer + output->buffered, data, size);
        output->buffered += size;
    }
    return RK_OK;
}

rk_status rk__output_write_at(rk__output *output, uint64_t offset, const void *data, size_t size,
                              rk_error *err) {
    assert(offset <= rk__output_size(output) && size <= rk__output_size(output) - offset);
    if (size == 0) return RK_OK;
    if (offset >= output->flushed) { // also on a pipe, where there is no other way back
        memcpy(output->buffer + (offset - output->flushed), data, size);
        return RK_OK;
    }
    RK_TRY(flush(output, err));
    return write_fully(output, data, size, (off_t)offset, err);
}

// Makes the rename itself last. A directory that may not be read, or a file system that cannot
// flush one, is no failure: the file is complete either way.
static rk_status flush_directory(const rk__output *output, rk_error *err) {
    const int fd = openat(output->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return RK_OK;
    rk_status status = RK_OK;
    if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP) {
        status = rk__fail_errno(err, errno, "%s: cannot flush its directory", output->path);
    }
    close(fd);
    return status;
}

static rk_status finish(rk__output *output, bool sync, rk_error *err) {
    const bool in_place = output->directory < 0;
    RK_TRY(flush(output, err));
    if (sync && !in_place && fsync(output->fd) != 0) {
        return rk__fail_errno(err, errno, "%s: cannot flush to disk", output->path);
    }
    // Network file systems report a full disk here.
    const int closed = close(output->fd);
    output->fd = -1;
    if (closed != 0 && errno != EINTR) {
        return rk__fail_errno(err, errno, "%s: cannot write", output->path);
    }
    if (in_place) return RK_OK;
    if (renameat(output->directory, output->temporary.name, output->directory, output->name) != 0) {
        return rk__fail_errno(err, errno, "%s: cannot put the finished file there", output->path);
    }
    output->temporary.name[0] = '\0';
    return sync ? flush_directory(output, err) : RK_OK;
}

rk_status rk__output_commit(rk__output **output, bool sync, rk_error *err) {
    const rk_status status = finish(*output, sync, err);
    rk__output_abort(output); // what there is left of it
    return status;
}

void rk__output_abort(rk__output **output) {
    rk__output *o = *output;
    if (!o) return;
    if (o->fd >= 0) close(o->fd);
    if (o->temporary.name[0] != '\0') (void)unlinkat(o->directory, o->temporary.name, 0);
    if (o->temporary.lock >= 0) close(o->temporary.lock);
    if (o->directory >= 0) close(o->directory);
    rk__free(o->buffer);
    rk__free(o->path);
    rk__free(o->name);
    rk__free(o);
    *output = NULL;
}
