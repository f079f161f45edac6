// The pair of files that training reads tokens from. The .bin file is integers and nothing else;
// the .idx file says how it is divided (all little-endian):
//
//     0                9         17     18            26             34
//     +----------------+---------+------+-------------+--------------+---------+-----------+-----+
//     | "MMIDIDX" 00 00| version | type | n_sequences | n_boundaries | sizes   | pointers  | b.  |
//     | 9 bytes        | u64: 1  | u8   | u64         | u64          | n x i32 | n x i64   | i64 |
//     +----------------+---------+------+-------------+--------------+---------+-----------+-----+
//
// sizes are tokens, pointers bytes in the .bin file; document d is made of the sequences
// boundaries[d] .. boundaries[d + 1].
#include "eval/token_file_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/cursor.h"
#include "base/memory.h"
#include "tensor/little_endian.h"

static const uint8_t magic[9] = "MMIDIDX\0";
enum { HEADER_BYTES = 34, SIZE_BYTES = 4, POINTER_BYTES = 8 };

bool rk__pair_recognize(const rk__file *file) {
    uint8_t begin[sizeof magic];
    return file->size >= sizeof begin &&
           rk__file_read(file, 0, begin, sizeof begin, NULL) == RK_OK &&
           memcmp(begin, magic, sizeof begin) == 0;
}

// ---- opening

static bool type_of_code(rk__integer_type *type, unsigned code) {
    // 6 and 7 are floats.
    static const rk__integer_type types[] = {
        [1] = {.width = 1},
        [2] = {.width = 1, .is_signed = true},
        [3] = {.width = 2, .is_signed = true},
        [4] = {.width = 4, .is_signed = true},
        [5] = {.width = 8, .is_signed = true},
        [8] = {.width = 2},
    };
    if (code >= sizeof types / sizeof types[0] || types[code].width == 0) return false;
    *type = types[code];
    return true;
}

// The arrays must fit into the file; newer writers put more behind them.
static bool lay_out(rk__pair_index *index, uint64_t size) {
    const uint64_t left = size - HEADER_BYTES;
    if (index->n_boundaries < 1 || index->n_sequences > left / (SIZE_BYTES + POINTER_BYTES)) {
        return false;
    }
    const uint64_t sequences = index->n_sequences * (SIZE_BYTES + POINTER_BYTES);
    if (index->n_boundaries > (left - sequences) / POINTER_BYTES) return false;
    index->sizes = HEADER_BYTES;
    index->pointers = index->sizes + index->n_sequences * SIZE_BYTES;
    index->boundaries = index->pointers + index->n_sequences * POINTER_BYTES;
    return true;
}

static rk_status read_header(rk_token_file *f, rk_error *err) {
    uint8_t bytes[HEADER_BYTES] = {0};
    if (f->file.size < HEADER_BYTES) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: an index of %" PRIu64 " bytes", f->file.path,
                        f->file.size);
    }
    RK_TRY(rk__file_read(&f->file, 0, bytes, sizeof bytes, err));
    rk__cursor c = rk__cursor_over(bytes, sizeof bytes);
    (void)rk__cursor_bytes(&c, sizeof magic);
    const uint64_t version = rk__cursor_u64le(&c);
    const unsigned code = rk__cursor_u8(&c);
    f->index.n_sequences = rk__cursor_u64le(&c);
    f->index.n_boundaries = rk__cursor_u64le(&c);
    if (version != 1 || !type_of_code(&f->type, code)) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: index of version %" PRIu64
                        " with tokens of type %u; read are version 1 and the integer types 1 to 5 "
                        "and 8",
                        f->file.path, version, code);
    }
    if (lay_out(&f->index, f->file.size)) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: %" PRIu64 " sequences and %" PRIu64 " boundaries in a file of %" PRIu64
                    " bytes",
                    f->file.path, f->index.n_sequences, f->index.n_boundaries, f->file.size);
}

rk_status rk__pair_open(rk_token_file *f, rk_error *err) {
    RK_TRY(read_header(f, err));
    f->n_documents = f->index.n_boundaries - 1;
    const size_t length = strlen(f->file.path);
    if (length < 4 || strcmp(f->file.path + length - 4, ".idx") != 0) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "%s: an index needs a name that ends in .idx, to find the .bin beside it",
                        f->file.path);
    }
    char *data;
    RK_TRY(rk__copy_string(&data, f->file.path, length, err));
    memcpy(data + length - 4, ".bin", 4);
    const rk_status status = rk__file_open(&f->data, data, err);
    rk__free(data);
    return status;
}

// ---- documents

static rk_status load_u64(const rk__file *file, uint64_t offset, uint64_t *out, rk_error *err) {
    uint8_t bytes[8];
    RK_TRY(rk__file_read(file, offset, bytes, sizeof bytes, err));
    *out = rk__load_u64le(bytes);
    return RK_OK;
}

// The sequences of a document. A negative number is a very large one here, and refused as such.
static rk_status find_sequences(const rk_token_file *f, uint64_t document, uint64_t *first,
                                uint64_t *end, rk_error *err) {
    const uint64_t at = f->index.boundaries + document * POINTER_BYTES;
    RK_TRY(load_u64(&f->file, at, first, err));
    RK_TRY(load_u64(&f->file, at + POINTER_BYTES, end, err));
    if (*first <= *end && *end <= f->index.n_sequences) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: document %" PRIu64 " is sequences %" PRIu64 " to %" PRIu64 " of %" PRIu64,
                    f->file.path, document, *first, *end, f->index.n_sequences);
}

static rk_status find_tokens(const rk_token_file *f, uint64_t sequence, uint64_t *offset,
                             uint64_t *n_tokens, rk_error *err) {
    uint8_t size[SIZE_BYTES];
    RK_TRY(rk__file_read(&f->file, f->index.sizes + sequence * SIZE_BYTES, size, sizeof size, err));
    RK_TRY(load_u64(&f->file, f->index.pointers + sequence * POINTER_BYTES, offset, err));
    *n_tokens = rk__load_u32le(size);
    if (*n_tokens <= INT32_MAX && *offset <= f->data.size &&
        *n_tokens <= (f->data.size - *offset) / f->type.width) {
        return RK_OK;
    }
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: sequence %" PRIu64 " has %" PRIu64 " tokens from byte %" PRIu64
                    " on; %s has %" PRIu64 " bytes",
                    f->file.path, sequence, *n_tokens, *offset, f->data.path, f->data.size);
}

rk_status rk__pair_length(const rk_token_file *f, uint64_t document, uint64_t *n_tokens,
                          rk_error *err) {
    uint64_t first, end, offset, n;
    RK_TRY(find_sequences(f, document, &first, &end, err));
    *n_tokens = 0;
    for (uint64_t i = first; i < end; i++) {
        RK_TRY(find_tokens(f, i, &offset, &n, err));
        *n_tokens += n; // both are below 2^63: at most n_sequences x 2^31, and the file bounds that
    }
    return RK_OK;
}

rk_status rk__pair_read(const rk_token_file *f, uint64_t document, size_t n, uint32_t *tokens,
                        rk_error *err) {
    uint64_t first, end, offset, length;
    size_t done = 0;
    RK_TRY(find_sequences(f, document, &first, &end, err));
    for (uint64_t i = first; i < end && done < n; i++) {
        RK_TRY(find_tokens(f, i, &offset, &length, err));
        const size_t count = length < n - done ? (size_t)length : n - done;
        RK_TRY(rk__integers_read(&f->data, f->type, offset, count, tokens + done, document, done,
                                 err));
        done += count;
    }
    return RK_OK;
}
