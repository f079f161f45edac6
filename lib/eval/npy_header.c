// Writing and reading headers of .npy files.
#include "eval/npy_header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/little_endian.h"

static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
enum { PREFIX_BYTES = 10, LONG_PREFIX_BYTES = 12, MOST_TEXT = 4096 };

size_t rk__npy_row_bytes(const rk__npy_shape *shape) {
    return shape->n_columns * (shape->dtype == RK_DTYPE_F16 ? 2 : 4);
}

void rk__npy_header_write(char header[RK__NPY_HEADER_BYTES + 1], const rk__npy_shape *shape) {
    enum { TEXT_BYTES = RK__NPY_HEADER_BYTES - PREFIX_BYTES };
    memcpy(header, magic, sizeof magic);
    header[6] = 1;
    header[7] = 0;
    header[8] = TEXT_BYTES;
    header[9] = 0;
    const int written =
        snprintf(header + PREFIX_BYTES, TEXT_BYTES + 1,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRIu64 ", %zu), }",
                 shape->dtype == RK_DTYPE_F16 ? "<f2" : "<f4", shape->n_rows, shape->n_columns);
    memset(header + PREFIX_BYTES + written, ' ', (size_t)(TEXT_BYTES - written));
    header[RK__NPY_HEADER_BYTES - 1] = '\n';
}

// ---- reading: the dictionary, as numpy writes it, its keys in any order

typedef struct dictionary {
    const char *at;
    bool has_type, has_order, has_shape;
    rk__npy_array array;
} dictionary;

static void skip_blanks(dictionary *d) {
    while (*d->at == ' ' || *d->at == '\n') d->at++;
}

static bool take(dictionary *d, const char *word) {
    skip_blanks(d);
    const size_t n = strlen(word);
    if (strncmp(d->at, word, n) != 0) return false;
    d->at += n;
    return true;
}

static bool read_type(dictionary *d) {
    if (!take(d, "'")) return false;
    const size_t n = strcspn(d->at, "'");
    if (d->at[n] == '\0') return false;
    if (n < sizeof d->array.type) memcpy(d->array.type, d->at, n);
    d->at += n + 1;
    return d->has_type = true;
}

static bool read_order(dictionary *d) {
    d->array.fortran_order = take(d, "True");
    return d->has_order = d->array.fortran_order || take(d, "False");
}

static bool read_number(dictionary *d, uint64_t *out) {
    skip_blanks(d);
    const char *p = d->at;
    uint64_t n = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (n > (UINT64_MAX - 9) / 10) return false;
        n = 10 * n + (uint64_t)(*p - '0');
    }
    if (p == d->at) return false;
    *out = n;
    d->at = p;
    return true;
}

static bool read_shape(dictionary *d) {
    if (!take(d, "(")) return false;
    while (!take(d, ")")) {
        uint64_t size;
        if (!read_number(d, &size)) return false;
        if (d->array.n_dims < 2) d->array.dims[d->array.n_dims] = size;
        d->array.n_dims++;
        if (!take(d, ",")) {
            if (!take(d, ")")) return false;
            break;
        }
    }
    return d->has_shape = true;
}

static bool read_dictionary(dictionary *d) {
    if (!take(d, "{")) return false;
    while (!take(d, "}")) {
        bool fine = false;
        if (!d->has_type && take(d, "'descr':")) {
            fine = read_type(d);
        } else if (!d->has_order && take(d, "'fortran_order':")) {
            fine = read_order(d);
        } else if (!d->has_shape && take(d, "'shape':")) {
            fine = read_shape(d);
        }
        if (!fine) return false;
        if (!take(d, ",")) {
            if (!take(d, "}")) return false;
            break;
        }
    }
    skip_blanks(d);
    return *d->at == '\0' && d->has_type && d->has_order && d->has_shape;
}

// Reads where the dictionary lies: `first` bytes of prefix before `length` bytes of text.
static rk_status read_prefix(const rk__file *file, size_t *first, size_t *length, rk_error *err) {
    uint8_t prefix[LONG_PREFIX_BYTES] = {0};
    const size_t there = file->size < sizeof prefix ? (size_t)file->size : sizeof prefix;
    RK_TRY(rk__file_read(file, 0, prefix, there, err));
    if (there < sizeof prefix || memcmp(prefix, magic, sizeof magic) != 0) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: no .npy file", file->path);
    }
    if (prefix[6] < 1 || prefix[6] > 3) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: .npy version %d.%d; 1.0 to 3.0 are read",
                        file->path, prefix[6], prefix[7]);
    }
    *first = prefix[6] == 1 ? PREFIX_BYTES : LONG_PREFIX_BYTES;
    *length = prefix[6] == 1 ? rk__load_u16le(prefix + 8) : rk__load_u32le(prefix + 8);
    if (*length > MOST_TEXT || *first + *length > file->size) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: a header of %zu bytes in a file of %" PRIu64,
                        file->path, *length, file->size);
    }
    return RK_OK;
}

rk_status rk__npy_array_read(rk__npy_array *array, const rk__file *file, rk_error *err) {
    char text[MOST_TEXT + 1];
    size_t first = 0, length = 0;
    RK_TRY(read_prefix(file, &first, &length, err));
    RK_TRY(rk__file_read(file, first, text, length, err));
    text[length] = '\0';
    dictionary d = {.at = text};
    if (!read_dictionary(&d)) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: the header is not one of NumPy's: %.60s",
                        file->path, text);
    }
    *array = d.array;
    array->data = first + length;
    return RK_OK;
}

rk_status rk__npy_header_read(rk__npy_shape *shape, const rk__file *file, rk_error *err) {
    rk__npy_array a = {0};
    RK_TRY(rk__npy_array_read(&a, file, err));
    const bool half = strcmp(a.type, "<f2") == 0;
    if ((!half && strcmp(a.type, "<f4") != 0) || a.fortran_order || a.n_dims != 2 ||
        a.dims[1] == 0) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: an array of type '%s', %zu dimensions, %s order; expected are '<f4' "
                        "or '<f2', 2 dimensions with columns, and C order",
                        file->path, a.type, a.n_dims, a.fortran_order ? "Fortran" : "C");
    }
    *shape = (rk__npy_shape){.dtype = half ? RK_DTYPE_F16 : RK_DTYPE_F32,
                             .n_rows = a.dims[0],
                             .n_columns = (size_t)a.dims[1],
                             .data = a.data};
    // In this order, nothing can overflow.
    const uint64_t left = file->size - shape->data, width = half ? 2 : 4;
    const bool fits = shape->n_rows == 0
                          ? left == 0
                          : left % shape->n_rows == 0 && left / shape->n_rows % width == 0 &&
                                left / shape->n_rows / width == a.dims[1];
    if (fits) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: %" PRIu64 " bytes of numbers, for %" PRIu64 " rows of %" PRIu64
                    " columns of %" PRIu64 " bytes",
                    file->path, left, a.dims[0], a.dims[1], width);
}
