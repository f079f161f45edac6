// The files, byte by byte. Sizes are those of the reader's limits (lib/checkpoint) or a little
// above.
#include "hostile_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// ---- bytes

static void put(hostile_bytes *to, const void *data, size_t size) {
    if (size > to->capacity - to->size) {
        to->capacity = 2 * (to->size + size);
        to->data = realloc(to->data, to->capacity);
        if (!to->data) abort();
    }
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

static void put_text(hostile_bytes *to, const char *text) {
    put(to, text, strlen(text));
}

static void put_number(hostile_bytes *to, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++) put(to, &(uint8_t){(uint8_t)(value >> (8 * i))}, 1);
}

static void put_many(hostile_bytes *to, const char *what, size_t size, size_t times) {
    for (size_t i = 0; i < times; i++) put(to, what, size);
}

// ---- archives

// A member's part of the archive that stands both before its data and in the directory.
static void put_header(hostile_bytes *to, const char *name, const hostile_bytes *data,
                       const hostile_bytes *packed) {
    put_number(to, 20, 2); // version
    put_number(to, 0, 2);
    put_number(to, packed ? 8 : 0, 2); // deflated or stored
    put_number(to, 0, 4);
    put_number(to, crc32_z(0, data->data, data->size), 4);
    put_number(to, packed ? packed->size : data->size, 4);
    put_number(to, data->size, 4);
    put_number(to, strlen(name), 2);
    put_number(to, 0, 2);
}

static void put_end(hostile_bytes *to, size_t n_members, size_t directory) {
    const size_t size = to->size - directory;
    put_text(to, "PK\5\6");
    put_number(to, 0, 4);
    put_number(to, n_members, 2);
    put_number(to, n_members, 2);
    put_number(to, size, 4);
    put_number(to, directory, 4);
    put_number(to, 0, 2);
}

static void put_entry(hostile_bytes *to, const char *name, const hostile_bytes *data,
                      const hostile_bytes *packed, size_t offset) {
    put_text(to, "PK\1\2");
    put_number(to, 20, 2);
    put_header(to, name, data, packed);
    put_number(to, 0, 2 + 2 + 2);
    put_number(to, 0, 4);
    put_number(to, offset, 4);
    put_text(to, name);
}

// An archive of data.pkl, as it is or deflated, and an empty storage "0"; frees the pickle.
static void put_archive(hostile_bytes *to, hostile_bytes *pickle, const hostile_bytes *packed) {
    static const char pickle_name[] = "a/data.pkl", storage_name[] = "a/data/0";
    static const hostile_bytes nothing = {0};
    const hostile_bytes *content = packed ? packed : pickle;
    put_text(to, "PK\3\4");
    put_header(to, pickle_name, pickle, packed);
    put_text(to, pickle_name);
    put(to, content->data, content->size);
    const size_t second = to->size;
    put_text(to, "PK\3\4");
    put_header(to, storage_name, &nothing, NULL);
    put_text(to, storage_name);
    const size_t directory = to->size;
    put_entry(to, pickle_name, pickle, packed, 0);
    put_entry(to, storage_name, &nothing, NULL, second);
    put_end(to, 2, directory);
    free(pickle->data);
}

// As many members as a directory of 16 MB has room for, and no data.pkl among them.
static void many_members(hostile_bytes *file) {
    enum { MEMBERS = 65534 };
    static const hostile_bytes nothing = {0};
    put_text(file, "PK\3\4");
    const size_t directory = file->size;
    for (unsigned i = 0; i < MEMBERS; i++) {
        char name[201];
        (void)snprintf(name, sizeof name, "%0200u", i);
        put_entry(file, name, &nothing, NULL, 0);
    }
    put_end(file, MEMBERS, directory);
}

// ---- pickles

// Everything a pickle can fill: values, items, the memo, marks and the stack.
static void put_full_machine(hostile_bytes *pickle) {
    put_text(pickle, "\x80\x02]");
    for (size_t i = 0; i < 500000; i++) {
        put_text(pickle, "K\1r"); // a value, and its number in the memo
        put_number(pickle, i, 4);
        put_text(pickle, "a"); // into the list
    }
    put_many(pickle, "(", 1, 500000);
    put_many(pickle, "]", 1, 530000);
}

static void full_machine(hostile_bytes *file) {
    hostile_bytes pickle = {0};
    put_full_machine(&pickle);
    put_archive(file, &pickle, NULL);
}

static void full_lists(hostile_bytes *file) {
    hostile_bytes pickle = {0};
    put_text(&pickle, "\x80\x02](");
    put_many(&pickle, "K\1", 2, 500000);
    put_text(&pickle, "e(");
    put_many(&pickle, "K\1", 2, 500000);
    put_text(&pickle, "l");
    put_many(&pickle, "]a", 2, 100000); // beyond the number of values
    put_archive(file, &pickle, NULL);
}

// 8 MB that take 8 KB in the file.
static void deflated_pickle(hostile_bytes *file) {
    hostile_bytes pickle = {0}, packed = {0};
    put_text(&pickle, "\x80\x02");
    put_many(&pickle, "]", 1, (8 << 20) - 2);
    packed.capacity = 1 << 20;
    packed.data = malloc(packed.capacity);
    z_stream zlib = {.next_in = pickle.data,
                     .avail_in = (unsigned)pickle.size,
                     .next_out = packed.data,
                     .avail_out = (unsigned)packed.capacity};
    if (!packed.data || deflateInit2(&zlib, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&zlib, Z_FINISH) != Z_STREAM_END) {
        abort();
    }
    packed.size = zlib.total_out;
    (void)deflateEnd(&zlib);
    put_archive(file, &pickle, &packed);
    free(packed.data);
}

static const char storage[] = "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
                              "0X\3\0\0\0cpuK\0tQ";

// A storage as memo 0, the function as memo 1.
static void put_tensor_parts(hostile_bytes *pickle) {
    put(pickle, storage, sizeof storage - 1);
    put_text(pickle, "q");
    put_number(pickle, 0, 1);
    put_text(pickle, "0ctorch._utils\n_rebuild_tensor_v2\nq\1"
                     "0");
}

// 100,000 tensors, all of them of one tuple of 400,000 sizes.
static void shared_sizes(hostile_bytes *file) {
    hostile_bytes pickle = {0};
    put_text(&pickle, "\x80\x02");
    put_tensor_parts(&pickle);
    put_text(&pickle, "(");
    put_many(&pickle, "K\1", 2, 400000);
    put_text(&pickle, "tq\2"
                      "0}");
    static const char tensor[] = "(h\0K\0h\2h\2\x89)t";
    for (size_t i = 0; i < 100000; i++) {
        put_text(&pickle, "h\1");
        put(&pickle, tensor, sizeof tensor - 1);
        put_text(&pickle, "R0");
    }
    put_archive(file, &pickle, NULL);
}

// 100,000 calls of a class whose name has 8 MB.
static void long_class_name(hostile_bytes *file) {
    hostile_bytes pickle = {0};
    put_text(&pickle, "\x80\x04X");
    put_number(&pickle, 8 << 20, 4);
    put_many(&pickle, "A", 1, 8 << 20);
    put_text(&pickle, "q\1");
    put_many(&pickle, "h\1h\1\x93)R0", 7, 100000);
    put_archive(file, &pickle, NULL);
}

// 50,000 storages whose common key has 4 MB, and which tensors name in turn.
static void long_storage_key(hostile_bytes *file) {
    hostile_bytes pickle = {0};
    put_text(&pickle, "\x80\x02X");
    put_number(&pickle, 4 << 20, 4);
    put_many(&pickle, "0", 1, 4 << 20);
    put_text(&pickle, "q\1"
                      "0ctorch\nFloatStorage\nq\2"
                      "0X\7\0\0\0");
    pickle.size -= 1; // the text stopped at the first zero
    put_number(&pickle, 7, 4);
    put_text(&pickle, "storageq\3"
                      "0");
    put_many(&pickle, "(h\3h\2h\1h\1K\0tQ0", 14, 50000);
    put_archive(file, &pickle, NULL);
}

// A tensor more than are read, with names of 60 bytes.
static void many_tensors(hostile_bytes *file) {
    hostile_bytes pickle = {0};
    put_text(&pickle, "\x80\x02");
    put_tensor_parts(&pickle);
    static const char tensor[] = "(h\0K\0(K\0t(K\1t\x89)tR";
    put_text(&pickle, "}(");
    for (unsigned i = 0; i < 65537; i++) {
        char name[61];
        (void)snprintf(name, sizeof name, "%060u", i);
        put_text(&pickle, "X");
        put_number(&pickle, 60, 4);
        put_text(&pickle, name);
        put_text(&pickle, "h\1");
        put(&pickle, tensor, sizeof tensor - 1);
    }
    put_text(&pickle, "u.");
    put_archive(file, &pickle, NULL);
}

// ---- the format before zip

static const char legacy_start[] = "\x80\x02\x8a\x0al\xfc\x9c"
                                   "F\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";

static void legacy_machine(hostile_bytes *file) {
    put(file, legacy_start, sizeof legacy_start - 1);
    put_full_machine(file);
}

// 300,000 keys, all of them the same text of a megabyte.
static void legacy_keys(hostile_bytes *file) {
    put(file, legacy_start, sizeof legacy_start - 1);
    put_text(file, "\x80\x02}.\x80\x02X");
    put_number(file, 1 << 20, 4);
    put_many(file, "k", 1, 1 << 20);
    put_text(file, "q\1"
                   "0](");
    put_many(file, "h\1", 2, 300000);
    put_text(file, "e.");
}

// ---- safetensors, indices, model files

// As much JSON as is read, in values as small as they come.
static void json_values(hostile_bytes *file) {
    hostile_bytes header = {0};
    put_text(&header, "{\"a\":[");
    put_many(&header, "1,", 2, 299000);
    put_text(&header, "1]}");
    put_number(file, header.size, 8);
    put(file, header.data, header.size);
    free(header.data);
}

static void safetensors_names(hostile_bytes *file) {
    hostile_bytes header = {0};
    put_text(&header, "{");
    for (unsigned i = 0; i < 27000; i++) {
        char entry[300];
        (void)snprintf(entry, sizeof entry,
                       "%s\"%0200u\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                       i == 0 ? "" : ",", i);
        put_text(&header, entry);
    }
    put_text(&header, "}");
    put_number(file, header.size, 8);
    put(file, header.data, header.size);
    put_text(file, "surplus");
    free(header.data);
}

// 45,000 tensors in 1024 files, whose names differ in their last letters only.
static void index_of_many_parts(hostile_bytes *file) {
    put_text(file, "{\"weight_map\":{");
    for (unsigned i = 0; i < 45000; i++) {
        char entry[300];
        (void)snprintf(entry, sizeof entry, "%s\"%u\":\"%0230u\"", i == 0 ? "" : ",", i, i % 1024);
        put_text(file, entry);
    }
    put_text(file, "}}");
}

static void model_file_records(hostile_bytes *file) {
    put_text(file, "fmgg");
    put_number(file, 101, 4);
    for (size_t i = 0; i < 3; i++) put_number(file, 1, 4);
    put_number(file, 0, 4);
    for (unsigned i = 0; i < 65537; i++) {
        char name[61];
        (void)snprintf(name, sizeof name, "%060u", i);
        put_number(file, 1, 4);
        put_number(file, 60, 4);
        put_number(file, 0, 4);
        put_number(file, 1, 4);
        put_text(file, name);
        put_number(file, 0, 4);
    }
}

const hostile_file hostile_files[] = {
    {"zip with 65,534 members", many_members},
    {"pickle that fills the machine", full_machine},
    {"pickle of long lists", full_lists},
    {"deflated pickle", deflated_pickle},
    {"tensors that share their sizes", shared_sizes},
    {"calls of a long name", long_class_name},
    {"storages with a long key", long_storage_key},
    {"too many tensors", many_tensors},
    {"legacy pickle that fills the machine", legacy_machine},
    {"legacy file of equal keys", legacy_keys},
    {"JSON of many values", json_values},
    {"safetensors of many names", safetensors_names},
    {"index of many parts", index_of_many_parts},
    {"model file of many records", model_file_records},
};
const size_t n_hostile_files = sizeof hostile_files / sizeof hostile_files[0];
