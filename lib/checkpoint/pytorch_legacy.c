// PyTorch checkpoints before version 1.6: five pickles one after the other (a magic number, a
// protocol version, facts about the machine, the values, the keys of the storages), then every
// storage as the number of its elements and their bytes.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/state_dict.h"
#include "tensor/little_endian.h"

enum {
    // Where the pickles end is known only when they have been run: this much of the file is read
    // first, and more when it was too little.
    FIRST_READ = 256 << 10,
    MAX_READ = 16 << 20,
    PROTOCOL = 1001,
    COUNT_BYTES = 8,
    QUOTED = 100,
};

// The magic number 0x1950a86a20f9469cfc6c as LONG1 pickles it.
static const uint8_t magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

// One storage as the file has it.
typedef struct stored {
    const char *key; // not terminated; points into the pickle
    size_t key_length;
    uint64_t element_bytes; // 0: no tensor has said so yet
    uint64_t count;         // elements, as the tensors say
    size_t index;           // in the checkpoint
    bool located;           // index is set
} stored;

typedef struct legacy_file {
    rk_checkpoint *checkpoint;
    size_t file;
    const char *path;
    uint8_t *bytes; // owned: the beginning of the file
    size_t n_bytes;
    rk__pickle_values values;
    rk__value top, keys; // the values, and the list of keys
    size_t end;          // of the pickles
    bool big_endian;
    stored *storages; // [n_storages], owned, in the order of the file
    size_t *by_key;   // [n_storages], owned
    size_t n_storages;
} legacy_file;

static bool is_legacy(const uint8_t *head, size_t size) {
    return size >= 2 + sizeof magic && head[0] == 0x80 &&
           memcmp(head + 2, magic, sizeof magic) == 0;
}

// ---- the pickles

static rk_status check_protocol(const legacy_file *l, rk__value protocol, rk_error *err) {
    const rk__pickle_node *node = rk__pickle_node_of(&l->values, protocol);
    if (node->kind == RK__PICKLE_INTEGER && node->as.integer == PROTOCOL) return RK_OK;
    return rk__fail(err, RK_ERR_UNSUPPORTED,
                    "%s: a PyTorch file (before zip) of protocol %" PRId64 "; %d can be read",
                    l->path, node->kind == RK__PICKLE_INTEGER ? node->as.integer : -1, PROTOCOL);
}

static rk_status read_machine(legacy_file *l, rk__value facts, rk_error *err) {
    if (rk__pickle_kind(&l->values, facts) != RK__PICKLE_DICT) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: facts about the machine are %s, not a dictionary",
                        l->path, rk__pickle_kind_name(rk__pickle_kind(&l->values, facts)));
    }
    rk__value key, value;
    uint32_t at = rk__pickle_first(&l->values, facts);
    while (rk__pickle_next(&l->values, &at, &key) && rk__pickle_next(&l->values, &at, &value)) {
        if (!rk__pickle_text_is(&l->values, key, "little_endian")) continue;
        const rk__pickle_node *node = rk__pickle_node_of(&l->values, value);
        l->big_endian = node->kind == RK__PICKLE_BOOL && node->as.integer == 0;
    }
    return RK_OK;
}

// Runs the pickles over what has been read of the file.
static rk_status run_pickles(legacy_file *l, bool *out_of_data, rk_error *err) {
    static const char *const names[] = {"1 (magic number)", "2 (protocol)", "3 (machine)",
                                        "4 (values)", "5 (keys)"};
    rk__value results[5];
    l->end = 0;
    for (size_t i = 0; i < 5; i++) {
        const rk__pickle_source source = {.path = l->path, .record = names[i], .legacy = true};
        RK_TRY(rk__pickle_run(&l->values, &source, l->end, &results[i], &l->end, out_of_data, err));
        if (i == 1) RK_TRY(check_protocol(l, results[1], err));
        if (i == 2) RK_TRY(read_machine(l, results[2], err));
    }
    l->top = results[3];
    l->keys = results[4];
    return RK_OK;
}

// Reads the first n bytes of the file and runs the pickles in them.
static rk_status read_beginning(legacy_file *l, size_t n, bool *out_of_data, rk_error *err) {
    *out_of_data = false;
    void *memory;
    rk__free(l->bytes);
    l->bytes = NULL;
    RK_TRY(rk__alloc(&memory, n, 1, err));
    l->bytes = memory;
    l->n_bytes = n;
    RK_TRY(rk__file_read(&l->checkpoint->files[l->file], 0, l->bytes, n, err));
    rk__pickle_values_fini(&l->values);
    rk__pickle_values_init(&l->values, l->bytes, n);
    return run_pickles(l, out_of_data, err);
}

static rk_status read_pickles(legacy_file *l, rk_error *err) {
    const uint64_t size = l->checkpoint->files[l->file].size;
    for (uint64_t n = FIRST_READ;; n *= 4) {
        bool out_of_data;
        const size_t now = (size_t)(n < size ? n : size);
        const rk_status status = read_beginning(l, now, &out_of_data, err);
        if (status == RK_OK || !out_of_data || now == size || n >= MAX_READ) return status;
    }
}

// ---- the storages

static int compare_keys(const void *a, const void *b, void *storages) {
    const stored *left = &((const stored *)storages)[*(const size_t *)a];
    const stored *right = &((const stored *)storages)[*(const size_t *)b];
    const size_t n = left->key_length < right->key_length ? left->key_length : right->key_length;
    const int order = memcmp(left->key, right->key, n);
    return order != 0
               ? order
               : (left->key_length > right->key_length) - (left->key_length < right->key_length);
}

static rk_status list_keys(legacy_file *l, rk_error *err) {
    const rk__pickle_node *node = rk__pickle_node_of(&l->values, l->keys);
    if (node->kind != RK__PICKLE_LIST) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: the keys of the storages are %s, not a list",
                        l->path, rk__pickle_kind_name((rk__value_kind)node->kind));
    }
    void *memory;
    RK_TRY(rk__alloc(&memory, node->count, sizeof *l->storages, err));
    l->storages = memory;
    RK_TRY(rk__alloc(&memory, node->count, sizeof *l->by_key, err));
    l->by_key = memory;
    uint32_t at = rk__pickle_first(&l->values, l->keys);
    for (rk__value key; rk__pickle_next(&l->values, &at, &key); l->n_storages++) {
        if (rk__pickle_kind(&l->values, key) != RK__PICKLE_TEXT) {
            return rk__fail(err, RK_ERR_FORMAT, "%s: key %zu of the storages is %s, not a text",
                            l->path, l->n_storages,
                            rk__pickle_kind_name(rk__pickle_kind(&l->values, key)));
        }
        stored *storage = &l->storages[l->n_storages];
        storage->key = rk__pickle_text(&l->values, key, &storage->key_length);
        if (storage->key_length > RK__MAX_STORAGE_KEY) {
            return rk__fail(err, RK_ERR_UNSUPPORTED,
                            "%s: key %zu of the storages has %zu bytes; %d are read", l->path,
                            l->n_storages, storage->key_length, RK__MAX_STORAGE_KEY);
        }
        l->by_key[l->n_storages] = l->n_storages;
    }
    qsort_r(l->by_key, l->n_storages, sizeof *l->by_key, compare_keys, l->storages);
    for (size_t i = 1; i < l->n_storages; i++) {
        if (compare_keys(&l->by_key[i - 1], &l->by_key[i], l->storages) != 0) continue;
        return rk__fail(err, RK_ERR_FORMAT, "%s: two storages have the same key", l->path);
    }
    return RK_OK;
}

static stored *find_key(const legacy_file *l, const char *key, size_t length) {
    const stored wanted = {.key = key, .key_length = length};
    size_t low = 0, high = l->n_storages;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        stored *storage = &l->storages[l->by_key[middle]];
        const size_t n = length < storage->key_length ? length : storage->key_length;
        int order = memcmp(wanted.key, storage->key, n);
        if (order == 0) order = (length > storage->key_length) - (length < storage->key_length);
        if (order == 0) return storage;
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

// How large the elements of a storage are is known from the persistent ids alone, those of values
// that are no weights included: all of them are looked at, so that the storages between can be
// skipped.
static rk_status learn_sizes(legacy_file *l, rk_error *err) {
    for (size_t i = 0; i < l->values.n_nodes; i++) {
        if (rk__pickle_kind(&l->values, (rk__value)i) != RK__PICKLE_STORAGE) continue;
        rk__pickled_storage said;
        rk__pickled_storage_of(&l->values, (rk__value)i, &said);
        stored *storage = find_key(l, said.key, said.key_length);
        if (!storage) continue;
        if (storage->element_bytes != 0 &&
            (storage->element_bytes != said.element_bytes || storage->count != said.count)) {
            return rk__fail(err, RK_ERR_FORMAT, "%s: storage '%.*s' is described in two ways",
                            l->path, (int)(said.key_length < QUOTED ? said.key_length : QUOTED),
                            said.key);
        }
        storage->element_bytes = said.element_bytes;
        storage->count = said.count;
    }
    return RK_OK;
}

static rk_status fail_storage(const legacy_file *l, const stored *storage, const char *what,
                              rk_error *err) {
    return rk__fail(err, RK_ERR_FORMAT, "%s: storage '%.*s': %s", l->path,
                    (int)(storage->key_length < QUOTED ? storage->key_length : QUOTED),
                    storage->key, what);
}

// The storage's elements: their number stands before them, and must be what the tensors say.
static rk_status locate(legacy_file *l, stored *storage, uint64_t *position, rk_error *err) {
    const rk__file *file = &l->checkpoint->files[l->file];
    uint8_t count[COUNT_BYTES];
    if (storage->element_bytes == 0) {
        return fail_storage(l, storage, "no value says what it holds", err);
    }
    if (file->size - *position < sizeof count) {
        return fail_storage(l, storage, "the file ends before it", err);
    }
    RK_TRY(rk__file_read(file, *position, count, sizeof count, err));
    // Written in the byte order of the machine that wrote the elements.
    uint64_t said = rk__load_u64le(count);
    if (l->big_endian) said = __builtin_bswap64(said);
    if (said != storage->count) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: storage '%.*s' has %" PRIu64 " elements, and its tensors say %" PRIu64,
                        l->path, (int)(storage->key_length < QUOTED ? storage->key_length : QUOTED),
                        storage->key, said, storage->count);
    }
    *position += sizeof count;
    // The product was checked when the pickle was read.
    const uint64_t size = storage->count * storage->element_bytes;
    if (size > file->size - *position) {
        return fail_storage(l, storage, "the file ends within its elements", err);
    }
    const rk__storage found = {.file = l->file,
                               .offset = *position,
                               .size = size,
                               .packed_size = size,
                               .big_endian = l->big_endian};
    *position += size;
    storage->located = true;
    return rk__checkpoint_add_storage(l->checkpoint, &found, &storage->index, err);
}

static rk_status locate_all(legacy_file *l, rk_error *err) {
    RK_TRY(list_keys(l, err));
    RK_TRY(learn_sizes(l, err));
    uint64_t position = l->end;
    for (size_t i = 0; i < l->n_storages; i++) {
        RK_TRY(locate(l, &l->storages[i], &position, err));
    }
    return RK_OK;
}

static rk_status find_storage(void *user, const rk__pickled_storage *wanted, size_t *index,
                              rk_error *err) {
    const legacy_file *l = user;
    const stored *storage = find_key(l, wanted->key, wanted->key_length);
    if (!storage || !storage->located) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: the file has no storage '%.*s'", l->path,
                        (int)(wanted->key_length < QUOTED ? wanted->key_length : QUOTED),
                        wanted->key);
    }
    *index = storage->index;
    return RK_OK;
}

static rk_status read_legacy(rk_checkpoint *checkpoint, size_t file, rk_error *err) {
    checkpoint->container = RK_CONTAINER_PYTORCH_LEGACY;
    legacy_file l = {.checkpoint = checkpoint, .file = file, .path = checkpoint->files[file].path};
    const rk__storage_finder finder = {.find = find_storage, .user = &l};
    rk_status status = read_pickles(&l, err);
    if (status == RK_OK) status = locate_all(&l, err);
    if (status == RK_OK) {
        status = rk__state_dict_read(checkpoint, l.path, &l.values, l.top, &finder, err);
    }
    rk__pickle_values_fini(&l.values);
    rk__free(l.bytes);
    rk__free(l.storages);
    rk__free(l.by_key);
    return status;
}

const rk__container_reader rk__pytorch_legacy_reader = {.sniff = is_legacy, .read = read_legacy};
