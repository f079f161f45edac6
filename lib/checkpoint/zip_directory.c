// Reading zip directories: the end record is searched from the end of the file, then the central
// directory is taken as a whole and walked once.
#include "checkpoint/zip_directory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/memory.h"
#include "checkpoint/inflate.h"

enum {
    END_SIGNATURE = 0x06054b50,
    END_BYTES = 22,
    LOCATOR_SIGNATURE = 0x07064b50,
    LOCATOR_BYTES = 20,
    END64_SIGNATURE = 0x06064b50,
    END64_BYTES = 56,
    ENTRY_SIGNATURE = 0x02014b50,
    ENTRY_BYTES = 46,
    LOCAL_SIGNATURE = 0x04034b50,
    LOCAL_BYTES = 30,
    ZIP64_FIELD = 1,
    FLAG_ENCRYPTED = 1,
    FLAG_SIZES_BEHIND = 8, // a data descriptor follows the data; the local header holds zeros
    METHOD_STORED = 0,
    METHOD_DEFLATED = 8,
    // The end record lies at most this far from the end: its size and the longest comment.
    MAX_TAIL = END_BYTES + 0xffff,
    MAX_DIRECTORY = 16 << 20, // bytes; a checkpoint of 10,000 tensors has under 1 MB
    MAX_MEMBERS = 100000,
    QUOTED = 100, // bytes of names in messages
};

// The end record, the zip64 one already taken into account.
typedef struct end_record {
    uint64_t n_members, directory_size, directory_offset;
    uint64_t position; // of the record behind the directory
} end_record;

static int quoted(size_t length) {
    return (int)(length < QUOTED ? length : QUOTED);
}

// ---- the end of the archive

// Replaces the fields that did not fit into 16 or 32 bits by those of the zip64 record.
static bool read_end64(const rk__file *file, uint64_t end_position, end_record *end) {
    uint8_t bytes[END64_BYTES];
    if (end_position < LOCATOR_BYTES ||
        rk__file_read(file, end_position - LOCATOR_BYTES, bytes, LOCATOR_BYTES, NULL) != RK_OK) {
        return false;
    }
    rk__cursor in = rk__cursor_over(bytes, LOCATOR_BYTES);
    if (rk__cursor_u32le(&in) != LOCATOR_SIGNATURE) return false;
    (void)rk__cursor_u32le(&in); // disk
    const uint64_t position = rk__cursor_u64le(&in);
    if (position > end_position || end_position - position < END64_BYTES) return false;
    if (rk__file_read(file, position, bytes, END64_BYTES, NULL) != RK_OK) return false;

    in = rk__cursor_over(bytes, END64_BYTES);
    if (rk__cursor_u32le(&in) != END64_SIGNATURE) return false;
    // Size of the record, versions, disks and the number of members on this disk.
    (void)rk__cursor_bytes(&in, 8 + 2 + 2 + 4 + 4 + 8);
    end->n_members = rk__cursor_u64le(&in);
    end->directory_size = rk__cursor_u64le(&in);
    end->directory_offset = rk__cursor_u64le(&in);
    end->position = position;
    return true;
}

// Reads the record at `at`. False when it is none whose directory can be where it says: the
// signature may also stand in a comment.
static bool read_end(const rk__file *file, const uint8_t *tail, size_t n_tail, size_t at,
                     end_record *end) {
    rk__cursor in = rk__cursor_over(tail + at, n_tail - at);
    if (rk__cursor_u32le(&in) != END_SIGNATURE) return false;
    (void)rk__cursor_bytes(&in, 2 + 2 + 2); // disks, members on this disk
    end->n_members = rk__cursor_u16le(&in);
    end->directory_size = rk__cursor_u32le(&in);
    end->directory_offset = rk__cursor_u32le(&in);
    const size_t comment = rk__cursor_u16le(&in);
    if (in.failed || comment > rk__cursor_left(&in)) return false;

    end->position = file->size - n_tail + at;
    if (end->n_members == UINT16_MAX || end->directory_size == UINT32_MAX ||
        end->directory_offset == UINT32_MAX) {
        if (!read_end64(file, end->position, end)) return false;
    }
    if (end->directory_offset > end->position ||
        end->directory_size > end->position - end->directory_offset) {
        return false;
    }
    if (end->n_members == 0) return true;
    uint8_t first[4];
    if (rk__file_read(file, end->directory_offset, first, sizeof first, NULL) != RK_OK)
        return false;
    in = rk__cursor_over(first, sizeof first);
    return rk__cursor_u32le(&in) == ENTRY_SIGNATURE;
}

// The last end record that makes sense.
static rk_status find_end(const rk__file *file, end_record *end, rk_error *err) {
    const size_t n_tail = file->size < MAX_TAIL ? (size_t)file->size : MAX_TAIL;
    void *tail;
    RK_TRY(rk__alloc(&tail, n_tail, 1, err));
    rk_status status = rk__file_read(file, file->size - n_tail, tail, n_tail, err);
    bool found = false;
    if (status == RK_OK && n_tail >= END_BYTES) {
        for (size_t at = n_tail - END_BYTES + 1; at > 0 && !found; at--) {
            const uint8_t *bytes = (const uint8_t *)tail + at - 1;
            // A cheap look first: most positions are no record.
            if (bytes[0] == 'P' && bytes[1] == 'K')
                found = read_end(file, tail, n_tail, at - 1, end);
        }
    }
    rk__free(tail);
    if (status == RK_OK && !found) {
        status =
            rk__fail(err, RK_ERR_FORMAT,
                     "%s: a zip archive without its directory: the file is incomplete (%" PRIu64
                     " bytes) or damaged",
                     file->path, file->size);
    }
    return status;
}

// ---- the directory

// Takes the 64-bit sizes and the offset from the extra fields, for those that are all ones.
static bool read_zip64_field(rk__zip_member *member, const uint8_t *extra, size_t length) {
    const bool size64 = member->size == UINT32_MAX, packed64 = member->packed_size == UINT32_MAX,
               offset64 = member->header_offset == UINT32_MAX;
    if (!size64 && !packed64 && !offset64) return true;
    rk__cursor in = rk__cursor_over(extra, length);
    while (rk__cursor_left(&in) >= 4) {
        const uint16_t id = rk__cursor_u16le(&in);
        const uint16_t size = rk__cursor_u16le(&in);
        const uint8_t *body = rk__cursor_bytes(&in, size);
        if (!body || id != ZIP64_FIELD) continue;
        rk__cursor field = rk__cursor_over(body, size);
        if (size64) member->size = rk__cursor_u64le(&field);
        if (packed64) member->packed_size = rk__cursor_u64le(&field);
        if (offset64) member->header_offset = rk__cursor_u64le(&field);
        return !field.failed;
    }
    return false;
}

static bool read_entry(rk__cursor *in, rk__zip_member *member) {
    if (rk__cursor_u32le(in) != ENTRY_SIGNATURE) return false;
    (void)rk__cursor_bytes(in, 2 + 2); // versions
    member->flags = rk__cursor_u16le(in);
    member->method = rk__cursor_u16le(in);
    (void)rk__cursor_bytes(in, 2 + 2); // time, date
    member->crc = rk__cursor_u32le(in);
    member->packed_size = rk__cursor_u32le(in);
    member->size = rk__cursor_u32le(in);
    member->name_length = rk__cursor_u16le(in);
    const size_t n_extra = rk__cursor_u16le(in);
    const size_t n_comment = rk__cursor_u16le(in);
    (void)rk__cursor_bytes(in, 2 + 2 + 4); // disk, attributes
    member->header_offset = rk__cursor_u32le(in);
    member->name = (const char *)rk__cursor_bytes(in, member->name_length);
    const uint8_t *extra = rk__cursor_bytes(in, n_extra);
    (void)rk__cursor_bytes(in, n_comment);
    return !in->failed && read_zip64_field(member, extra, n_extra);
}

static rk_status read_directory(rk__zip *zip, const end_record *end, rk_error *err) {
    const char *path = zip->file->path;
    if (end->directory_size > MAX_DIRECTORY || end->n_members > MAX_MEMBERS ||
        end->n_members > end->directory_size / ENTRY_BYTES) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: a zip directory of %" PRIu64 " bytes for %" PRIu64
                        " records; at most %d bytes and %d records are read, and a record takes %d "
                        "bytes or more",
                        path, end->directory_size, end->n_members, MAX_DIRECTORY, MAX_MEMBERS,
                        ENTRY_BYTES);
    }
    const size_t size = (size_t)end->directory_size, n = (size_t)end->n_members;
    void *memory;
    RK_TRY(rk__alloc(&memory, size, 1, err));
    zip->directory = memory;
    zip->directory_offset = end->directory_offset;
    RK_TRY(rk__file_read(zip->file, end->directory_offset, zip->directory, size, err));
    RK_TRY(rk__alloc(&memory, n, sizeof *zip->members, err));
    zip->members = memory;

    rk__cursor in = rk__cursor_over(zip->directory, size);
    for (; zip->n_members < n; zip->n_members++) {
        const size_t at = in.offset;
        if (!read_entry(&in, &zip->members[zip->n_members])) {
            return rk__fail(err, RK_ERR_FORMAT,
                            "%s: the zip directory is damaged: record %zu of %zu at byte %" PRIu64
                            " cannot be read",
                            path, zip->n_members + 1, n, end->directory_offset + at);
        }
    }
    return RK_OK;
}

static int compare_text(const char *a, size_t n_a, const char *b, size_t n_b) {
    const int order = memcmp(a, b, n_a < n_b ? n_a : n_b);
    return order != 0 ? order : (n_a > n_b) - (n_a < n_b);
}

static int compare_members(const void *a, const void *b, void *members) {
    const rk__zip_member *list = members;
    const rk__zip_member *left = &list[*(const uint32_t *)a], *right = &list[*(const uint32_t *)b];
    return compare_text(left->name, left->name_length, right->name, right->name_length);
}

// Which of two records of one name counts would depend on who reads the archive.
static rk_status sort_names(rk__zip *zip, rk_error *err) {
    void *memory;
    RK_TRY(rk__alloc(&memory, zip->n_members, sizeof *zip->by_name, err));
    zip->by_name = memory;
    for (size_t i = 0; i < zip->n_members; i++) zip->by_name[i] = (uint32_t)i;
    qsort_r(zip->by_name, zip->n_members, sizeof *zip->by_name, compare_members, zip->members);
    for (size_t i = 1; i < zip->n_members; i++) {
        if (compare_members(&zip->by_name[i - 1], &zip->by_name[i], zip->members) == 0) {
            const rk__zip_member *twice = &zip->members[zip->by_name[i]];
            return rk__fail(err, RK_ERR_FORMAT, "%s: the zip archive holds record '%.*s' twice",
                            zip->file->path, quoted(twice->name_length), twice->name);
        }
    }
    return RK_OK;
}

rk_status rk__zip_open(rk__zip *zip, const rk__file *file, rk_error *err) {
    *zip = (rk__zip){.file = file};
    end_record end = {0};
    rk_status status = find_end(file, &end, err);
    if (status != RK_OK) goto out;
    status = read_directory(zip, &end, err);
    if (status != RK_OK) goto out;
    status = sort_names(zip, err);
out:
    if (status != RK_OK) rk__zip_close(zip);
    return status;
}

void rk__zip_close(rk__zip *zip) {
    rk__free(zip->directory);
    rk__free(zip->members);
    rk__free(zip->by_name);
    *zip = (rk__zip){0};
}

bool rk__zip_find(const rk__zip *zip, const char *name, size_t length, size_t *index) {
    size_t low = 0, high = zip->n_members;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const rk__zip_member *member = &zip->members[zip->by_name[middle]];
        const int order = compare_text(name, length, member->name, member->name_length);
        if (order == 0) {
            *index = zip->by_name[middle];
            return true;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

// ---- members

static rk_status fail_member(const rk__zip *zip, const rk__zip_member *member, rk_status code,
                             const char *what, rk_error *err) {
    return rk__fail(err, code, "%s: record '%.*s' %s", zip->file->path, quoted(member->name_length),
                    member->name, what);
}

bool rk__zip_is_deflated(const rk__zip_member *member) {
    return member->method == METHOD_DEFLATED;
}

static rk_status check_method(const rk__zip *zip, const rk__zip_member *member, rk_error *err) {
    if (member->flags & FLAG_ENCRYPTED) {
        return fail_member(zip, member, RK_ERR_UNSUPPORTED, "is encrypted", err);
    }
    if (member->method != METHOD_STORED && member->method != METHOD_DEFLATED) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: record '%.*s' has compression method %u; 0 (stored) and 8 (deflated) "
                        "can be read",
                        zip->file->path, quoted(member->name_length), member->name, member->method);
    }
    if (member->method == METHOD_STORED && member->packed_size != member->size) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: record '%.*s' is stored as it is, but has %" PRIu64
                        " bytes in the file and %" PRIu64 " outside",
                        zip->file->path, quoted(member->name_length), member->name,
                        member->packed_size, member->size);
    }
    return RK_OK;
}

// Does the local header, without its signature, say what the directory says?
static bool headers_agree(const rk__zip_member *member, rk__cursor *in, size_t *n_extra) {
    (void)rk__cursor_u16le(in); // version
    const uint16_t flags = rk__cursor_u16le(in);
    const uint16_t method = rk__cursor_u16le(in);
    (void)rk__cursor_bytes(in, 2 + 2); // time, date
    const uint32_t crc = rk__cursor_u32le(in);
    const uint32_t packed_size = rk__cursor_u32le(in);
    const uint32_t size = rk__cursor_u32le(in);
    const size_t name_length = rk__cursor_u16le(in);
    *n_extra = rk__cursor_u16le(in);
    if (method != member->method || name_length != member->name_length) return false;
    if ((flags ^ member->flags) & FLAG_ENCRYPTED) return false;
    if (flags & FLAG_SIZES_BEHIND) return true;
    return crc == member->crc &&
           (packed_size == UINT32_MAX || packed_size == member->packed_size) &&
           (size == UINT32_MAX || size == member->size);
}

// Is the name behind the local header the directory's?
static rk_status compare_name(const rk__zip *zip, const rk__zip_member *member, bool *same,
                              rk_error *err) {
    char piece[256];
    *same = true;
    for (size_t done = 0; *same && done < member->name_length;) {
        const size_t left = member->name_length - done;
        const size_t n = left < sizeof piece ? left : sizeof piece;
        const uint64_t offset = member->header_offset + LOCAL_BYTES + done;
        RK_TRY(rk__file_read(zip->file, offset, piece, n, err));
        *same = memcmp(piece, member->name + done, n) == 0;
        done += n;
    }
    return RK_OK;
}

rk_status rk__zip_locate(const rk__zip *zip, size_t index, uint64_t *offset, rk_error *err) {
    const rk__zip_member *member = &zip->members[index];
    RK_TRY(check_method(zip, member, err));
    // Members lie before the directory.
    const uint64_t limit = zip->directory_offset;
    const size_t n_header = LOCAL_BYTES + member->name_length;
    if (member->header_offset > limit || limit - member->header_offset < n_header) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: record '%.*s' should begin at byte %" PRIu64
                        ", but the zip directory begins at byte %" PRIu64,
                        zip->file->path, quoted(member->name_length), member->name,
                        member->header_offset, limit);
    }
    uint8_t header[LOCAL_BYTES];
    RK_TRY(rk__file_read(zip->file, member->header_offset, header, sizeof header, err));
    rk__cursor in = rk__cursor_over(header, sizeof header);
    size_t n_extra;
    bool same_name;
    RK_TRY(compare_name(zip, member, &same_name, err));
    if (rk__cursor_u32le(&in) != LOCAL_SIGNATURE) {
        return fail_member(zip, member, RK_ERR_FORMAT,
                           "does not begin where the zip directory says", err);
    }
    if (!headers_agree(member, &in, &n_extra) || !same_name) {
        return fail_member(zip, member, RK_ERR_FORMAT,
                           "is described differently by the zip directory and its own header", err);
    }
    *offset = member->header_offset + n_header + n_extra;
    if (*offset > limit || member->packed_size > limit - *offset) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: record '%.*s': %" PRIu64 " bytes at byte %" PRIu64
                        " reach into the zip directory at byte %" PRIu64,
                        zip->file->path, quoted(member->name_length), member->name,
                        member->packed_size, *offset, limit);
    }
    return RK_OK;
}

// Fills out[0 .. member->size) and sets the CRC of what came.
static rk_status read_member(const rk__zip *zip, const rk__zip_member *member, uint64_t offset,
                             uint8_t *out, uint32_t *crc, rk_error *err) {
    if (rk__zip_is_deflated(member)) {
        char what[QUOTED + 16];
        snprintf(what, sizeof what, "record '%.*s'", quoted(member->name_length), member->name);
        const rk__packed packed = {.offset = offset,
                                   .packed_size = member->packed_size,
                                   .size = member->size,
                                   .what = what};
        return rk__inflate(zip->file, &packed, out, crc, err);
    }
    RK_TRY(rk__file_read(zip->file, offset, out, (size_t)member->size, err));
    *crc = rk__crc32(0, out, (size_t)member->size);
    return RK_OK;
}

rk_status rk__zip_read(const rk__zip *zip, size_t index, uint64_t limit, uint8_t **out,
                       size_t *size, rk_error *err) {
    *out = NULL;
    const rk__zip_member *member = &zip->members[index];
    uint64_t offset = 0;
    RK_TRY(rk__zip_locate(zip, index, &offset, err));
    if (member->size > limit) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: record '%.*s' has %" PRIu64 " bytes, at most %" PRIu64 " are read",
                        zip->file->path, quoted(member->name_length), member->name, member->size,
                        limit);
    }
    void *memory;
    uint32_t crc = 0;
    RK_TRY(rk__alloc(&memory, (size_t)member->size, 1, err));
    rk_status status = read_member(zip, member, offset, memory, &crc, err);
    if (status == RK_OK && crc != member->crc) {
        status =
            rk__fail(err, RK_ERR_FORMAT,
                     "%s: record '%.*s' is damaged: its CRC-32 is %08" PRIx32 ", not %08" PRIx32,
                     zip->file->path, quoted(member->name_length), member->name, crc, member->crc);
    }
    if (status != RK_OK) {
        rk__free(memory);
        return status;
    }
    *out = memory;
    *size = (size_t)member->size;
    return RK_OK;
}
