// Changes zip archives: bytes anywhere, or the content of one member with everything behind it
// moved; then, mostly, makes the checksums right again, which nobody would guess.
#include "mutate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    END_BYTES = 22,
    ENTRY_BYTES = 46,
    LOCAL_BYTES = 30,
    DEFLATED = 8,
    MOST_INFLATED = 1 << 20,
    MOST_MEMBERS = 64,
};

// An archive as far as it can be made sense of.
typedef struct archive {
    uint8_t *data;
    size_t size;
    size_t end;                   // position of the end record
    size_t entries[MOST_MEMBERS]; // positions of the directory's entries
    size_t n_members;
} archive;

// A member: where its bytes are.
typedef struct member {
    size_t entry, local, begin, size;
    unsigned method;
} member;

static uint32_t get(const uint8_t *from, size_t n) {
    uint32_t value = 0;
    for (size_t i = n; i > 0; i--) value = value << 8 | from[i - 1];
    return value;
}

static void put(uint8_t *to, uint32_t value) {
    for (size_t i = 0; i < 4; i++) to[i] = (uint8_t)(value >> (8 * i));
}

static int parse(archive *a, uint8_t *data, size_t size) {
    *a = (archive){.data = data, .size = size};
    if (size < END_BYTES) return 0;
    size_t end = size - END_BYTES + 1;
    do {
        if (end-- == 0) return 0;
    } while (memcmp(data + end, "PK\5\6", 4) != 0);
    a->end = end;
    size_t at = get(data + end + 16, 4);
    while (at <= end && end - at >= ENTRY_BYTES && memcmp(data + at, "PK\1\2", 4) == 0 &&
           a->n_members < MOST_MEMBERS) {
        a->entries[a->n_members++] = at;
        at +=
            ENTRY_BYTES + get(data + at + 28, 2) + get(data + at + 30, 2) + get(data + at + 32, 2);
    }
    return a->n_members > 0;
}

static int find_member(const archive *a, size_t i, member *out) {
    const uint8_t *entry = a->data + a->entries[i];
    *out =
        (member){.entry = a->entries[i], .local = get(entry + 42, 4), .size = get(entry + 20, 4)};
    out->method = get(entry + 10, 2);
    if (out->local > a->size || a->size - out->local < LOCAL_BYTES) return 0;
    const uint8_t *local = a->data + out->local;
    out->begin = out->local + LOCAL_BYTES + get(local + 26, 2) + get(local + 28, 2);
    return out->begin <= a->size && out->size <= a->size - out->begin;
}

// The checksum of what a deflated member becomes; 0 when that cannot be told.
static int crc_of_deflated(const uint8_t *data, size_t size, uint32_t *crc, uint32_t *inflated) {
    static uint8_t out[MOST_INFLATED];
    z_stream zlib = {.next_in = (Bytef *)(uintptr_t)data,
                     .avail_in = (unsigned)size,
                     .next_out = out,
                     .avail_out = sizeof out};
    if (inflateInit2(&zlib, -15) != Z_OK) return 0;
    const int code = inflate(&zlib, Z_FINISH);
    inflateEnd(&zlib);
    if (code != Z_STREAM_END) return 0;
    *inflated = (uint32_t)zlib.total_out;
    *crc = (uint32_t)crc32_z(0, out, zlib.total_out);
    return 1;
}

// Writes checksum and sizes into both descriptions of a member.
static void describe(archive *a, const member *m) {
    uint32_t inflated = (uint32_t)m->size;
    uint32_t crc = (uint32_t)crc32_z(0, a->data + m->begin, m->size);
    if (m->method == DEFLATED && !crc_of_deflated(a->data + m->begin, m->size, &crc, &inflated)) {
        return;
    }
    const size_t places[2] = {m->entry + 16, m->local + 14};
    for (size_t i = 0; i < 2; i++) {
        put(a->data + places[i], crc);
        put(a->data + places[i] + 4, (uint32_t)m->size);
        put(a->data + places[i] + 8, inflated);
    }
}

static void describe_all(uint8_t *data, size_t size) {
    archive a;
    member m;
    if (!parse(&a, data, size)) return;
    for (size_t i = 0; i < a.n_members; i++) {
        if (find_member(&a, i, &m)) describe(&a, &m);
    }
}

// Gives what lies behind `from` its new place `by` bytes further on.
static void move_offsets(archive *a, size_t from, size_t by) {
    for (size_t i = 0; i < a->n_members; i++) {
        uint8_t *offset = a->data + a->entries[i] + 42;
        if (get(offset, 4) >= from) put(offset, get(offset, 4) + (uint32_t)by);
    }
    uint8_t *directory = a->data + a->end + 16;
    put(directory, get(directory, 4) + (uint32_t)by);
}

// Changes the content of one member.
static size_t change_member(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    archive a;
    member m;
    if (!parse(&a, data, size) || !find_member(&a, seed % a.n_members, &m)) return size;
    if (m.begin + m.size > a.entries[0]) return size; // in or behind the directory
    const size_t room = m.size + (max_size - size);
    uint8_t *content = malloc(room + 1);
    if (!content) return size;
    memcpy(content, data + m.begin, m.size);
    const size_t changed = LLVMFuzzerMutate(content, m.size, room);
    // Unsigned: a shift to the front wraps around, and adding it wraps back.
    const size_t by = changed - m.size;
    move_offsets(&a, m.begin, by);
    memmove(data + m.begin + changed, data + m.begin + m.size, size - m.begin - m.size);
    memcpy(data + m.begin, content, changed);
    free(content);

    member moved = m;
    moved.size = changed;
    if (m.entry > m.begin) moved.entry += by;
    a.data = data;
    describe(&a, &moved);
    return size + by;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    if (seed % 4 < 2) return change_member(data, size, max_size, seed / 4);
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 4 == 2) describe_all(data, size);
    return size;
}
