// Files of token ids: which kind it is, and .npy arrays.
#include "eval/token_file_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "eval/npy_header.h"

static const uint8_t npy_magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

static bool is_npy(const rk__file *file) {
    uint8_t begin[sizeof npy_magic];
    return file->size >= sizeof begin &&
           rk__file_read(file, 0, begin, sizeof begin, NULL) == RK_OK &&
           memcmp(begin, npy_magic, sizeof begin) == 0;
}

bool rk_token_file_recognize(const char *path) {
    rk__file file;
    if (rk__file_open(&file, path, NULL) != RK_OK) return false;
    const bool known = is_npy(&file) || rk__pair_recognize(&file);
    rk__file_close(&file);
    return known;
}

// ---- integers

static uint64_t load_integer(const uint8_t *bytes, rk__integer_type type) {
    uint64_t value = 0;
    for (size_t i = 0; i < type.width; i++) {
        const size_t at = type.big_endian ? i : type.width - 1U - i;
        value = value << 8 | bytes[at];
    }
    return value;
}

static bool is_negative(uint64_t value, rk__integer_type type) {
    return type.is_signed && (value >> (8 * type.width - 1) & 1) != 0;
}

rk_status rk__integers_read(const rk__file *file, rk__integer_type type, uint64_t offset, size_t n,
                            uint32_t *out, uint64_t document, uint64_t position, rk_error *err) {
    uint8_t bytes[8192];
    const size_t most = sizeof bytes / type.width;
    for (size_t done = 0; done < n;) {
        const size_t count = n - done < most ? n - done : most;
        RK_TRY(rk__file_read(file, offset + done * type.width, bytes, count * type.width, err));
        for (size_t i = 0; i < count; i++) {
            const uint64_t value = load_integer(bytes + i * type.width, type);
            if (is_negative(value, type) || value > UINT32_MAX) {
                return rk__fail(err, RK_ERR_RANGE,
                                "%s: token %" PRIu64 " of document %" PRIu64 " is %s", file->path,
                                position + done + i, document,
                                is_negative(value, type) ? "negative" : "above 4294967295");
            }
            out[done + i] = (uint32_t)value;
        }
        done += count;
    }
    return RK_OK;
}

// ---- .npy

// "<u2", ">i8", "|u1".
static bool parse_type(rk__integer_type *type, const char *text) {
    if (strlen(text) != 3 || strchr("<>|", text[0]) == NULL || strchr("ui", text[1]) == NULL ||
        strchr("1248", text[2]) == NULL) {
        return false;
    }
    *type = (rk__integer_type){.width = (unsigned char)(text[2] - '0'),
                               .is_signed = text[1] == 'i',
                               .big_endian = text[0] == '>'};
    return true;
}

static rk_status open_npy(rk_token_file *f, rk_error *err) {
    rk__npy_array a;
    RK_TRY(rk__npy_array_read(&a, &f->file, err));
    if (!parse_type(&f->type, a.type) || a.n_dims < 1 || a.n_dims > 2 ||
        (a.fortran_order && a.n_dims == 2)) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: an array of type '%s', %zu dimensions, %s order; expected are tokens: "
                        "integers, 1 dimension, or 2 in C order",
                        f->file.path, a.type, a.n_dims, a.fortran_order ? "Fortran" : "C");
    }
    f->row_length = a.dims[a.n_dims - 1];
    f->n_documents = a.n_dims == 1 ? 1 : f->row_length == 0 ? 0 : a.dims[0];
    f->first = a.data;
    const uint64_t left = f->file.size - a.data, width = f->type.width;
    // In this order, nothing can overflow.
    const bool fits = f->n_documents == 0 || f->row_length == 0
                          ? left == 0
                          : left % width == 0 && left / width % f->n_documents == 0 &&
                                left / width / f->n_documents == f->row_length;
    if (fits) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: %" PRIu64 " bytes of numbers, for %" PRIu64 " documents of %" PRIu64
                    " tokens of %" PRIu64 " bytes",
                    f->file.path, left, f->n_documents, f->row_length, width);
}

// ---- both kinds

static rk_status open_kind(rk_token_file *f, rk_error *err) {
    if (is_npy(&f->file)) return open_npy(f, err);
    f->is_pair = rk__pair_recognize(&f->file);
    if (f->is_pair) return rk__pair_open(f, err);
    return rk__fail(err, RK_ERR_FORMAT, "%s: neither a .npy file nor the index of token data",
                    f->file.path);
}

rk_status rk_token_file_open(rk_token_file **out, const char *path, rk_error *err) {
    rk_token_file *f = NULL;
    *out = NULL;
    RK_TRY(rk__alloc((void **)&f, 1, sizeof *f, err));
    f->file.fd = f->data.fd = -1;
    rk_status status = rk__file_open(&f->file, path, err);
    if (status != RK_OK) {
        rk__free(f);
        return status;
    }
    status = open_kind(f, err);
    if (status != RK_OK) rk_token_file_close(&f);
    *out = f;
    return status;
}

void rk_token_file_close(rk_token_file **file) {
    if (*file == NULL) return;
    rk__file_close(&(*file)->file);
    if ((*file)->data.path != NULL) rk__file_close(&(*file)->data);
    rk__free(*file);
    *file = NULL;
}

const char *rk_token_file_kind(const rk_token_file *file) {
    return file->is_pair ? "idx" : "npy";
}

const char *rk_token_file_path(const rk_token_file *file) {
    return file->file.path;
}

const char *rk_token_file_data_path(const rk_token_file *file) {
    return file->data.path;
}

uint64_t rk_token_file_documents(const rk_token_file *file) {
    return file->n_documents;
}

rk_status rk_token_file_length(const rk_token_file *file, uint64_t document, uint64_t *n_tokens,
                               rk_error *err) {
    if (document >= file->n_documents) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: document %" PRIu64 " of %" PRIu64,
                        file->file.path, document, file->n_documents);
    }
    if (file->is_pair) return rk__pair_length(file, document, n_tokens, err);
    *n_tokens = file->row_length;
    return RK_OK;
}

rk_status rk_token_file_read(const rk_token_file *file, uint64_t document, size_t n,
                             uint32_t *tokens, rk_error *err) {
    uint64_t length;
    RK_TRY(rk_token_file_length(file, document, &length, err));
    if (n > length) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "%s: document %" PRIu64 " has %" PRIu64 " tokens, not %zu", file->file.path,
                        document, length, n);
    }
    if (file->is_pair) return rk__pair_read(file, document, n, tokens, err);
    const uint64_t at = file->first + document * file->row_length * file->type.width;
    return rk__integers_read(&file->file, file->type, at, n, tokens, document, 0, err);
}
