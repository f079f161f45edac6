// PyTorch checkpoints since version 1.6: a zip archive of data.pkl, which says what tensors there
// are, and one record data/KEY for every storage, all under one folder of any name.
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/state_dict.h"
#include "checkpoint/zip_directory.h"

enum {
    // A pickle of 10,000 tensors has 2 MB. Stored ones cost no more memory than the file has bytes;
    // inflated ones might.
    MAX_STORED_PICKLE = 256 << 20,
    MAX_INFLATED_PICKLE = 8 << 20,
    QUOTED = 100,
};

// An archive being read.
typedef struct archive {
    rk_checkpoint *checkpoint;
    size_t file;
    rk__zip zip;
    char *prefix;       // owned: "archive/", or ""
    size_t *storage_of; // [zip.n_members], owned: the storage made of a member, or NO_STORAGE
    bool big_endian;
} archive;
#define NO_STORAGE SIZE_MAX

static bool is_zip(const uint8_t *head, size_t size) {
    return size >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0);
}

static const char *path_of(const archive *a) {
    return a->zip.file->path;
}

// The member prefix + middle + key.
static bool find_record(const archive *a, const char *middle, const char *key, size_t n_key,
                        size_t *member, bool *out_of_memory) {
    const size_t n_prefix = strlen(a->prefix), n_middle = strlen(middle);
    void *memory;
    *out_of_memory = rk__alloc(&memory, n_prefix + n_middle + n_key, 1, NULL) != RK_OK;
    if (*out_of_memory) return false;
    char *name = memory;
    memcpy(name, a->prefix, n_prefix);
    memcpy(name + n_prefix, middle, n_middle);
    if (n_key > 0) memcpy(name + n_prefix + n_middle, key, n_key);
    const bool found = rk__zip_find(&a->zip, name, n_prefix + n_middle + n_key, member);
    rk__free(name);
    return found;
}

// ---- storages

static rk_status add_storage(archive *a, size_t member, size_t *index, rk_error *err) {
    const rk__zip_member *record = &a->zip.members[member];
    uint64_t offset;
    RK_TRY(rk__zip_locate(&a->zip, member, &offset, err));
    const rk__storage storage = {
        .file = a->file,
        .offset = offset,
        .size = record->size,
        .packed_size = record->packed_size,
        .deflated = rk__zip_is_deflated(record),
        .big_endian = a->big_endian,
        .has_crc = true,
        .crc = record->crc,
    };
    return rk__checkpoint_add_storage(a->checkpoint, &storage, index, err);
}

static rk_status find_storage(void *user, const rk__pickled_storage *wanted, size_t *index,
                              rk_error *err) {
    archive *a = user;
    const int quoted = (int)(wanted->key_length < QUOTED ? wanted->key_length : QUOTED);
    size_t member;
    bool out_of_memory;
    if (!find_record(a, "data/", wanted->key, wanted->key_length, &member, &out_of_memory)) {
        if (out_of_memory) return rk__fail_memory(err, wanted->key_length);
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: the archive has no record '%.100sdata/%.*s', which holds tensor data",
                        path_of(a), a->prefix, quoted, wanted->key);
    }
    // The product has been checked when the pickle was read.
    const uint64_t bytes = wanted->count * wanted->element_bytes;
    if (a->zip.members[member].size != bytes) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: record '%.100sdata/%.*s' has %" PRIu64 " bytes, and %" PRIu64
                        " elements of a %s need %" PRIu64,
                        path_of(a), a->prefix, quoted, wanted->key, a->zip.members[member].size,
                        wanted->count, wanted->type, bytes);
    }
    if (a->storage_of[member] == NO_STORAGE) {
        RK_TRY(add_storage(a, member, &a->storage_of[member], err));
    }
    *index = a->storage_of[member];
    return RK_OK;
}

// ---- records about the others

static bool ends_with(const rk__zip_member *member, const char *end) {
    const size_t n = strlen(end);
    return member->name_length >= n && memcmp(member->name + member->name_length - n, end, n) == 0;
}

static bool contains(const rk__zip *zip, const char *end) {
    for (size_t i = 0; i < zip->n_members; i++) {
        if (ends_with(&zip->members[i], end)) return true;
    }
    return false;
}

static rk_status fail_no_pickle(const rk__zip *zip, rk_error *err) {
    const char *what = contains(zip, ".npy")           ? " (it looks like a NumPy .npz file)"
                       : contains(zip, ".safetensors") ? " (it holds safetensors files; unpack it)"
                       : contains(zip, ".pth")         ? " (it holds .pth files; unpack it)"
                       : contains(zip, "META-INF/MANIFEST.MF") ? " (it looks like a Java archive)"
                                                               : "";
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: a zip archive, but no PyTorch checkpoint: it has no record data.pkl%s",
                    zip->file->path, what);
}

// The record data.pkl that lies least deep; the folder before it is the prefix of all others.
static rk_status find_pickle(archive *a, size_t *member, rk_error *err) {
    static const char name[] = "data.pkl";
    size_t best = SIZE_MAX;
    *member = 0;
    for (size_t i = 0; i < a->zip.n_members; i++) {
        const rk__zip_member *candidate = &a->zip.members[i];
        if (!ends_with(candidate, name)) continue;
        const size_t n_prefix = candidate->name_length - (sizeof name - 1);
        if (n_prefix > 0 && candidate->name[n_prefix - 1] != '/') continue;
        if (best != SIZE_MAX && n_prefix >= a->zip.members[best].name_length - (sizeof name - 1)) {
            continue;
        }
        best = i;
    }
    if (best == SIZE_MAX) return fail_no_pickle(&a->zip, err);
    *member = best;
    const rk__zip_member *pickle = &a->zip.members[best];
    return rk__copy_string(&a->prefix, pickle->name, pickle->name_length - (sizeof name - 1), err);
}

static rk_status refuse_torchscript(const archive *a, rk_error *err) {
    size_t member;
    bool out_of_memory;
    if (!find_record(a, "constants.pkl", NULL, 0, &member, &out_of_memory)) {
        return out_of_memory ? rk__fail_memory(err, a->zip.n_members) : RK_OK;
    }
    return rk__fail(
        err, RK_ERR_UNSUPPORTED,
        "%s: a TorchScript program, not a checkpoint; save the model's state_dict() instead",
        path_of(a));
}

// Files before torch 2.1 have no such record; they are little-endian.
static rk_status read_byte_order(archive *a, rk_error *err) {
    size_t member, size;
    bool out_of_memory;
    uint8_t *text;
    if (!find_record(a, "byteorder", NULL, 0, &member, &out_of_memory)) {
        return out_of_memory ? rk__fail_memory(err, a->zip.n_members) : RK_OK;
    }
    RK_TRY(rk__zip_read(&a->zip, member, QUOTED, &text, &size, err));
    const bool little = size == 6 && memcmp(text, "little", 6) == 0;
    a->big_endian = size == 3 && memcmp(text, "big", 3) == 0;
    rk_status status = RK_OK;
    if (!little && !a->big_endian) {
        status = rk__fail(err, RK_ERR_FORMAT, "%s: record byteorder says '%.*s', not little or big",
                          path_of(a), (int)size, (const char *)text);
    }
    rk__free(text);
    return status;
}

// ---- the archive

static rk_status read_pickle(archive *a, const uint8_t *pickle, size_t size, rk_error *err) {
    const rk__pickle_source source = {.path = path_of(a), .record = "data.pkl"};
    const rk__storage_finder finder = {.find = find_storage, .user = a};
    rk__pickle_values values;
    rk__value top;
    rk__pickle_values_init(&values, pickle, size);
    rk_status status = rk__pickle_run(&values, &source, 0, &top, NULL, NULL, err);
    if (status == RK_OK) {
        status = rk__state_dict_read(a->checkpoint, path_of(a), &values, top, &finder, err);
    }
    rk__pickle_values_fini(&values);
    return status;
}

static rk_status read_archive(archive *a, rk_error *err) {
    size_t member, size;
    void *memory;
    uint8_t *pickle;
    RK_TRY(find_pickle(a, &member, err));
    RK_TRY(refuse_torchscript(a, err));
    RK_TRY(read_byte_order(a, err));
    RK_TRY(rk__alloc(&memory, a->zip.n_members, sizeof *a->storage_of, err));
    a->storage_of = memory;
    for (size_t i = 0; i < a->zip.n_members; i++) a->storage_of[i] = NO_STORAGE;

    const bool deflated = rk__zip_is_deflated(&a->zip.members[member]);
    const uint64_t limit = deflated ? MAX_INFLATED_PICKLE : MAX_STORED_PICKLE;
    RK_TRY(rk__zip_read(&a->zip, member, limit, &pickle, &size, err));
    const rk_status status = read_pickle(a, pickle, size, err);
    rk__free(pickle);
    return status;
}

static rk_status read_zip(rk_checkpoint *checkpoint, size_t file, rk_error *err) {
    checkpoint->container = RK_CONTAINER_PYTORCH_ZIP;
    archive a = {.checkpoint = checkpoint, .file = file};
    rk_status status = rk__zip_open(&a.zip, &checkpoint->files[file], err);
    if (status == RK_OK) status = read_archive(&a, err);
    rk__zip_close(&a.zip);
    rk__free(a.prefix);
    rk__free(a.storage_of);
    return status;
}

const rk__container_reader rk__pytorch_zip_reader = {.sniff = is_zip, .read = read_zip};
