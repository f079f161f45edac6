// Fuzz target: the pickle reader. The input is data.pkl in an archive that is good otherwise: its
// checksums are right, and it has storages of several sizes for the pickle to name.
#include <string.h>
#include <zlib.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"

enum { MOST = 64 << 10, ROOM = MOST + 8192, N_STORAGES = 8 };

// Bytes of the storages "0" to "7". make_corpus.py knows them too.
static const size_t storage_bytes[N_STORAGES] = {24, 48, 96, 256, 16, 8, 2, 0};

typedef struct archive {
    uint8_t bytes[ROOM];
    size_t size;
    uint8_t directory[1024];
    size_t directory_size;
    unsigned n_members;
} archive;

static void put(uint8_t *to, size_t *at, uint64_t value, size_t n) {
    for (size_t i = 0; i < n; i++) to[(*at)++] = (uint8_t)(value >> (8 * i));
}

// What local header and directory entry have in common, from the version on.
static void put_header(uint8_t *to, size_t *at, const char *name, uint32_t crc, size_t size) {
    put(to, at, 20, 2); // version
    put(to, at, 0, 2 + 2 + 2 + 2);
    put(to, at, crc, 4);
    put(to, at, size, 4);
    put(to, at, size, 4);
    put(to, at, strlen(name), 2);
    put(to, at, 0, 2);
}

static void add_member(archive *a, const char *name, const uint8_t *data, size_t size) {
    const uint32_t crc = (uint32_t)crc32_z(0, data, size);
    const size_t begin = a->size;
    put(a->bytes, &a->size, 0x04034b50, 4);
    put_header(a->bytes, &a->size, name, crc, size);
    memcpy(a->bytes + a->size, name, strlen(name));
    a->size += strlen(name);
    if (size > 0) memcpy(a->bytes + a->size, data, size);
    a->size += size;

    put(a->directory, &a->directory_size, 0x02014b50, 4);
    put(a->directory, &a->directory_size, 20, 2);
    put_header(a->directory, &a->directory_size, name, crc, size);
    put(a->directory, &a->directory_size, 0, 2 + 2 + 2);
    put(a->directory, &a->directory_size, 0, 4);
    put(a->directory, &a->directory_size, begin, 4);
    memcpy(a->directory + a->directory_size, name, strlen(name));
    a->directory_size += strlen(name);
    a->n_members++;
}

static void finish(archive *a) {
    const size_t begin = a->size;
    memcpy(a->bytes + a->size, a->directory, a->directory_size);
    a->size += a->directory_size;
    put(a->bytes, &a->size, 0x06054b50, 4);
    put(a->bytes, &a->size, 0, 2 + 2);
    put(a->bytes, &a->size, a->n_members, 2);
    put(a->bytes, &a->size, a->n_members, 2);
    put(a->bytes, &a->size, a->directory_size, 4);
    put(a->bytes, &a->size, begin, 4);
    put(a->bytes, &a->size, 0, 2);
}

static void add_storages(archive *a) {
    uint8_t data[256];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 37 + 11);
    for (size_t i = 0; i < N_STORAGES; i++) {
        char name[] = "a/data/0";
        name[7] = (char)('0' + i);
        add_member(a, name, data, storage_bytes[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static archive a;
    if (size > MOST) return 0;
    a.size = a.directory_size = 0;
    a.n_members = 0;
    add_storages(&a);
    add_member(&a, "a/data.pkl", data, size);
    finish(&a);
    probe_checkpoint(fuzz_file(a.bytes, a.size), a.size);
    return 0;
}
