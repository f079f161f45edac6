// The .dat layout, that of llama.cpp's imatrix program. Little-endian:
//
//     i32 number of matrices, then for each
//         i32 length of the name, the name
//         i32 number of calls
//         i32 number of channels
//         f32 for each channel: mean square times number of calls
//     i32 number of the last call, i32 length of the data set's name, the name: may be missing
//
// A call is a chunk of that program's context, by default 512 tokens.
#include <string.h>

#include "base/cursor.h"
#include "base/memory.h"
#include "eval/imatrix_files.h"
#include "tensor/little_endian.h"

enum { CALL_TOKENS = 512, LEAST_RECORD = 3 * 4 + 1 };

// ---- writing

static rk_status write_i32(rk__output *output, uint64_t value, rk_error *err) {
    uint8_t bytes[4];
    if (value > INT32_MAX) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "the .dat layout has no room for %llu",
                        (unsigned long long)value);
    }
    rk__store_u32le(bytes, (uint32_t)value);
    return rk__output_write(output, bytes, sizeof bytes, err);
}

static uint64_t calls_of(uint64_t n_tokens) {
    const uint64_t calls = n_tokens / CALL_TOKENS + (n_tokens % CALL_TOKENS >= CALL_TOKENS / 2);
    return n_tokens > 0 && calls == 0 ? 1 : calls;
}

static rk_status write_record(const rk_imatrix_entry *entry, rk__output *output, rk_error *err) {
    const uint64_t calls = calls_of(entry->n_tokens);
    RK_TRY(write_i32(output, strlen(entry->name), err));
    RK_TRY(rk__output_write(output, entry->name, strlen(entry->name), err));
    RK_TRY(write_i32(output, calls, err));
    RK_TRY(write_i32(output, entry->n_channels, err));
    for (size_t i = 0; i < entry->n_channels; i++) {
        uint8_t bytes[4];
        rk__store_u32le(bytes, rk__bits_of_float(entry->mean_squares[i] * (float)calls));
        RK_TRY(rk__output_write(output, bytes, sizeof bytes, err));
    }
    return RK_OK;
}

rk_status rk__imatrix_write_dat(const rk_imatrix *imatrix, rk__output *output, rk_error *err) {
    uint64_t last = 0;
    const size_t n = rk_imatrix_count(imatrix);
    RK_TRY(write_i32(output, n, err));
    for (size_t i = 0; i < n; i++) {
        const rk_imatrix_entry entry = rk_imatrix_at(imatrix, i);
        RK_TRY(write_record(&entry, output, err));
        if (calls_of(entry.n_tokens) > last) last = calls_of(entry.n_tokens);
    }
    RK_TRY(write_i32(output, last, err));
    return write_i32(output, 0, err);
}

// ---- reading

static rk_status refuse(const rk__file *file, const char *what, size_t at, rk_error *err) {
    return rk__fail(err, RK_ERR_FORMAT, "%s: neither .npz nor .dat: %s at byte %zu", file->path,
                    what, at);
}

static rk_status read_record(rk_imatrix *imatrix, const rk__file *file, rk__cursor *c,
                             rk_error *err) {
    const size_t start = c->offset;
    const int32_t length = rk__cursor_i32le(c);
    const char *name = length > 0 ? (const char *)rk__cursor_bytes(c, (size_t)length) : NULL;
    const int32_t calls = rk__cursor_i32le(c);
    const int32_t channels = rk__cursor_i32le(c);
    if (c->failed || name == NULL || calls < 0 || channels <= 0 ||
        channels > RK__IMATRIX_MAX_CHANNELS || (size_t)channels > rk__cursor_left(c) / 4) {
        return refuse(file, "no record of a matrix", start, err);
    }
    rk__imatrix_record *record;
    RK_TRY(rk__imatrix_check_name(imatrix, file, name, (size_t)length, err));
    RK_TRY(rk__imatrix_add(imatrix, name, (size_t)length, (size_t)channels, 0, &record, err));
    record->n_tokens = (uint64_t)calls * CALL_TOKENS;
    const float share = calls > 0 ? 1.0F / (float)calls : 1.0F;
    for (int32_t i = 0; i < channels; i++) {
        record->mean_squares[i] = rk__float_from_bits(rk__cursor_u32le(c)) * share;
    }
    return rk__imatrix_check_squares(file, record, err);
}

static rk_status read_records(rk_imatrix *imatrix, const rk__file *file, rk__cursor *c,
                              rk_error *err) {
    const int32_t n = rk__cursor_i32le(c);
    if (c->failed || n <= 0 || (size_t)n > rk__cursor_left(c) / LEAST_RECORD) {
        return refuse(file, "no number of matrices", 0, err);
    }
    for (int32_t i = 0; i < n; i++) RK_TRY(read_record(imatrix, file, c, err));
    return RK_OK;
}

rk_status rk__imatrix_read_dat(rk_imatrix *imatrix, const rk__file *file, rk_error *err) {
    uint8_t *bytes;
    if (file->size > SIZE_MAX) return rk__fail_memory(err, SIZE_MAX);
    RK_TRY(rk__alloc((void **)&bytes, (size_t)file->size + 1, 1, err));
    rk_status status = rk__file_read(file, 0, bytes, (size_t)file->size, err);
    if (status == RK_OK) {
        rk__cursor c = rk__cursor_over(bytes, (size_t)file->size);
        status = read_records(imatrix, file, &c, err);
    }
    rk__free(bytes);
    return status;
}
