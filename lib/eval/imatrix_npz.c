// The .npz layout: a zip archive of NumPy arrays, for a matrix called X
//
//     X.npy               float32 [channels]         mean squares
//     X:tokens.npy        uint64 []                  inputs seen; without it, 1
//     X:correlations.npy  float16 [channels][group]  row i: of channel i with those of its group,
//                                                    which begins at i - i % group, as a cosine:
//                                                    mean(x_i x_j) / sqrt(mean(x_i^2) mean(x_j^2));
//                                                    may be missing
//
// In a file from elsewhere values may be float16, float32 or float64, and members deflated.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/zip_directory.h"
#include "checkpoint/zip_write.h"
#include "eval/imatrix_files.h"
#include "eval/npy_header.h"
#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/little_endian.h"

static const char tokens_suffix[] = ":tokens.npy", correlations_suffix[] = ":correlations.npy",
                  suffix[] = ".npy";

// ---- writing

enum { NAME_ROOM = RK__IMATRIX_MAX_NAME + sizeof correlations_suffix };

// Version 1.0, of always the same size.
static void make_header(char header[RK__NPY_HEADER_BYTES + 1], const char *type,
                        const char *shape) {
    static const char start[] = {
        (char)0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, RK__NPY_HEADER_BYTES - 10, 0};
    memcpy(header, start, sizeof start);
    const int n = snprintf(header + sizeof start, RK__NPY_HEADER_BYTES - sizeof start,
                           "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
    const size_t used = sizeof start + (size_t)n;
    memset(header + used, ' ', RK__NPY_HEADER_BYTES - used);
    header[RK__NPY_HEADER_BYTES - 1] = '\n';
}

static rk_status add_array(rk__zip_output *zip, const char *name, const char *behind,
                           const char *type, const char *shape, const void *data, size_t size,
                           rk_error *err) {
    char member[NAME_ROOM], header[RK__NPY_HEADER_BYTES + 1];
    const int n = snprintf(member, sizeof member, "%s%s", name, behind);
    if (n < 0 || (size_t)n >= sizeof member) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "the name of %.100s... is too long for a file",
                        name);
    }
    make_header(header, type, shape);
    const rk__zip_bytes parts[] = {{header, RK__NPY_HEADER_BYTES}, {data, size}};
    return rk__zip_output_add(zip, member, parts, 2, err);
}

// The other channels of channel i's group: how many, and where they begin.
static size_t group_of(const rk_imatrix_entry *e, size_t i, size_t *first) {
    *first = i - i % e->group;
    const size_t left = e->n_channels - *first;
    return left < e->group ? left : e->group;
}

static float correlation(const rk_imatrix_entry *e, size_t i, size_t first, size_t j) {
    const double squares = (double)e->mean_squares[i] * (double)e->mean_squares[first + j];
    if (!(squares > 0.0)) return 0.0F;
    const double cosine = (double)rk_imatrix_product(e, i, first + j) / sqrt(squares);
    return (float)fmax(-1.0, fmin(1.0, cosine));
}

static rk_status add_correlations(rk__zip_output *zip, const rk_imatrix_entry *e, rk_error *err) {
    uint8_t *halves;
    char shape[64];
    const size_t n = e->n_channels * e->group;
    RK_TRY(rk__alloc((void **)&halves, n, 2, err)); // zeros where a group is smaller
    for (size_t i = 0; i < e->n_channels; i++) {
        size_t first;
        const size_t members = group_of(e, i, &first);
        for (size_t j = 0; j < members; j++) {
            rk__store_u16le(halves + 2 * (i * e->group + j),
                            rk__f16_from_float(correlation(e, i, first, j)));
        }
    }
    (void)snprintf(shape, sizeof shape, "%zu, %zu", e->n_channels, e->group);
    const rk_status status =
        add_array(zip, e->name, correlations_suffix, "<f2", shape, halves, 2 * n, err);
    rk__free(halves);
    return status;
}

static rk_status add_entry(rk__zip_output *zip, const rk_imatrix_entry *e, rk_error *err) {
    char shape[32];
    uint8_t count[8];
    rk__store_u32le(count, (uint32_t)e->n_tokens);
    rk__store_u32le(count + 4, (uint32_t)(e->n_tokens >> 32));
    (void)snprintf(shape, sizeof shape, "%zu,", e->n_channels);
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats are written as they lie");
    RK_TRY(add_array(zip, e->name, suffix, "<f4", shape, e->mean_squares,
                     e->n_channels * sizeof(float), err));
    RK_TRY(add_array(zip, e->name, tokens_suffix, "<u8", "", count, sizeof count, err));
    return e->group == 0 ? RK_OK : add_correlations(zip, e, err);
}

rk_status rk__imatrix_write_npz(const rk_imatrix *imatrix, rk__output *output, rk_error *err) {
    rk__zip_output zip;
    rk_status status = RK_OK;
    rk__zip_output_init(&zip, output);
    for (size_t i = 0; i < rk_imatrix_count(imatrix) && status == RK_OK; i++) {
        const rk_imatrix_entry entry = rk_imatrix_at(imatrix, i);
        status = add_entry(&zip, &entry, err);
    }
    if (status == RK_OK) status = rk__zip_output_finish(&zip, err);
    rk__zip_output_fini(&zip);
    return status;
}

// ---- reading

// An array in memory.
typedef struct array {
    uint8_t *bytes; // owned: the whole member
    size_t size;
    rk__npy_array header;
    size_t item_bytes; // of a value; 0: no type that is read
} array;

static rk_status read_bytes(void *self, uint64_t offset, void *out, size_t size, rk_error *err) {
    (void)err;
    memcpy(out, (const uint8_t *)self + offset, size);
    return RK_OK;
}

static size_t item_bytes_of(const char *name) {
    static const struct {
        const char *type;
        size_t bytes;
    } types[] = {{"<f2", 2}, {"<f4", 4}, {"<f8", 8}, {"<u8", 8}, {"<i8", 8}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(name, types[i].type) == 0) return types[i].bytes;
    }
    return 0;
}

// Does the member hold as many values as its header says? Dimensions are small by now.
static bool is_whole(const array *a) {
    uint64_t n = a->item_bytes;
    for (size_t i = 0; i < a->header.n_dims; i++) {
        if (a->header.dims[i] > RK__IMATRIX_MAX_CHANNELS) return false;
        n *= a->header.dims[i];
    }
    return n > 0 && a->size - a->header.data == n;
}

static rk_status parse_array(array *a, const char *label, rk_error *err) {
    const rk__file_source source = {.read = read_bytes, .self = a->bytes, .size = a->size};
    rk__file view;
    RK_TRY(rk__file_open_source(&view, label, &source, err));
    rk_status status = rk__npy_array_read(&a->header, &view, err);
    rk__file_close(&view);
    if (status != RK_OK) return status;
    a->item_bytes = item_bytes_of(a->header.type);
    const bool flat = a->header.n_dims < 2 || !a->header.fortran_order;
    if (a->header.n_dims > 2 || !flat || !is_whole(a)) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: an array of type '%s' and %zu dimensions with %zu bytes of values, "
                        "which an importance matrix has no place for",
                        label, a->header.type, a->header.n_dims, a->size - (size_t)a->header.data);
    }
    return RK_OK;
}

// A deflated member may be at most some thousand times larger than what it takes in the file.
static uint64_t limit_of(const rk__zip_member *member) {
    enum { MOST_EXPANSION = 1040, SLACK = 1024 };
    const uint64_t packed = member->packed_size;
    return packed < UINT64_MAX / MOST_EXPANSION - SLACK ? packed * MOST_EXPANSION + SLACK
                                                        : UINT64_MAX;
}

static rk_status read_array(array *a, const rk__zip *zip, size_t index, rk_error *err) {
    const rk__zip_member *member = &zip->members[index];
    char label[1024];
    *a = (array){0};
    (void)snprintf(label, sizeof label, "%.600s: %.*s", zip->file->path,
                   (int)(member->name_length < 300 ? member->name_length : 300), member->name);
    RK_TRY(rk__zip_read(zip, index, limit_of(member), &a->bytes, &a->size, err));
    const rk_status status = parse_array(a, label, err);
    if (status != RK_OK) rk__free(a->bytes);
    return status;
}

static double value_at(const array *a, size_t index) {
    const uint8_t *at = a->bytes + a->header.data + index * a->item_bytes;
    switch (a->header.type[1] == 'f' ? a->header.type[2] : 'u') {
    case '2':
        return (double)rk__float_from_f16(rk__load_u16le(at));
    case '4':
        return (double)rk__load_f32le(at);
    case '8': {
        const uint64_t bits = rk__load_u64le(at);
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    default:
        return (double)rk__load_u64le(at);
    }
}

static bool ends_with(const rk__zip_member *member, const char *end) {
    const size_t n = strlen(end);
    return member->name_length > n && memcmp(member->name + member->name_length - n, end, n) == 0;
}

// The member of the same matrix with another end, if there is one.
static bool find_sibling(const rk__zip *zip, const char *name, size_t length, const char *end,
                         size_t *index) {
    char sibling[NAME_ROOM];
    memcpy(sibling, name, length);
    memcpy(sibling + length, end, strlen(end));
    return rk__zip_find(zip, sibling, length + strlen(end), index);
}

static rk_status read_tokens(rk__imatrix_record *record, const rk__zip *zip, rk_error *err) {
    size_t index;
    array a;
    record->n_tokens = 1;
    if (!find_sibling(zip, record->name, strlen(record->name), tokens_suffix, &index)) return RK_OK;
    RK_TRY(read_array(&a, zip, index, err));
    const double tokens = a.header.n_dims == 0 ? value_at(&a, 0) : -1.0;
    rk__free(a.bytes);
    if (!(tokens >= 0.0 && tokens < 0x1p63)) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: %s has no number of tokens in '%s'",
                        zip->file->path, record->name, tokens_suffix);
    }
    record->n_tokens = (uint64_t)tokens;
    return RK_OK;
}

static rk_status fill_moments(rk__imatrix_record *record, const array *a, const char *path,
                              rk_error *err) {
    const double slack = 1e-3; // of a correlation that was rounded
    for (size_t i = 0; i < record->n_channels; i++) {
        const size_t first = i - i % record->group;
        float *moments = record->moments + rk__imatrix_products_of(record->group, i);
        for (size_t j = 0; j < record->group; j++) {
            const double cosine = value_at(a, i * record->group + j);
            if (!(fabs(cosine) <= 1.0 + slack)) {
                return rk__fail(err, RK_ERR_RANGE,
                                "%s: a correlation of %g in row %zu of those of %s", path, cosine,
                                i, record->name);
            }
            if (first + j > i) continue; // that channel's row has it
            const double squares =
                (double)record->mean_squares[i] * (double)record->mean_squares[first + j];
            moments[j] = (float)(cosine * sqrt(squares));
        }
    }
    return RK_OK;
}

// The sizes of a matrix's arrays, and the arrays themselves.
typedef struct arrays {
    array squares, correlations; // correlations.bytes NULL: none
} arrays;

static rk_status check_arrays(const arrays *a, const char *path, const char *name, size_t length,
                              rk_error *err) {
    const rk__npy_array *s = &a->squares.header, *c = &a->correlations.header;
    if (s->n_dims != 1 || s->type[1] != 'f') {
        return rk__fail(err, RK_ERR_FORMAT, "%s: %.*s is no vector of mean squares", path,
                        (int)length, name);
    }
    if (a->correlations.bytes == NULL) return RK_OK;
    const bool whole = c->dims[1] == s->dims[0] || c->dims[1] % RK__BLOCK == 0;
    if (c->n_dims == 2 && c->type[1] == 'f' && c->dims[0] == s->dims[0] &&
        c->dims[1] <= s->dims[0] && c->dims[1] <= RK_IMATRIX_MAX_GROUP && whole) {
        return RK_OK;
    }
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: correlations of %.*s in %zu dimensions, %" PRIu64 " x %" PRIu64
                    ", for %" PRIu64 " channels",
                    path, (int)length, name, c->n_dims, c->dims[0], c->dims[1], s->dims[0]);
}

static rk_status make_record(rk_imatrix *imatrix, const arrays *a, const rk__zip *zip,
                             const char *name, size_t length, rk_error *err) {
    rk__imatrix_record *record;
    const size_t n = (size_t)a->squares.header.dims[0];
    const size_t group = a->correlations.bytes == NULL ? 0 : (size_t)a->correlations.header.dims[1];
    RK_TRY(rk__imatrix_add(imatrix, name, length, n, group, &record, err));
    for (size_t i = 0; i < n; i++) record->mean_squares[i] = (float)value_at(&a->squares, i);
    RK_TRY(rk__imatrix_check_squares(zip->file, record, err));
    RK_TRY(read_tokens(record, zip, err));
    return group == 0 ? RK_OK : fill_moments(record, &a->correlations, zip->file->path, err);
}

static rk_status read_matrix(rk_imatrix *imatrix, const rk__zip *zip, size_t index, rk_error *err) {
    const rk__zip_member *member = &zip->members[index];
    const size_t length = member->name_length - strlen(suffix);
    arrays a = {0};
    size_t other;
    RK_TRY(rk__imatrix_check_name(imatrix, zip->file, member->name, length, err));
    RK_TRY(read_array(&a.squares, zip, index, err));
    rk_status status = RK_OK;
    if (find_sibling(zip, member->name, length, correlations_suffix, &other)) {
        status = read_array(&a.correlations, zip, other, err);
        if (status != RK_OK) a.correlations.bytes = NULL;
    }
    if (status == RK_OK) status = check_arrays(&a, zip->file->path, member->name, length, err);
    if (status == RK_OK) status = make_record(imatrix, &a, zip, member->name, length, err);
    rk__free(a.squares.bytes);
    rk__free(a.correlations.bytes);
    return status;
}

rk_status rk__imatrix_read_npz(rk_imatrix *imatrix, const rk__file *file, rk_error *err) {
    rk__zip zip;
    RK_TRY(rk__zip_open(&zip, file, err));
    rk_status status = RK_OK;
    for (size_t i = 0; i < zip.n_members && status == RK_OK; i++) {
        const rk__zip_member *member = &zip.members[i];
        if (!ends_with(member, suffix) || ends_with(member, tokens_suffix) ||
            ends_with(member, correlations_suffix)) {
            continue;
        }
        status = read_matrix(imatrix, &zip, i, err);
    }
    if (status == RK_OK && rk_imatrix_count(imatrix) == 0) {
        status =
            rk__fail(err, RK_ERR_FORMAT, "%s: an archive without importance matrices", file->path);
    }
    rk__zip_close(&zip);
    return status;
}
