// Session files. Layout: docs/sessions.md.
#include <assert.h>
#include <math.h>
#include <string.h>
#include <zlib.h>

#include "base/cursor.h"
#include "base/file.h"
#include "base/memory.h"
#include "generate/byte_buffer.h"
#include "generate/session_internal.h"
#include "model/fingerprint.h"

static const uint8_t magic[8] = {'r', 'k', 's', 'e', 's', 's', 'n', '\n'};
enum { VERSION = 1, HEADER_BYTES = 128, HAS_LOGITS = 1, HAS_POINT = 2, TOKEN_BYTES = 12 };

// The header's fields behind the magic, in their order.
typedef struct header {
    uint32_t version, checksum; // CRC-32 of all bytes behind this field
    uint32_t arch, n_layer, n_embd, flags;
    uint64_t n_vocab, n_floats, fingerprint; // of the model
    uint64_t n_sampler, n_held, n_stream, offset;
    uint64_t n_tokens, n_point_sampler, point_offset;
} header;

enum { CHECKED_FROM = sizeof magic + 8 };

static rk_status describe(const rk_session *s, header *out, rk_error *err) {
    const rk_model *model = rk_context_model(s->context);
    const rk_model_info *info = rk_model_describe(model);
    *out = (header){.version = VERSION,
                    .arch = (uint32_t)info->arch,
                    .n_layer = (uint32_t)info->dims.n_layer,
                    .n_embd = (uint32_t)info->dims.n_embd,
                    .n_vocab = info->dims.n_vocab,
                    .n_floats = info->state_floats};
    return rk__model_fingerprint(model, &out->fingerprint, err);
}

static uint32_t checksum_of(const uint8_t *bytes, size_t size) {
    return (uint32_t)crc32_z(crc32(0, NULL, 0), bytes + CHECKED_FROM, size - CHECKED_FROM);
}

// ---- saving

static void append_header(rk__byte_buffer *b, const header *h, rk_error *err) {
    rk__byte_buffer_append(b, magic, sizeof magic, err);
    const uint32_t words[] = {h->version, h->checksum, h->arch, h->n_layer, h->n_embd, h->flags};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        rk__byte_buffer_append_u32(b, words[i], err);
    }
    const uint64_t sizes[] = {h->n_vocab,         h->n_floats,    h->fingerprint, h->n_sampler,
                              h->n_held,          h->n_stream,    h->offset,      h->n_tokens,
                              h->n_point_sampler, h->point_offset};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        rk__byte_buffer_append_u64(b, sizes[i], err);
    }
    static const uint8_t zeros[HEADER_BYTES];
    rk__byte_buffer_append(b, zeros, HEADER_BYTES - b->size % HEADER_BYTES, err);
}

static void append_point(rk__byte_buffer *b, const rk__rewind *rewind, rk_error *err) {
    const rk__snapshot *snapshot = &rewind->points[0].snapshot;
    rk__byte_buffer_append(b, snapshot->state, snapshot->n_state * sizeof(float), err);
    rk__byte_buffer_append(b, snapshot->logits, snapshot->n_logits * sizeof(float), err);
    rk__byte_buffer_append(b, snapshot->sampler, snapshot->n_sampler, err);
    for (size_t i = 0; i < rewind->n_tokens; i++) {
        rk__byte_buffer_append_u32(b, rewind->tokens[i].token, err);
        rk__byte_buffer_append_u64(b, rewind->tokens[i].end, err);
    }
}

static rk_status put_together(rk__byte_buffer *b, const rk_session *s, const rk__snapshot *now,
                              rk_error *err) {
    header h;
    RK_TRY(describe(s, &h, err));
    h.flags = (s->has_logits ? HAS_LOGITS : 0) | (s->rewind.n_points > 0 ? HAS_POINT : 0);
    h.n_sampler = now->n_sampler;
    h.n_held = s->n_held;
    h.n_stream = s->stream.n_held;
    h.offset = s->offset;
    if (h.flags & HAS_POINT) {
        h.n_tokens = s->rewind.n_tokens;
        h.n_point_sampler = s->rewind.points[0].snapshot.n_sampler;
        h.point_offset = s->rewind.points[0].offset;
    }
    append_header(b, &h, err);
    rk__byte_buffer_append(b, now->state, now->n_state * sizeof(float), err);
    rk__byte_buffer_append(b, now->logits, now->n_logits * sizeof(float), err);
    rk__byte_buffer_append(b, now->sampler, now->n_sampler, err);
    rk__byte_buffer_append(b, s->held, s->n_held, err);
    rk__byte_buffer_append(b, s->stream.held, s->stream.n_held, err);
    if (h.flags & HAS_POINT) append_point(b, &s->rewind, err);
    if (b->status != RK_OK) return b->status;
    const uint32_t checksum = checksum_of(b->bytes, b->size);
    for (size_t i = 0; i < 4; i++) b->bytes[sizeof magic + 4 + i] = (uint8_t)(checksum >> (8 * i));
    return RK_OK;
}

static rk_status write_file(const char *path, const rk__byte_buffer *b, rk_error *err) {
    rk__output *output = NULL;
    RK_TRY(rk__output_open(&output, path, err));
    const rk_status status = rk__output_write(output, b->bytes, b->size, err);
    if (status != RK_OK) {
        rk__output_abort(&output);
        return status;
    }
    return rk__output_commit(&output, true, err);
}

rk_status rk_session_save(const rk_session *session, const char *path, rk_error *err) {
    rk__byte_buffer buffer = {0};
    rk__snapshot now = {0};
    rk_status status = rk__snapshot_take(&now, session->state, session->sequence,
                                         rk_session_logits(session), session->sampler, err);
    if (status == RK_OK) status = put_together(&buffer, session, &now, err);
    if (status == RK_OK) status = write_file(path, &buffer, err);
    rk__snapshot_fini(&now);
    rk__byte_buffer_fini(&buffer);
    return status;
}

// ---- loading

// What a file says, as views into its bytes.
typedef struct contents {
    const char *path;
    header h;
    const uint8_t *state, *logits, *sampler, *held, *stream;
    const uint8_t *point_state, *point_logits, *point_sampler, *tokens;
} contents;

static header read_header(rk__cursor *c) {
    header h = {0};
    uint32_t *const words[] = {&h.version, &h.checksum, &h.arch, &h.n_layer, &h.n_embd, &h.flags};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) *words[i] = rk__cursor_u32le(c);
    uint64_t *const sizes[] = {&h.n_vocab,         &h.n_floats,    &h.fingerprint, &h.n_sampler,
                               &h.n_held,          &h.n_stream,    &h.offset,      &h.n_tokens,
                               &h.n_point_sampler, &h.point_offset};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) *sizes[i] = rk__cursor_u64le(c);
    return h;
}

static rk_status check_model(const contents *f, const rk_session *s, rk_error *err) {
    const rk_model_info *info = rk_model_describe(rk_context_model(s->context));
    header expected;
    RK_TRY(describe(s, &expected, err));
    const header *h = &f->h;
    if (h->version != VERSION) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: session file of version %u, expected %d",
                        f->path, (unsigned)h->version, VERSION);
    }
    if (h->arch != expected.arch || h->n_layer != expected.n_layer ||
        h->n_embd != expected.n_embd || h->n_vocab != expected.n_vocab ||
        h->n_floats != expected.n_floats) {
        return rk__fail(err, RK_ERR_MISMATCH,
                        "%s: a session of %u layers, n_embd %u, %llu tokens; %s is %s with %u "
                        "layers, n_embd %u, %zu tokens",
                        f->path, (unsigned)h->n_layer, (unsigned)h->n_embd,
                        (unsigned long long)h->n_vocab, info->path, info->arch_name,
                        (unsigned)expected.n_layer, (unsigned)expected.n_embd, info->dims.n_vocab);
    }
    if (h->fingerprint == expected.fingerprint) return RK_OK;
    return rk__fail(err, RK_ERR_MISMATCH,
                    "%s: a session of another model (fingerprint %016llx; that of %s is %016llx)",
                    f->path, (unsigned long long)h->fingerprint, info->path,
                    (unsigned long long)expected.fingerprint);
}

// `count` things of `size` bytes; none where there are more than the file has bytes.
static const uint8_t *view(rk__cursor *c, uint64_t count, size_t size) {
    if (count > rk__cursor_left(c) / size) {
        c->failed = true;
        return NULL;
    }
    return rk__cursor_bytes(c, (size_t)count * size);
}

static rk_status find_parts(contents *f, rk__cursor *c, rk_error *err) {
    const header *h = &f->h;
    const bool has_logits = (h->flags & HAS_LOGITS) != 0, has_point = (h->flags & HAS_POINT) != 0;
    f->state = view(c, h->n_floats, sizeof(float));
    if (has_logits) f->logits = view(c, h->n_vocab, sizeof(float));
    f->sampler = view(c, h->n_sampler, 1);
    f->held = view(c, h->n_held, 1);
    f->stream = view(c, h->n_stream, 1);
    if (has_point) {
        f->point_state = view(c, h->n_floats, sizeof(float));
        f->point_logits = view(c, h->n_vocab, sizeof(float));
        f->point_sampler = view(c, h->n_point_sampler, 1);
        f->tokens = view(c, h->n_tokens, TOKEN_BYTES);
    }
    if (!c->failed && rk__cursor_left(c) == 0 && h->flags <= (HAS_LOGITS | HAS_POINT)) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT, "%s: %zu bytes are not what the header says", f->path,
                    c->size);
}

static rk_status check_floats(const char *path, const char *what, const uint8_t *bytes, uint64_t n,
                              rk_error *err) {
    for (uint64_t i = 0; bytes && i < n; i++) {
        float value;
        memcpy(&value, bytes + i * sizeof value, sizeof value);
        if (isfinite(value)) continue;
        return rk__fail(err, RK_ERR_RANGE, "%s: value %llu of the %s is %g", path,
                        (unsigned long long)i, what, (double)value);
    }
    return RK_OK;
}

static rk__rewind_token token_at(const contents *f, size_t i) {
    rk__cursor c = rk__cursor_over(f->tokens + i * TOKEN_BYTES, TOKEN_BYTES);
    rk__rewind_token token = {.token = rk__cursor_u32le(&c)};
    token.end = rk__cursor_u64le(&c);
    return token;
}

// Going back relies on two things: the held text begins behind the point, and the tokens since lead
// from the point to the end.
static rk_status check_text(const contents *f, const rk_session *s, rk_error *err) {
    const header *h = &f->h;
    uint64_t end = h->point_offset;
    bool fine = h->n_stream <= RK__UTF8_HELD && h->n_held <= h->offset;
    if (!f->tokens) fine = fine && h->n_held == 0;
    if (f->tokens) fine = fine && h->point_offset <= h->offset - h->n_held;
    for (size_t i = 0; fine && f->tokens && i < h->n_tokens; i++) {
        const rk__rewind_token token = token_at(f, i);
        size_t length;
        rk_tokenizer_decode(s->tokenizer, token.token, &length);
        fine = token.token < h->n_vocab && token.end == end + length;
        end = token.end;
    }
    if (f->tokens) fine = fine && end == h->offset;
    if (fine) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: the text held back (%llu bytes at %llu) does not follow from its tokens",
                    f->path, (unsigned long long)h->n_held, (unsigned long long)h->offset);
}

static rk_status read_contents(contents *f, const uint8_t *bytes, size_t size, const rk_session *s,
                               rk_error *err) {
    if (size < HEADER_BYTES || memcmp(bytes, magic, sizeof magic) != 0) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: no session file", f->path);
    }
    rk__cursor c = rk__cursor_over(bytes, size);
    rk__cursor_bytes(&c, sizeof magic);
    f->h = read_header(&c);
    c.offset = HEADER_BYTES;
    RK_TRY(check_model(f, s, err));
    if (checksum_of(bytes, size) != f->h.checksum) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: checksum %08x, expected %08x", f->path,
                        (unsigned)checksum_of(bytes, size), (unsigned)f->h.checksum);
    }
    RK_TRY(find_parts(f, &c, err));
    RK_TRY(check_floats(f->path, "state", f->state, f->h.n_floats, err));
    RK_TRY(check_floats(f->path, "logits", f->logits, f->h.n_vocab, err));
    RK_TRY(check_floats(f->path, "earlier state", f->point_state, f->h.n_floats, err));
    RK_TRY(check_floats(f->path, "earlier logits", f->point_logits, f->h.n_vocab, err));
    return check_text(f, s, err);
}

// ---- taking over what was read

// A sampler does not know that its memory comes out of a file.
static rk_status import_sampler(rk_sampler *sampler, const char *path, const uint8_t *bytes,
                                uint64_t size, rk_error *err) {
    rk_error inner = {0};
    const rk_status status = rk_sampler_import(sampler, bytes, (size_t)size, &inner);
    return status == RK_OK ? RK_OK : rk__fail(err, status, "%s: %.400s", path, inner.message);
}

static rk_status set_sampler(rk_sampler *sampler, const contents *f, rk_error *err) {
    // The earlier memory is only tried, so that it cannot fail when it is needed.
    const uint64_t n = f->point_sampler ? f->h.n_point_sampler : 0;
    rk__byte_buffer old = {0};
    RK_TRY(rk__alloc((void **)&old.bytes, rk_sampler_state_bytes(sampler), 1, err));
    old.size = rk_sampler_state_bytes(sampler);
    rk_status status = rk_sampler_export(sampler, old.bytes, old.size, err);
    if (status == RK_OK && n > 0)
        status = import_sampler(sampler, f->path, f->point_sampler, n, err);
    if (status == RK_OK) {
        status = import_sampler(sampler, f->path, f->sampler, f->h.n_sampler, err);
        if (status != RK_OK) (void)rk_sampler_import(sampler, old.bytes, old.size, NULL);
    }
    rk__byte_buffer_fini(&old);
    return status;
}

static rk_status copy_floats(float **out, size_t *n_out, size_t *capacity, const uint8_t *bytes,
                             size_t n, rk_error *err) {
    void *grown = *out;
    RK_TRY(rk__grow(&grown, capacity, n, sizeof(float), err));
    *out = grown;
    *n_out = n;
    memcpy(*out, bytes, n * sizeof(float));
    return RK_OK;
}

static rk_status fill_point(rk__rewind *rewind, const contents *f, rk_error *err) {
    rk__snapshot *snapshot = &rk__rewind_add_point(rewind, f->h.point_offset)->snapshot;
    RK_TRY(copy_floats(&snapshot->state, &snapshot->n_state, &snapshot->state_capacity,
                       f->point_state, (size_t)f->h.n_floats, err));
    RK_TRY(copy_floats(&snapshot->logits, &snapshot->n_logits, &snapshot->logits_capacity,
                       f->point_logits, (size_t)f->h.n_vocab, err));
    snapshot->n_sampler = snapshot->sampler_capacity = (size_t)f->h.n_point_sampler;
    RK_TRY(rk__alloc((void **)&snapshot->sampler, snapshot->n_sampler, 1, err));
    memcpy(snapshot->sampler, f->point_sampler, snapshot->n_sampler);
    for (size_t i = 0; i < f->h.n_tokens; i++) {
        const rk__rewind_token token = token_at(f, i);
        RK_TRY(rk__rewind_add_token(rewind, token.token, token.end, err));
    }
    return RK_OK;
}

// Everything that can fail comes first; then the session changes.
static rk_status take_over(rk_session *s, const contents *f, rk_error *err) {
    rk__rewind rewind = {0};
    char *held = NULL;
    float *flat = NULL;
    const size_t n_held = (size_t)f->h.n_held, n_floats = (size_t)f->h.n_floats;
    rk_status status = rk__alloc((void **)&flat, n_floats, sizeof flat[0], err);
    if (status != RK_OK) goto out;
    status = rk__copy_string(&held, (const char *)f->held, n_held, err);
    if (status != RK_OK) goto out;
    if (f->tokens) status = fill_point(&rewind, f, err);
    if (status != RK_OK) goto out;
    status = set_sampler(s->sampler, f, err);
    if (status != RK_OK) goto out;
    assert(f->state != NULL); // find_parts has found it
    memcpy(flat, f->state, n_floats * sizeof flat[0]);
    status = rk_state_import(s->state, s->sequence, flat, n_floats, err);
    if (status != RK_OK) goto out;

    s->has_logits = f->logits != NULL;
    if (f->logits) memcpy(s->logits, f->logits, (size_t)f->h.n_vocab * sizeof s->logits[0]);
    s->offset = f->h.offset;
    rk__free(s->held);
    s->held = held;
    s->n_held = s->held_capacity = n_held;
    held = NULL;
    s->stream.n_held = (size_t)f->h.n_stream;
    memcpy(s->stream.held, f->stream, s->stream.n_held);
    rk__rewind_fini(&s->rewind);
    s->rewind = rewind;
    rewind = (rk__rewind){0};
out:
    rk__rewind_fini(&rewind);
    rk__free(held);
    rk__free(flat);
    return status;
}

// Is this more than any session of the model can need? Then it is not read at all.
static rk_status check_size(const rk__file *file, const rk_session *s, rk_error *err) {
    const rk_model_info *info = rk_model_describe(rk_context_model(s->context));
    const uint64_t floats = 2 * ((uint64_t)info->state_floats + info->dims.n_vocab);
    const uint64_t most = floats * sizeof(float) + ((uint64_t)1 << 30);
    if (file->size <= most) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT, "%s: %llu bytes, expected %llu at most", file->path,
                    (unsigned long long)file->size, (unsigned long long)most);
}

rk_status rk_session_load(rk_session *session, const char *path, rk_error *err) {
    rk__file file;
    uint8_t *bytes = NULL;
    contents f = {.path = path};
    RK_TRY(rk__file_open(&file, path, err));
    rk_status status = check_size(&file, session, err);
    if (status != RK_OK) goto out;
    status = rk__alloc((void **)&bytes, (size_t)file.size, 1, err);
    if (status != RK_OK) goto out;
    status = rk__file_read(&file, 0, bytes, (size_t)file.size, err);
    if (status != RK_OK) goto out;
    status = read_contents(&f, bytes, (size_t)file.size, session, err);
    if (status == RK_OK) status = take_over(session, &f, err);
out:
    rk__free(bytes);
    rk__file_close(&file);
    return status;
}
