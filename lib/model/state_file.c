// State files. Layout: docs/formats.md.
#include "rk/state_file.h"

#include <string.h>
#include <zlib.h>

#include "base/cursor.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/model_internal.h"

static const uint8_t magic[8] = {'r', 'k', 's', 't', 'a', 't', 'e', '\n'};
enum { VERSION = 1, HEADER_BYTES = 64 };

// The header's fields behind the magic.
typedef struct header {
    uint32_t version, arch, n_layer, n_embd, n_head, head_size;
    uint64_t n_floats;
    uint64_t fingerprint; // of the model
    uint32_t checksum;    // CRC-32 of the floats' bytes
} header;

static rk_status describe(const rk_model *model, header *out, rk_error *err) {
    const rk_dims *dims = &model->info.dims;
    *out = (header){.version = VERSION,
                    .arch = (uint32_t)model->info.arch,
                    .n_layer = (uint32_t)dims->n_layer,
                    .n_embd = (uint32_t)dims->n_embd,
                    .n_head = (uint32_t)dims->n_head,
                    .head_size = (uint32_t)dims->head_size,
                    .n_floats = model->info.state_floats};
    return rk__model_fingerprint(model, &out->fingerprint, err);
}

// ---- bytes

static void put(uint8_t **at, uint64_t value, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) *(*at)++ = (uint8_t)(value >> (8 * i));
}

static void encode_header(uint8_t bytes[HEADER_BYTES], const header *h) {
    memset(bytes, 0, HEADER_BYTES);
    memcpy(bytes, magic, sizeof magic);
    uint8_t *at = bytes + sizeof magic;
    const uint32_t words[] = {h->version, h->arch, h->n_layer, h->n_embd, h->n_head, h->head_size};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) put(&at, words[i], 4);
    put(&at, h->n_floats, 8);
    put(&at, h->fingerprint, 8);
    put(&at, h->checksum, 4);
}

static header decode_header(const uint8_t bytes[HEADER_BYTES]) {
    rk__cursor c = rk__cursor_over(bytes + sizeof magic, HEADER_BYTES - sizeof magic);
    header h = {0};
    h.version = rk__cursor_u32le(&c);
    h.arch = rk__cursor_u32le(&c);
    h.n_layer = rk__cursor_u32le(&c);
    h.n_embd = rk__cursor_u32le(&c);
    h.n_head = rk__cursor_u32le(&c);
    h.head_size = rk__cursor_u32le(&c);
    h.n_floats = rk__cursor_u64le(&c);
    h.fingerprint = rk__cursor_u64le(&c);
    h.checksum = rk__cursor_u32le(&c);
    return h;
}

// Floats are stored little-endian, as every machine this runs on has them.
static uint32_t checksum_of(const float *values, size_t n) {
    return (uint32_t)crc32_z(crc32(0, NULL, 0), (const Bytef *)values, n * sizeof values[0]);
}

// ---- saving

static rk_status write_state(const char *path, const header *h, const float *flat, rk_error *err) {
    rk__output *output = NULL;
    uint8_t bytes[HEADER_BYTES];
    encode_header(bytes, h);
    RK_TRY(rk__output_open(&output, path, err));
    rk_status status = rk__output_write(output, bytes, sizeof bytes, err);
    if (status == RK_OK) {
        status = rk__output_write(output, flat, (size_t)h->n_floats * sizeof flat[0], err);
    }
    if (status != RK_OK) {
        rk__output_abort(&output);
        return status;
    }
    return rk__output_commit(&output, true, err);
}

rk_status rk_state_save(const rk_state *state, size_t sequence, const char *path, rk_error *err) {
    const size_t n = state->model->info.state_floats;
    header h;
    float *flat = NULL;
    RK_TRY(describe(state->model, &h, err));
    RK_TRY(rk__alloc_aligned((void **)&flat, n, sizeof flat[0], err));
    rk_status status = rk_state_export(state, sequence, flat, n, err);
    if (status != RK_OK) goto out;
    h.checksum = checksum_of(flat, n);
    status = write_state(path, &h, flat, err);
out:
    rk__free(flat);
    return status;
}

// ---- loading a state file

static rk_status check_header(const header *h, const rk__file *file, const rk_model *model,
                              rk_error *err) {
    header expected;
    RK_TRY(describe(model, &expected, err));
    if (h->version != VERSION) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: state file of version %u, expected %d",
                        file->path, (unsigned)h->version, VERSION);
    }
    const bool same_sizes = h->arch == expected.arch && h->n_layer == expected.n_layer &&
                            h->n_embd == expected.n_embd && h->n_head == expected.n_head &&
                            h->head_size == expected.head_size && h->n_floats == expected.n_floats;
    if (!same_sizes) {
        return rk__fail(err, RK_ERR_MISMATCH,
                        "%s: a state of %u layers, n_embd %u, %u heads of %u; %s is %s with %u "
                        "layers, n_embd %u, %u heads of %u",
                        file->path, (unsigned)h->n_layer, (unsigned)h->n_embd, (unsigned)h->n_head,
                        (unsigned)h->head_size, model->info.path, model->info.arch_name,
                        (unsigned)expected.n_layer, (unsigned)expected.n_embd,
                        (unsigned)expected.n_head, (unsigned)expected.head_size);
    }
    if (h->fingerprint != expected.fingerprint) {
        return rk__fail(err, RK_ERR_MISMATCH,
                        "%s: a state of another model (fingerprint %016llx; that of %s is %016llx)",
                        file->path, (unsigned long long)h->fingerprint, model->info.path,
                        (unsigned long long)expected.fingerprint);
    }
    const uint64_t size = HEADER_BYTES + h->n_floats * sizeof(float);
    if (file->size != size) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: %llu bytes, expected %llu", file->path,
                        (unsigned long long)file->size, (unsigned long long)size);
    }
    return RK_OK;
}

static rk_status load_flat(rk_state *state, size_t sequence, const rk__file *file, const header *h,
                           rk_error *err) {
    float *flat = NULL;
    const size_t n = (size_t)h->n_floats;
    RK_TRY(rk__alloc_aligned((void **)&flat, n, sizeof flat[0], err));
    rk_status status = rk__file_read(file, HEADER_BYTES, flat, n * sizeof flat[0], err);
    if (status != RK_OK) goto out;
    if (checksum_of(flat, n) != h->checksum) {
        status = rk__fail(err, RK_ERR_FORMAT, "%s: checksum %08x, expected %08x", file->path,
                          (unsigned)checksum_of(flat, n), (unsigned)h->checksum);
        goto out;
    }
    status = rk__check_state_values(file->path, flat, n, err);
    if (status == RK_OK) status = rk_state_import(state, sequence, flat, n, err);
out:
    rk__free(flat);
    return status;
}

// *is_state says whether the file begins like a state file.
static rk_status load_state_file(rk_state *state, size_t sequence, const char *path, bool *is_state,
                                 rk_error *err) {
    rk__file file;
    uint8_t bytes[HEADER_BYTES] = {0};
    *is_state = false;
    RK_TRY(rk__file_open(&file, path, err));
    rk_status status = RK_OK;
    if (file.size < HEADER_BYTES) goto out;
    status = rk__file_read(&file, 0, bytes, sizeof bytes, err);
    if (status != RK_OK || memcmp(bytes, magic, sizeof magic) != 0) goto out;
    *is_state = true;
    const header h = decode_header(bytes);
    status = check_header(&h, &file, state->model, err);
    if (status == RK_OK) status = load_flat(state, sequence, &file, &h, err);
out:
    rk__file_close(&file);
    return status;
}

rk_status rk_state_load(rk_state *state, size_t sequence, const char *path, rk_error *err) {
    bool is_state = false;
    RK_TRY(load_state_file(state, sequence, path, &is_state, err));
    return is_state ? RK_OK : rk__load_tuned_state(state, sequence, path, err);
}
