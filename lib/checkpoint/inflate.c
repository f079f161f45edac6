// Inflating and checksums over files, in bounded memory.
#include "checkpoint/inflate.h"

#include <inttypes.h>
#include <zlib.h>

#include "base/memory.h"

enum { CHUNK = 128 << 10 };

uint32_t rk__crc32(uint32_t crc, const void *bytes, size_t size) {
    return (uint32_t)crc32_z(crc, bytes, size);
}

uint32_t rk__crc32_moved(uint32_t crc, uint64_t behind) {
    return (uint32_t)crc32_combine(crc, 0, (z_off_t)behind);
}

rk_status rk__file_crc(const rk__file *file, uint64_t offset, uint64_t size, uint32_t *crc,
                       rk_error *err) {
    void *buffer;
    rk_status status = rk__alloc_aligned(&buffer, CHUNK, 1, err);
    uint32_t sum = 0;
    for (uint64_t done = 0; status == RK_OK && done < size;) {
        const size_t n = size - done < CHUNK ? (size_t)(size - done) : CHUNK;
        status = rk__file_read(file, offset + done, buffer, n, err);
        if (status == RK_OK) sum = rk__crc32(sum, buffer, n);
        done += n;
    }
    rk__free(buffer);
    *crc = sum;
    return status;
}

// One stream on its way.
typedef struct inflation {
    const rk__file *file;
    const rk__packed *packed;
    z_stream zlib;
    uint8_t *in;     // [CHUNK]
    uint8_t *window; // [CHUNK], where output goes that nobody keeps
    uint8_t *out;    // or NULL
    uint64_t eaten, given;
    uint32_t crc;
} inflation;

static rk_status fail_stream(const inflation *job, const char *what, rk_error *err) {
    return rk__fail(err, RK_ERR_FORMAT, "%s: %s: %s after %" PRIu64 " of %" PRIu64 " bytes",
                    job->file->path, job->packed->what, what, job->given, job->packed->size);
}

static rk_status feed(inflation *job, rk_error *err) {
    const uint64_t left = job->packed->packed_size - job->eaten;
    const size_t n = left < CHUNK ? (size_t)left : CHUNK;
    RK_TRY(rk__file_read(job->file, job->packed->offset + job->eaten, job->in, n, err));
    job->zlib.next_in = job->in;
    job->zlib.avail_in = (unsigned)n;
    job->eaten += n;
    return RK_OK;
}

// Inflates once; *done at the end of the stream. One byte of room beyond the declared size shows a
// stream that gives too much.
static rk_status step(inflation *job, bool *done, rk_error *err) {
    if (job->zlib.avail_in == 0 && job->eaten < job->packed->packed_size) {
        RK_TRY(feed(job, err));
    }
    const uint64_t left = job->packed->size - job->given;
    const bool direct = job->out && left > 0;
    uint8_t *to = direct ? job->out + job->given : job->window;
    const unsigned room = left > CHUNK ? CHUNK : direct ? (unsigned)left : (unsigned)left + 1;

    job->zlib.next_out = to;
    job->zlib.avail_out = room > CHUNK ? CHUNK : room;
    const unsigned offered = job->zlib.avail_out;
    const int code = inflate(&job->zlib, Z_NO_FLUSH);
    if (code == Z_MEM_ERROR) return rk__fail_memory(err, CHUNK);
    if (code == Z_BUF_ERROR) return fail_stream(job, "the compressed data ends", err);
    if (code != Z_OK && code != Z_STREAM_END) {
        return fail_stream(job, "the compressed data is damaged", err);
    }
    const size_t got = offered - job->zlib.avail_out;
    if (got > left) return fail_stream(job, "more comes out than declared", err);
    job->crc = rk__crc32(job->crc, to, got);
    job->given += got;
    *done = code == Z_STREAM_END;
    return RK_OK;
}

static rk_status run(inflation *job, rk_error *err) {
    for (bool done = false; !done;) RK_TRY(step(job, &done, err));
    if (job->given != job->packed->size) return fail_stream(job, "the data ends", err);
    if (job->eaten != job->packed->packed_size || job->zlib.avail_in != 0) {
        return fail_stream(job, "there is more compressed data than its stream", err);
    }
    return RK_OK;
}

rk_status rk__inflate(const rk__file *file, const rk__packed *packed, void *out, uint32_t *crc,
                      rk_error *err) {
    void *buffers = NULL;
    inflation job = {.file = file, .packed = packed, .out = out};
    // Raw deflate: no zlib header, the largest window.
    if (inflateInit2(&job.zlib, -15) != Z_OK) return rk__fail_memory(err, CHUNK);
    rk_status status = rk__alloc_aligned(&buffers, 2, CHUNK, err);
    if (status != RK_OK) goto out;
    job.in = buffers;
    job.window = job.in + CHUNK;
    status = run(&job, err);
    *crc = job.crc;
out:
    inflateEnd(&job.zlib);
    rk__free(buffers);
    return status;
}
