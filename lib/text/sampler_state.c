// A sampler's memory as bytes. Layout, little-endian: docs/sessions.md.
#include "text/sampler_internal.h"

#include <math.h>
#include <string.h>
#include <zlib.h>

#include "base/cursor.h"
#include "base/memory.h"

static const uint8_t magic[4] = {'r', 'k', 's', 'm'};
enum { VERSION = 1, HEADER_BYTES = 64, ENTRY_BYTES = 16, SEEN_BYTES = 5, CHECKSUM_BYTES = 4 };

static size_t body_bytes(const rk_sampler *s) {
    return HEADER_BYTES + s->counts.n_entries * ENTRY_BYTES + s->counts.n_seen * SEEN_BYTES +
           s->settings.rules.n_tail;
}

size_t rk_sampler_state_bytes(const rk_sampler *sampler) {
    return body_bytes(sampler) + CHECKSUM_BYTES;
}

static void put(uint8_t **at, uint64_t value, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) *(*at)++ = (uint8_t)(value >> (8 * i));
}

static void put_double(uint8_t **at, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(at, bits, sizeof bits);
}

static void put_header(uint8_t **at, const rk_sampler *s) {
    memcpy(*at, magic, sizeof magic);
    *at += sizeof magic;
    put(at, VERSION, 4);
    put(at, s->n_vocab, 8);
    put(at, s->random.seed, 8);
    put(at, s->random.counter, 8);
    put_double(at, s->mu_known ? s->mu : 0);
    put(at, s->mu_known, 4);
    put(at, s->counts.window, 4);
    put(at, s->counts.n_entries, 8);
    put(at, s->counts.n_seen, 4);
    put(at, s->settings.rules.n_tail, 4);
}

rk_status rk_sampler_export(const rk_sampler *sampler, void *bytes, size_t size, rk_error *err) {
    if (size != rk_sampler_state_bytes(sampler)) {
        return rk__fail(err, RK_ERR_SHAPE, "room for %zu bytes of a sampler's state of %zu", size,
                        rk_sampler_state_bytes(sampler));
    }
    const rk__token_counts *counts = &sampler->counts;
    uint8_t *at = bytes;
    put_header(&at, sampler);
    for (size_t i = 0; i < counts->n_entries; i++) {
        put(&at, counts->entries[i].token, 4);
        put(&at, counts->entries[i].times, 4);
        put_double(&at, counts->entries[i].count);
    }
    for (size_t i = 0; i < counts->n_seen; i++) {
        const rk__seen_token seen = rk__token_counts_seen(counts, i);
        put(&at, seen.token, 4);
        put(&at, seen.counted, 1);
    }
    const rk__token_rules *rules = &sampler->settings.rules;
    if (rules->n_tail > 0) memcpy(at, rules->tail, rules->n_tail);
    at += rules->n_tail;
    put(&at, crc32_z(crc32(0, NULL, 0), bytes, body_bytes(sampler)), CHECKSUM_BYTES);
    return RK_OK;
}

// ---- import

typedef struct header {
    uint32_t version;
    uint64_t n_vocab, seed, counter;
    double mu;
    uint32_t mu_known, window;
    uint64_t n_entries;
    uint32_t n_seen, n_tail;
} header;

static double get_double(rk__cursor *c) {
    const uint64_t bits = rk__cursor_u64le(c);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static header get_header(rk__cursor *c) {
    header h = {0};
    h.version = rk__cursor_u32le(c);
    h.n_vocab = rk__cursor_u64le(c);
    h.seed = rk__cursor_u64le(c);
    h.counter = rk__cursor_u64le(c);
    h.mu = get_double(c);
    h.mu_known = rk__cursor_u32le(c);
    h.window = rk__cursor_u32le(c);
    h.n_entries = rk__cursor_u64le(c);
    h.n_seen = rk__cursor_u32le(c);
    h.n_tail = rk__cursor_u32le(c);
    return h;
}

static rk_status check_header(const header *h, const rk_sampler *s, size_t size, rk_error *err) {
    if (h->version != VERSION) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "a sampler's state of version %u, expected %d",
                        (unsigned)h->version, VERSION);
    }
    if (h->n_vocab != s->n_vocab || h->window != s->counts.window) {
        return rk__fail(err, RK_ERR_MISMATCH,
                        "the state of a sampler of %llu tokens and a window of %u; this one has "
                        "%zu and %zu",
                        (unsigned long long)h->n_vocab, (unsigned)h->window, s->n_vocab,
                        s->counts.window);
    }
    // Each bounded before it is multiplied.
    const bool fits = h->n_entries <= h->n_vocab && h->n_seen <= h->window && h->n_tail <= size &&
                      h->n_entries <= size / ENTRY_BYTES && h->n_seen <= size / SEEN_BYTES;
    const size_t wanted = !fits ? 0
                                : HEADER_BYTES + (size_t)h->n_entries * ENTRY_BYTES +
                                      (size_t)h->n_seen * SEEN_BYTES + h->n_tail + CHECKSUM_BYTES;
    if (size != wanted) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "a sampler's state of %zu bytes does not hold %llu counts, %u tokens and "
                        "%u bytes of text",
                        size, (unsigned long long)h->n_entries, (unsigned)h->n_seen,
                        (unsigned)h->n_tail);
    }
    if (!isfinite(h->mu) || h->mu_known > 1) {
        return rk__fail(err, RK_ERR_RANGE, "a sampler's state with a mirostat bound of %g", h->mu);
    }
    return RK_OK;
}

static rk_status get_entries(rk__cursor *c, const header *h, rk__token_counts *counts,
                             rk_error *err) {
    for (size_t i = 0; i < h->n_entries; i++) {
        rk__token_count entry = {.token = rk__cursor_u32le(c)};
        entry.times = rk__cursor_u32le(c);
        entry.count = get_double(c);
        const bool fine = entry.token < counts->n_vocab && counts->slots[entry.token] == 0 &&
                          entry.times > 0 && entry.count >= 0 && isfinite(entry.count);
        if (!fine) {
            return rk__fail(err, RK_ERR_RANGE,
                            "a sampler's state counts token %u %u times and as %g",
                            (unsigned)entry.token, (unsigned)entry.times, entry.count);
        }
        RK_TRY(rk__token_counts_restore(counts, entry, err));
    }
    return RK_OK;
}

// How often each token stands in the ring must be what its entry says, or the ring could outlive an
// entry.
static rk_status get_seen(rk__cursor *c, const header *h, rk__token_counts *counts, rk_error *err) {
    uint64_t times = 0;
    for (size_t i = 0; i < counts->n_entries && counts->window > 0; i++) {
        times += counts->entries[i].times;
    }
    uint32_t *left;
    RK_TRY(rk__alloc((void **)&left, counts->n_entries, sizeof left[0], err));
    for (size_t i = 0; i < counts->n_entries; i++) left[i] = counts->entries[i].times;
    bool fine = times == h->n_seen;
    for (size_t i = 0; fine && i < h->n_seen; i++) {
        rk__seen_token seen = {.token = rk__cursor_u32le(c)};
        const uint8_t counted = rk__cursor_u8(c);
        seen.counted = counted != 0;
        const uint32_t slot = seen.token < counts->n_vocab ? counts->slots[seen.token] : 0;
        fine = counted <= 1 && slot != 0 && left[slot - 1]-- > 0;
        if (fine) rk__token_counts_restore_seen(counts, seen);
    }
    rk__free(left);
    if (fine) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT, "a sampler's state whose window is not what it counts");
}

static rk_status read_state(rk__cursor *c, const rk_sampler *s, size_t size, header *h,
                            rk__token_counts *counts, rk_error *err) {
    *h = get_header(c);
    RK_TRY(check_header(h, s, size, err));
    RK_TRY(get_entries(c, h, counts, err));
    return get_seen(c, h, counts, err);
}

rk_status rk_sampler_import(rk_sampler *sampler, const void *bytes, size_t size, rk_error *err) {
    if (size < HEADER_BYTES + CHECKSUM_BYTES || memcmp(bytes, magic, sizeof magic) != 0) {
        return rk__fail(err, RK_ERR_FORMAT, "%zu bytes that are no sampler's state", size);
    }
    rk__cursor sum =
        rk__cursor_over((const uint8_t *)bytes + size - CHECKSUM_BYTES, CHECKSUM_BYTES);
    const uint32_t expected = rk__cursor_u32le(&sum);
    const uint32_t found = (uint32_t)crc32_z(crc32(0, NULL, 0), bytes, size - CHECKSUM_BYTES);
    if (found != expected) {
        return rk__fail(err, RK_ERR_FORMAT, "a sampler's state with checksum %08x, expected %08x",
                        (unsigned)found, (unsigned)expected);
    }
    rk__cursor c = rk__cursor_over((const uint8_t *)bytes + sizeof magic, size - sizeof magic);
    header h;
    rk__token_counts counts;
    RK_TRY(rk__token_counts_init(&counts, sampler->n_vocab, sampler->counts.window, err));
    const rk_status status = read_state(&c, sampler, size, &h, &counts, err);
    if (status != RK_OK) {
        rk__token_counts_fini(&counts);
        return status;
    }
    rk_sampler_reset(sampler);
    rk__token_counts_fini(&sampler->counts);
    sampler->counts = counts;
    sampler->random = (rk__random){.seed = h.seed, .counter = h.counter};
    sampler->mu = h.mu;
    sampler->mu_known = h.mu_known != 0;
    const uint8_t *tail = rk__cursor_bytes(&c, h.n_tail);
    if (tail) rk__token_rules_append(&sampler->settings.rules, (const char *)tail, h.n_tail);
    return RK_OK;
}
