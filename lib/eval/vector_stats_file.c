// Statistics files. Layout: docs/formats.md.
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <zlib.h>

#include "base/cursor.h"
#include "base/file.h"
#include "base/memory.h"
#include "eval/vector_stats_internal.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "doubles are stored as they lie there");

static const uint8_t magic[8] = {'r', 'k', 's', 't', 'a', 't', 's', '\n'};
enum { VERSION = 1, HEADER_BYTES = 40, MOST_KEY = 1 << 20 };

// The header's fields behind the magic.
typedef struct header {
    uint32_t version;
    uint32_t checksum; // CRC-32 of everything behind it
    uint64_t n_columns, count;
    uint32_t key_bytes; // of the text behind the header
} header;

// ---- saving

static void put(uint8_t **at, uint64_t value, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) *(*at)++ = (uint8_t)(value >> (8 * i));
}

static void encode_header(uint8_t bytes[HEADER_BYTES], const header *h) {
    memset(bytes, 0, HEADER_BYTES);
    memcpy(bytes, magic, sizeof magic);
    uint8_t *at = bytes + sizeof magic;
    put(&at, h->version, 4);
    put(&at, h->checksum, 4);
    put(&at, h->n_columns, 8);
    put(&at, h->count, 8);
    put(&at, h->key_bytes, 4);
}

// The checksum covers what stands in the file behind it: the rest of the header, then the parts.
enum { CHECKED_FROM = sizeof magic + 8 };

static uint32_t checksum_of(const uint8_t header_bytes[HEADER_BYTES], const char *key,
                            const rk_vector_stats *s, size_t key_bytes) {
    const size_t n = s->n_columns * sizeof(double);
    uLong crc = crc32_z(0, header_bytes + CHECKED_FROM, HEADER_BYTES - CHECKED_FROM);
    crc = crc32_z(crc, (const Bytef *)key, key_bytes);
    crc = crc32_z(crc, (const Bytef *)s->mean, n);
    return (uint32_t)crc32_z(crc, (const Bytef *)s->squares, n);
}

static rk_status write_parts(rk__output *output, const uint8_t header_bytes[HEADER_BYTES],
                             const char *key, const rk_vector_stats *s, rk_error *err) {
    const size_t n = s->n_columns * sizeof(double);
    RK_TRY(rk__output_write(output, header_bytes, HEADER_BYTES, err));
    RK_TRY(rk__output_write(output, key, strlen(key), err));
    RK_TRY(rk__output_write(output, s->mean, n, err));
    return rk__output_write(output, s->squares, n, err);
}

rk_status rk_vector_stats_save(const rk_vector_stats *stats, const char *key, const char *path,
                               rk_error *err) {
    const size_t key_bytes = strlen(key);
    if (key_bytes > MOST_KEY) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: a key of %zu bytes", path, key_bytes);
    }
    header h = {.version = VERSION,
                .n_columns = stats->n_columns,
                .count = stats->count,
                .key_bytes = (uint32_t)key_bytes};
    uint8_t bytes[HEADER_BYTES];
    encode_header(bytes, &h);
    h.checksum = checksum_of(bytes, key, stats, key_bytes);
    encode_header(bytes, &h);
    rk__output *output = NULL;
    RK_TRY(rk__output_open(&output, path, err));
    const rk_status status = write_parts(output, bytes, key, stats, err);
    if (status == RK_OK) return rk__output_commit(&output, true, err);
    rk__output_abort(&output);
    return status;
}

// ---- reading

// Reads the header, and checks it against the file's size before anything is allocated.
static rk_status read_header(header *h, uint8_t bytes[HEADER_BYTES], const rk__file *file,
                             rk_error *err) {
    memset(bytes, 0, HEADER_BYTES);
    const size_t there = file->size < HEADER_BYTES ? (size_t)file->size : HEADER_BYTES;
    RK_TRY(rk__file_read(file, 0, bytes, there, err));
    if (there < HEADER_BYTES || memcmp(bytes, magic, sizeof magic) != 0) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: no statistics file", file->path);
    }
    rk__cursor c = rk__cursor_over(bytes + sizeof magic, HEADER_BYTES - sizeof magic);
    h->version = rk__cursor_u32le(&c);
    h->checksum = rk__cursor_u32le(&c);
    h->n_columns = rk__cursor_u64le(&c);
    h->count = rk__cursor_u64le(&c);
    h->key_bytes = rk__cursor_u32le(&c);
    if (h->version != VERSION) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: statistics file of version %u, expected %d",
                        file->path, (unsigned)h->version, VERSION);
    }
    const uint64_t left = file->size - HEADER_BYTES;
    const bool fits = h->key_bytes <= MOST_KEY && h->key_bytes <= left && h->n_columns > 0 &&
                      h->n_columns <= left / 16 && left - h->key_bytes == 16 * h->n_columns;
    if (fits) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: %" PRIu64 " bytes are not those of %" PRIu64
                    " columns with a key of %u bytes",
                    file->path, file->size, h->n_columns, (unsigned)h->key_bytes);
}

static rk_status check_values(const rk_vector_stats *s, const char *path, rk_error *err) {
    if (s->count == 0) return rk__fail(err, RK_ERR_RANGE, "%s: statistics of no rows", path);
    for (size_t i = 0; i < s->n_columns; i++) {
        if (isfinite(s->mean[i]) && isfinite(s->squares[i]) && s->squares[i] >= 0) continue;
        return rk__fail(err, RK_ERR_RANGE, "%s: column %zu has mean %g, sum of squares %g", path, i,
                        s->mean[i], s->squares[i]);
    }
    return RK_OK;
}

static rk_status check_key(const char *found, const char *expected, size_t n_columns,
                           const rk_vector_stats *s, const char *path, rk_error *err) {
    if (strcmp(found, expected) != 0) {
        return rk__fail(err, RK_ERR_MISMATCH, "%s: statistics of '%.160s'; these are '%.160s'",
                        path, found, expected);
    }
    if (s->n_columns == n_columns) return RK_OK;
    return rk__fail(err, RK_ERR_MISMATCH, "%s: statistics of %zu columns; these are %zu", path,
                    s->n_columns, n_columns);
}

static rk_status read_parts(rk_vector_stats *s, char *key, const header *h, const rk__file *file,
                            rk_error *err) {
    const size_t n = s->n_columns * sizeof(double);
    uint64_t offset = HEADER_BYTES;
    RK_TRY(rk__file_read(file, offset, key, h->key_bytes, err));
    RK_TRY(rk__file_read(file, offset += h->key_bytes, s->mean, n, err));
    return rk__file_read(file, offset + n, s->squares, n, err);
}

static rk_status read_stats(rk_vector_stats **out, const rk__file *file, const char *expected,
                            size_t n_columns, rk_error *err) {
    header h = {0};
    uint8_t bytes[HEADER_BYTES];
    char *found = NULL;
    rk_vector_stats *s = NULL;
    rk_status status = read_header(&h, bytes, file, err);
    if (status == RK_OK) status = rk_vector_stats_new(&s, (size_t)h.n_columns, err);
    if (status == RK_OK) status = rk__alloc((void **)&found, h.key_bytes + (size_t)1, 1, err);
    if (status != RK_OK) goto out;
    s->count = h.count;
    status = read_parts(s, found, &h, file, err);
    if (status != RK_OK) goto out;
    if (checksum_of(bytes, found, s, h.key_bytes) != h.checksum) {
        status =
            rk__fail(err, RK_ERR_FORMAT, "%s: checksum %08x, expected %08x", file->path,
                     (unsigned)checksum_of(bytes, found, s, h.key_bytes), (unsigned)h.checksum);
        goto out;
    }
    status = check_key(found, expected, n_columns, s, file->path, err);
    if (status == RK_OK) status = check_values(s, file->path, err);
out:
    rk__free(found);
    if (status != RK_OK) rk_vector_stats_free(&s);
    *out = s;
    return status;
}

rk_status rk_vector_stats_open(rk_vector_stats **out, const char *path, const char *key,
                               size_t n_columns, rk_error *err) {
    rk__file file;
    *out = NULL;
    RK_TRY(rk__file_open(&file, path, err));
    const rk_status status = read_stats(out, &file, key, n_columns, err);
    rk__file_close(&file);
    return status;
}
