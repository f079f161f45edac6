// Headers of files of logits.
#include "eval/logits_header.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#include "base/cursor.h"
#include "eval/logits_row.h"
#include "model/fingerprint.h"
#include "tensor/little_endian.h"

static const uint8_t magic[8] = {'r', 'k', 'l', 'o', 'g', 'i', 't', '\n'};
enum { VERSION = 1, CHECKSUM_AT = 12, CHECKED_FROM = 16 };

static void store_u64le(uint8_t *bytes, uint64_t value) {
    rk__store_u32le(bytes, (uint32_t)value);
    rk__store_u32le(bytes + 4, (uint32_t)(value >> 32));
}

// ---- describing

static uint32_t checksum_tokens(const rk_passage *passages, size_t n_passages) {
    uLong crc = crc32(0, NULL, 0);
    for (size_t p = 0; p < n_passages; p++) {
        for (size_t i = 0; i < passages[p].n_tokens; i++) {
            uint8_t bytes[4];
            rk__store_u32le(bytes, passages[p].tokens[i]);
            crc = crc32_z(crc, bytes, sizeof bytes);
        }
    }
    return (uint32_t)crc;
}

static uint32_t checksum_passages(const rk_passage *passages, size_t n_passages) {
    uLong crc = crc32(0, NULL, 0);
    for (size_t p = 0; p < n_passages; p++) {
        uint8_t bytes[16];
        store_u64le(bytes, passages[p].n_tokens);
        store_u64le(bytes + 8, passages[p].first_scored);
        crc = crc32_z(crc, bytes, sizeof bytes);
    }
    return (uint32_t)crc;
}

static rk_status copy_text(char out[RK__LOGITS_MAX_TEXT + 1], const char *text, rk_error *err) {
    const size_t length = strlen(text);
    if (length > RK__LOGITS_MAX_TEXT) {
        return rk__fail(err, RK_ERR_ARGUMENT, "a text of %zu bytes where %d are the most: %.40s...",
                        length, RK__LOGITS_MAX_TEXT, text);
    }
    memcpy(out, text, length + 1);
    return RK_OK;
}

static size_t header_size(const rk__logits_header *header) {
    const size_t used = RK__LOGITS_FIXED_BYTES + strlen(header->protocol) + strlen(header->source);
    return (used + 63) / 64 * 64;
}

rk_status rk__logits_header_describe(rk__logits_header *header, const rk_model *model,
                                     const rk_passage *passages, size_t n_passages,
                                     const char *protocol, const char *source, rk_error *err) {
    *header = (rk__logits_header){0};
    RK_TRY(copy_text(header->protocol, protocol, err));
    RK_TRY(copy_text(header->source, source, err));
    header->size = header_size(header);
    rk_logits_info *info = &header->info;
    *info = (rk_logits_info){.n_vocab = rk_model_describe(model)->dims.n_vocab,
                             .n_rows = rk_passages_scores(passages, n_passages),
                             .tokens_checksum = checksum_tokens(passages, n_passages),
                             .passages_checksum = checksum_passages(passages, n_passages),
                             .protocol = header->protocol,
                             .source = header->source};
    for (size_t i = 0; i < n_passages; i++) info->n_tokens += passages[i].n_tokens;
    return rk__model_fingerprint(model, &info->fingerprint, err);
}

size_t rk__logits_header_encode(uint8_t bytes[RK__LOGITS_MAX_HEADER],
                                const rk__logits_header *header) {
    const rk_logits_info *info = &header->info;
    const size_t protocol_length = strlen(header->protocol), source_length = strlen(header->source);
    memset(bytes, 0, RK__LOGITS_MAX_HEADER);
    memcpy(bytes, magic, sizeof magic);
    rk__store_u32le(bytes + 8, VERSION);
    const uint64_t wide[] = {info->n_vocab, info->n_rows, info->fingerprint, info->n_tokens};
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        store_u64le(bytes + CHECKED_FROM + 8 * i, wide[i]);
    }
    rk__store_u32le(bytes + 48, info->tokens_checksum);
    rk__store_u32le(bytes + 52, info->passages_checksum);
    rk__store_u32le(bytes + 56, (uint32_t)protocol_length);
    rk__store_u32le(bytes + 60, (uint32_t)source_length);
    memcpy(bytes + RK__LOGITS_FIXED_BYTES, header->protocol, protocol_length);
    memcpy(bytes + RK__LOGITS_FIXED_BYTES + protocol_length, header->source, source_length);
    rk__store_u32le(bytes + CHECKSUM_AT, (uint32_t)crc32_z(crc32(0, NULL, 0), bytes + CHECKED_FROM,
                                                           header->size - CHECKED_FROM));
    return header->size;
}

// ---- reading

typedef struct raw_header {
    uint8_t bytes[RK__LOGITS_MAX_HEADER];
    size_t there; // bytes read
    uint32_t version, checksum, protocol_length, source_length;
} raw_header;

static rk_status read_fixed(raw_header *raw, rk_logits_info *info, const rk__file *file,
                            rk_error *err) {
    raw->there = file->size < sizeof raw->bytes ? (size_t)file->size : sizeof raw->bytes;
    RK_TRY(rk__file_read(file, 0, raw->bytes, raw->there, err));
    if (raw->there < RK__LOGITS_FIXED_BYTES || memcmp(raw->bytes, magic, sizeof magic) != 0) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: no file of logits", file->path);
    }
    rk__cursor c = rk__cursor_over(raw->bytes, RK__LOGITS_FIXED_BYTES);
    (void)rk__cursor_bytes(&c, sizeof magic);
    raw->version = rk__cursor_u32le(&c);
    raw->checksum = rk__cursor_u32le(&c);
    info->n_vocab = rk__cursor_u64le(&c);
    info->n_rows = rk__cursor_u64le(&c);
    info->fingerprint = rk__cursor_u64le(&c);
    info->n_tokens = rk__cursor_u64le(&c);
    info->tokens_checksum = rk__cursor_u32le(&c);
    info->passages_checksum = rk__cursor_u32le(&c);
    raw->protocol_length = rk__cursor_u32le(&c);
    raw->source_length = rk__cursor_u32le(&c);
    if (raw->version == VERSION) return RK_OK;
    return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: file of logits of version %u; %d is read",
                    file->path, (unsigned)raw->version, VERSION);
}

static rk_status read_texts(rk__logits_header *header, const raw_header *raw, const rk__file *file,
                            rk_error *err) {
    const uint32_t n_protocol = raw->protocol_length, n_source = raw->source_length;
    if (n_protocol > RK__LOGITS_MAX_TEXT || n_source > RK__LOGITS_MAX_TEXT) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: texts of %u and %u bytes; %d are the most",
                        file->path, (unsigned)n_protocol, (unsigned)n_source, RK__LOGITS_MAX_TEXT);
    }
    header->size = (RK__LOGITS_FIXED_BYTES + (size_t)n_protocol + n_source + 63) / 64 * 64;
    const uint8_t *texts = raw->bytes + RK__LOGITS_FIXED_BYTES;
    if (header->size > raw->there ||
        raw->checksum != (uint32_t)crc32_z(crc32(0, NULL, 0), raw->bytes + CHECKED_FROM,
                                           header->size - CHECKED_FROM)) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: the header is damaged", file->path);
    }
    memcpy(header->protocol, texts, n_protocol);
    memcpy(header->source, texts + n_protocol, n_source);
    header->info.protocol = header->protocol;
    header->info.source = header->source;
    return RK_OK;
}

rk_status rk__logits_header_read(rk__logits_header *header, const rk__file *file, rk_error *err) {
    raw_header raw = {0};
    *header = (rk__logits_header){0};
    RK_TRY(read_fixed(&raw, &header->info, file, err));
    RK_TRY(read_texts(header, &raw, file, err));
    const uint64_t left = file->size - header->size, n_rows = header->info.n_rows;
    // In this order, nothing can overflow: a row has more bytes than the vocabulary tokens.
    const bool fits = header->info.n_vocab > 0 && header->info.n_vocab <= left && n_rows > 0 &&
                      left % n_rows == 0 &&
                      left / n_rows == rk__logits_row_bytes((size_t)header->info.n_vocab);
    if (fits) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: %" PRIu64 " bytes for %" PRIu64 " predictions over %" PRIu64 " tokens",
                    file->path, left, n_rows, header->info.n_vocab);
}
