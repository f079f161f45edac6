// The layout of a model file that does not exist, and its bytes.
#include "synthetic_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch_internal.h"
#include "arch/type_plan.h"
#include "checkpoint/model_file.h"
#include "cli/allocate.h"
#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/little_endian.h"

static const synthetic_shape shapes[] = {
    {"rwkv4-169m", &rk__arch_rwkv4, 12, 768, 3072, 50277, 0, 0, 0, 0, 0},
    {"rwkv4-430m", &rk__arch_rwkv4, 24, 1024, 4096, 50277, 0, 0, 0, 0, 0},
    {"rwkv4-1b5", &rk__arch_rwkv4, 24, 2048, 8192, 50277, 0, 0, 0, 0, 0},
    {"rwkv4-3b", &rk__arch_rwkv4, 32, 2560, 10240, 50277, 0, 0, 0, 0, 0},
    {"rwkv4-7b", &rk__arch_rwkv4, 32, 4096, 16384, 50277, 0, 0, 0, 0, 0},
    {"rwkv7-0b1", &rk__arch_rwkv7, 12, 768, 3072, 65536, 64, 64, 64, 32, 128},
    {"rwkv7-0b4", &rk__arch_rwkv7, 24, 1024, 4096, 65536, 64, 64, 64, 32, 128},
    {"rwkv7-1b5", &rk__arch_rwkv7, 24, 2048, 8192, 65536, 64, 96, 96, 64, 256},
    {"rwkv7-2b9", &rk__arch_rwkv7, 32, 2560, 10240, 65536, 64, 96, 96, 64, 320},
    {"rwkv7-7b2", &rk__arch_rwkv7, 32, 4096, 16384, 65536, 64, 128, 128, 96, 480},
};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

const synthetic_shape synthetic_smoke_rwkv4 = {
    "rwkv4-smoke", &rk__arch_rwkv4, 2, 128, 256, 100, 0, 0, 0, 0, 0};
const synthetic_shape synthetic_smoke_rwkv7 = {
    "rwkv7-smoke", &rk__arch_rwkv7, 2, 128, 256, 100, 32, 32, 32, 32, 32};

const synthetic_shape *synthetic_shape_find(const char *name) {
    for (size_t i = 0; i < N_SHAPES; i++) {
        if (strcmp(shapes[i].name, name) == 0) return &shapes[i];
    }
    return NULL;
}

const char *const *synthetic_shape_names(void) {
    static const char *names[N_SHAPES + 1];
    for (size_t i = 0; i < N_SHAPES; i++) names[i] = shapes[i].name;
    return names;
}

// ---- what the file is made of

// What a tensor holds.
typedef enum content {
    CONTENT_CONSTANT, // one float everywhere
    CONTENT_RANDOM,   // matrices: values of random sign around 1 / sqrt(columns)
    CONTENT_SIGNED,   // the same, but all values of a row have one sign
} content;

// A record of the file: its header, then the data.
typedef struct record {
    uint64_t offset; // in the file
    uint8_t *header; // [header_bytes], owned
    size_t header_bytes;
    uint64_t data_bytes;
    content content;
    float constant;
    rk_dtype dtype;
    size_t columns;
    size_t unit_values, unit_bytes; // what is made at once: a block, or some floats
    uint64_t seed;
} record;

struct synthetic_model {
    const synthetic_shape *shape;
    rk__sizes sizes;
    rk__arch_plan plan; // nothing but what names, shapes and types are found by
    rk_dtype dtype;
    double zeros;
    uint8_t header[RK__MODEL_FILE_HEADER_BYTES];
    record *records; // [n_records], owned
    size_t n_records;
    rk__file_source source;
};

static void fill_sizes(synthetic_model *m) {
    const synthetic_shape *shape = m->shape;
    size_t *of = m->sizes.of;
    of['V'] = shape->n_vocab;
    of['C'] = shape->n_embd;
    of['F'] = shape->n_ffn;
    of['N'] = shape->head_size;
    of['H'] = shape->head_size == 0 ? 0 : shape->n_embd / shape->head_size;
    of['W'] = shape->rank_w;
    of['A'] = shape->rank_a;
    of['U'] = shape->rank_v;
    of['G'] = shape->rank_g;
    m->plan = (rk__arch_plan){.arch = shape->arch, .sizes = m->sizes};
    m->plan.dims.n_layer = shape->n_layer;
}

// A constant for every vector that keeps the layers' outputs in range. Layer norms' biases make the
// input of the key matrix positive on average, which CONTENT_SIGNED needs.
static float constant_of(const rk__arch_row *row) {
    if (strcmp(row->name, "att.time_decay") == 0 && row->conversion == RK__NEGATIVE_EXP) {
        return -0.5f;
    }
    return 0.5f;
}

static content content_of(const synthetic_model *m, const rk__arch_row *row) {
    if (rk__arch_is_vector(row)) return CONTENT_CONSTANT;
    const bool is_key = strcmp(row->name, "ffn.key.weight") == 0;
    return is_key && m->zeros >= 0 ? CONTENT_SIGNED : CONTENT_RANDOM;
}

static rk_dtype dtype_of(const synthetic_model *m, const rk__arch_row *row, size_t columns) {
    if (rk__arch_is_vector(row)) return RK_DTYPE_F32;
    const rk_dtype stored = row->keeps_fp32 ? RK_DTYPE_F32 : RK_DTYPE_F16;
    return rk__reference_type(row, columns, stored, m->dtype, true);
}

// Type id, sizes and name, as docs/formats.md says.
static void write_header(record *r, const rk_tensor_info *info) {
    const size_t length = strlen(info->name), n_dims = info->shape.n_dims;
    r->header_bytes = 4 * (3 + n_dims) + length;
    uint8_t *to = r->header = cli_allocate(r->header_bytes, 1);
    rk__store_u32le(to, (uint32_t)n_dims);
    rk__store_u32le(to + 4, (uint32_t)length);
    rk__store_u32le(to + 8, (uint32_t)rk__model_file_type_id(info->dtype, 101));
    for (size_t i = 0; i < n_dims; i++) {
        rk__store_u32le(to + 12 + 4 * i, (uint32_t)info->shape.dims[n_dims - 1 - i]);
    }
    memcpy(to + 12 + 4 * n_dims, info->name, length);
}

static void add_record(synthetic_model *m, const rk__arch_row *row, size_t layer) {
    enum { FLOATS_AT_ONCE = 32 };
    if (row->presence == RK__OPTIONAL && row->role == RK__STATE) return;
    if (row->presence == RK__NOT_IN_FIRST_LAYER && layer == 0) return;
    if (row->n_parts > 0 && row->part > 0) return; // its first part stands for all
    char name[RK__NAME_TEXT];
    const rk__tensor_plan tensor = {.row = row, .layer = layer};
    rk_tensor_info info = {.name = rk__arch_name(name, row, RK__NAMES_MODEL_FILE, layer),
                           .shape = rk__arch_shape(&m->plan, &tensor, RK__NAMES_MODEL_FILE)};
    size_t rows, columns, bytes;
    (void)rk_shape_matrix(&rows, &columns, &info.shape);
    info.dtype = dtype_of(m, row, columns);
    (void)rk_tensor_bytes(&bytes, &info);
    const rk_dtype_info *type = rk_dtype_describe(info.dtype);
    const size_t n_blocks = type->class_ == RK_CLASS_BLOCK ? 1 : FLOATS_AT_ONCE;
    m->records = cli_reallocate(m->records, m->n_records + 1, sizeof *m->records);
    record *r = &m->records[m->n_records++];
    *r = (record){.offset = m->source.size,
                  .data_bytes = bytes,
                  .content = content_of(m, row),
                  .constant = constant_of(row),
                  .dtype = info.dtype,
                  .columns = columns,
                  .unit_values = n_blocks * type->block_values,
                  .unit_bytes = n_blocks * type->block_bytes,
                  .seed = m->n_records * UINT64_C(0x9e3779b97f4a7c15)};
    write_header(r, &info);
    m->source.size += r->header_bytes + bytes;
}

static void add_rows(synthetic_model *m, const rk__arch_row *rows, size_t n_rows, rk__place place,
                     size_t layer) {
    for (size_t i = 0; i < n_rows; i++) {
        if (rows[i].place == place) add_record(m, &rows[i], layer);
    }
}

// ---- bytes

// Well mixed bits of a number (the finaliser of splitmix64).
static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

enum { MOST_UNIT_BYTES = 128 };

static void fill_random(uint8_t out[MOST_UNIT_BYTES], size_t n, uint64_t seed) {
    for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
        const uint64_t bits = mix(seed += UINT64_C(0x9e3779b97f4a7c15));
        memcpy(out + i, &bits, sizeof bits);
    }
}

// The row's sign: rows of the chosen share are negative.
static bool is_negative(const synthetic_model *m, const record *r, uint64_t row) {
    return (double)(mix(r->seed + row) >> 11) * 0x1p-53 < m->zeros;
}

// Two bytes a value: a random mantissa, the exponent of `scale`, and a random sign or the row's.
static void make_halves(uint8_t *out, size_t n, float scale, content kind, bool negative) {
    const uint16_t exponent = rk__f16_from_float(scale) & 0x7c00;
    for (size_t i = 0; i < n; i++) {
        uint16_t bits = (uint16_t)((rk__load_u16le(out + 2 * i) & 0x83ff) | exponent);
        if (kind == CONTENT_SIGNED) bits = (uint16_t)((bits & 0x7fff) | (negative ? 0x8000 : 0));
        rk__store_u16le(out + 2 * i, bits);
    }
}

static void make_floats(uint8_t *out, size_t n, float scale, content kind, bool negative) {
    for (size_t i = n; i-- > 0;) {
        const uint32_t bits = rk__load_u32le(out + 4 * i);
        float value = scale * (1.0f + (float)(bits >> 9) * 0x1p-23f);
        if (kind == CONTENT_SIGNED ? negative : bits & 1) value = -value;
        rk__store_u32le(out + 4 * i, rk__bits_of_float(value));
    }
}

// Codes at random, or, for one sign, those of one half of the range; a step that makes the values
// about `scale`.
static void make_block(uint8_t *out, rk_dtype dtype, float scale, content kind, bool negative) {
    const bool five_bits = dtype == RK_DTYPE_Q5_0 || dtype == RK_DTYPE_Q5_1;
    const bool bytes = dtype == RK_DTYPE_Q8_0;
    const bool has_m = dtype == RK_DTYPE_Q4_1 || dtype == RK_DTYPE_Q5_1;
    const float middle = bytes ? 128.0f : five_bits ? 16.0f : 8.0f; // of the codes' range
    const size_t codes = has_m ? 4 : 2;
    const size_t n = rk_dtype_describe(dtype)->block_bytes - codes;
    if (kind == CONTENT_SIGNED && five_bits) {
        memset(out + codes, negative ? 0 : 0xff, 4); // the fifth bits
    } else if (kind == CONTENT_SIGNED) {
        // The highest bit of a code says in which half it is; that of a signed byte is its sign.
        const uint8_t highest = bytes ? 0x80 : 0x88;
        const bool set = bytes ? negative : !negative;
        for (size_t i = 0; i < n; i++) {
            out[codes + i] = set ? out[codes + i] | highest : out[codes + i] & (uint8_t)~highest;
        }
    }
    const float step = 2.0f * scale / middle;
    rk__store_u16le(out, rk__f16_from_float(step));
    if (has_m) rk__store_u16le(out + 2, rk__f16_from_float(-middle * step));
}

static void make_unit(const synthetic_model *m, const record *r, uint64_t unit,
                      uint8_t out[MOST_UNIT_BYTES]) {
    if (r->content == CONTENT_CONSTANT) {
        for (size_t i = 0; i < r->unit_values; i++) {
            rk__store_u32le(out + 4 * i, rk__bits_of_float(r->constant));
        }
        return;
    }
    fill_random(out, r->unit_bytes, r->seed ^ unit);
    const float scale = exp2f(-ceilf(0.5f * log2f((float)r->columns)));
    const bool negative =
        r->content == CONTENT_SIGNED && is_negative(m, r, unit * r->unit_values / r->columns);
    if (r->dtype == RK_DTYPE_F16) {
        make_halves(out, r->unit_values, scale, r->content, negative);
    } else if (r->dtype == RK_DTYPE_F32) {
        make_floats(out, r->unit_values, scale, r->content, negative);
    } else {
        make_block(out, r->dtype, scale, r->content, negative);
    }
}

// Copies what the `size` bytes at `offset` share with the n bytes at `begin`, if anything.
static void copy_common(uint8_t *out, uint64_t offset, size_t size, const uint8_t *bytes,
                        uint64_t begin, size_t n) {
    const uint64_t from = begin > offset ? begin : offset;
    const uint64_t to = begin + n < offset + size ? begin + n : offset + size;
    if (from < to) memcpy(out + (from - offset), bytes + (from - begin), (size_t)(to - from));
}

static void read_data(const synthetic_model *m, const record *r, uint64_t offset, uint8_t *out,
                      size_t size) {
    const uint64_t data = r->offset + r->header_bytes;
    const uint64_t from = offset > data ? offset - data : 0;
    const uint64_t end = offset + size - data;
    const uint64_t to = end < r->data_bytes ? end : r->data_bytes;
    for (uint64_t unit = from / r->unit_bytes; unit * r->unit_bytes < to; unit++) {
        uint8_t bytes[MOST_UNIT_BYTES];
        const uint64_t begin = unit * r->unit_bytes;
        const uint64_t left = r->data_bytes - begin;
        make_unit(m, r, unit, bytes);
        copy_common(out, offset, size, bytes, data + begin,
                    left < r->unit_bytes ? (size_t)left : r->unit_bytes);
    }
}

static rk_status read_bytes(void *self, uint64_t offset, void *out, size_t size, rk_error *err) {
    (void)err;
    const synthetic_model *m = self;
    copy_common(out, offset, size, m->header, 0, sizeof m->header);
    for (size_t i = 0; i < m->n_records; i++) {
        const record *r = &m->records[i];
        const uint64_t end = r->offset + r->header_bytes + r->data_bytes;
        if (end <= offset || r->offset >= offset + size) continue;
        copy_common(out, offset, size, r->header, r->offset, r->header_bytes);
        if (offset + size > r->offset + r->header_bytes) read_data(m, r, offset, out, size);
    }
    return RK_OK;
}

// ----

static void fill_file_header(synthetic_model *m) {
    const uint32_t fields[RK__MODEL_FILE_HEADER_BYTES / 4] = {
        RK__MODEL_FILE_MAGIC,        101,
        (uint32_t)m->shape->n_vocab, (uint32_t)m->shape->n_embd,
        (uint32_t)m->shape->n_layer, (uint32_t)rk__model_file_type_id(m->dtype, 101),
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        rk__store_u32le(m->header + 4 * i, fields[i]);
    }
}

synthetic_model *synthetic_model_new(const synthetic_shape *shape, rk_dtype dtype, double zeros) {
    synthetic_model *m = cli_allocate(1, sizeof *m);
    *m = (synthetic_model){.shape = shape, .dtype = dtype, .zeros = zeros};
    m->source = (rk__file_source){read_bytes, m, sizeof m->header};
    fill_sizes(m);
    fill_file_header(m);
    add_rows(m, rk__arch_outer_rows, RK__ARCH_OUTER_ROWS, RK__BEFORE_LAYERS, 0);
    for (size_t i = 0; i < shape->n_layer; i++) {
        add_rows(m, shape->arch->rows, shape->arch->n_rows, RK__IN_LAYER, i);
    }
    add_rows(m, rk__arch_outer_rows, RK__ARCH_OUTER_ROWS, RK__AFTER_LAYERS, 0);
    return m;
}

void synthetic_model_free(synthetic_model **model) {
    synthetic_model *m = *model;
    *model = NULL;
    if (m == NULL) return;
    for (size_t i = 0; i < m->n_records; i++) free(m->records[i].header);
    free(m->records);
    free(m);
}

const rk__file_source *synthetic_model_source(const synthetic_model *model) {
    return &model->source;
}
