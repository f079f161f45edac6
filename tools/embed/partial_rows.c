// Rows made so far.
#include "embed/partial_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "embed/hash.h"

static const char magic[] = "rkrows 1 "; // then the length of a row, the key, and a line feed
enum { HASHES = 2 * sizeof(uint64_t) };  // of the text, and of the record behind it

static bool fail(const partial_rows *p) {
    cli_complain("%s: %s", p->path, strerror(errno));
    return false;
}

// Reads or writes at an offset, all of it. Short of that, false; errno is 0 at the end of the file.
static bool read_all(int fd, void *data, size_t size, uint64_t offset) {
    char *at = data;
    while (size > 0) {
        const ssize_t n = pread(fd, at, size, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = 0;
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return true;
}

static bool write_all(int fd, const void *data, size_t size, uint64_t offset) {
    const char *at = data;
    while (size > 0) {
        const ssize_t n = pwrite(fd, at, size, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        at += n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return true;
}

static uint64_t offset_of(const partial_rows *p, uint64_t row) {
    return p->header + row * p->record_bytes;
}

// Writes the header, or compares it with the one that is there.
static bool begin(partial_rows *p, const char *header, uint64_t size) {
    if (size == 0) return write_all(p->fd, header, p->header, 0) || fail(p);
    char *found = cli_allocate(p->header, 1);
    const bool same = size >= p->header && read_all(p->fd, found, p->header, 0) &&
                      memcmp(found, header, p->header) == 0;
    free(found);
    if (!same) {
        cli_complain("%s: was left by a job with other options; remove it or repeat that job",
                     p->path);
    }
    return same;
}

bool partial_rows_open(partial_rows *p, const char *output, const char *key, size_t length) {
    *p = (partial_rows){.path = cli_format("%s.partial", output),
                        .length = length,
                        .record_bytes = HASHES + length * sizeof(float)};
    p->record = cli_allocate(p->record_bytes, 1);
    p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (p->fd < 0) return fail(p);
    if (flock(p->fd, LOCK_EX | LOCK_NB) != 0) {
        cli_complain("%s: another job is working on it", p->path);
        return false;
    }
    struct stat about;
    if (fstat(p->fd, &about) != 0) return fail(p);
    char *header = cli_format("%s%zu %s\n", magic, length, key);
    p->header = strlen(header);
    const uint64_t size = (uint64_t)about.st_size;
    const bool begun = begin(p, header, size);
    free(header);
    if (begun && size > p->header) p->n_found = (size - p->header) / p->record_bytes;
    return begun;
}

void partial_rows_close(partial_rows *p) {
    if (p->path != NULL && p->fd >= 0) close(p->fd);
    free(p->path);
    free(p->record);
    *p = (partial_rows){.fd = -1};
}

void partial_rows_remove(partial_rows *p) {
    if (p->path != NULL) unlink(p->path);
    partial_rows_close(p);
}

static uint64_t hash_text(const text_item *item) {
    return hash_add(HASH_BEGIN, item->text, item->length);
}

// Of everything in the record but this hash itself.
static uint64_t hash_record(const partial_rows *p) {
    const uint64_t hash = hash_add(HASH_BEGIN, p->record, sizeof hash);
    return hash_add(hash, p->record + HASHES, p->record_bytes - HASHES);
}

partial_result partial_rows_next(partial_rows *p, const text_item *item, float *row) {
    if (p->n_read == p->n_found) return PARTIAL_NONE;
    uint64_t hashes[2];
    const bool is_there = read_all(p->fd, p->record, p->record_bytes, offset_of(p, p->n_read));
    memcpy(hashes, p->record, sizeof hashes);
    if (!is_there || hashes[1] != hash_record(p)) {
        p->n_found = p->n_read; // the rest is overwritten
        return PARTIAL_NONE;
    }
    if (hashes[0] != hash_text(item)) {
        cli_complain("%s: row %ju is of another text than %s; remove it to begin anew", p->path,
                     (uintmax_t)p->n_read, item->where);
        return PARTIAL_FAILED;
    }
    memcpy(row, p->record + HASHES, p->length * sizeof *row);
    p->n_read++;
    return PARTIAL_ROW;
}

bool partial_rows_append(partial_rows *p, const text_item *item, const float *row) {
    uint64_t hashes[2] = {hash_text(item), 0};
    memcpy(p->record, hashes, sizeof hashes);
    memcpy(p->record + HASHES, row, p->length * sizeof *row);
    hashes[1] = hash_record(p);
    memcpy(p->record, hashes, sizeof hashes);
    if (!write_all(p->fd, p->record, p->record_bytes, offset_of(p, p->n_read))) return fail(p);
    p->n_found = ++p->n_read;
    return true;
}
