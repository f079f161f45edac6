// Byte-pair encoding as a tokenizer.json describes it. A text goes through these steps:
//
//     text -> cut at added tokens -> cut at invalid UTF-8 -> form C -> cut at added tokens that are
//     looked for in normalized text -> cut into pieces -> merge the bytes of each
#include <string.h>

#include "base/utf8.h"
#include "text/added_tokens.h"
#include "text/bpe_file.h"
#include "text/nfc.h"
#include "text/pieces.h"
#include "text/tokenizer_internal.h"

typedef struct bpe_tokenizer {
    rk_tokenizer base;
    rk__bpe_file file; // without its texts, which base has
    // [base.texts.n_ids] is the token what the merging of its own bytes ends with? Most words of
    // most texts are such tokens, and then nothing has to be merged.
    bool *is_settled;
    rk__added_tokens raw, normalized;
    rk__nfc_table nfc;
    rk__piece_cutter *cutter;
} bpe_tokenizer;

// One call.
typedef struct encoding {
    const bpe_tokenizer *tokenizer;
    const char *text; // the whole of it, for messages
    rk__token_list *tokens;
    rk__piece_walk *walk;
    rk__nfc_buffer nfc;
    rk__merge_buffer merging;
    rk_error *err;
} encoding;

// A step that takes the text between added tokens.
typedef rk_status (*encode_fn)(encoding *e, const char *text, size_t length);

static rk_status merge_piece(encoding *e, const char *piece, size_t length) {
    const rk__bpe_file *file = &e->tokenizer->file;
    return rk__merge_bytes(&file->merges, file->byte_tokens, &e->merging, piece, length, e->tokens,
                           e->err);
}

static rk_status encode_piece(encoding *e, const char *piece, size_t length) {
    const uint32_t id = rk__byte_trie_find(&e->tokenizer->file.pieces, piece, length);
    if (id != RK__NO_VALUE && e->tokenizer->is_settled[id]) {
        return rk__token_list_push(e->tokens, id, e->err);
    }
    return merge_piece(e, piece, length);
}

static rk_status encode_pieces(encoding *e, const char *text, size_t length) {
    for (size_t begin = 0; begin < length;) {
        size_t end;
        RK_TRY(rk__piece_walk_end(e->walk, text, length, begin, &end, e->err));
        RK_TRY(encode_piece(e, text + begin, end - begin));
        begin = end;
    }
    return RK_OK;
}

// Gives what is between the added tokens to `encode_between`.
static rk_status cut_at(encoding *e, const rk__added_tokens *added, const char *text, size_t length,
                        encode_fn encode_between) {
    for (size_t begin = 0; begin < length;) {
        const rk__added_match match = rk__added_tokens_next(added, text, length, begin);
        if (match.begin > begin) RK_TRY(encode_between(e, text + begin, match.begin - begin));
        if (match.id != RK__NO_VALUE) RK_TRY(rk__token_list_push(e->tokens, match.id, e->err));
        begin = match.end;
    }
    return RK_OK;
}

static rk_status encode_valid(encoding *e, const char *text, size_t length) {
    const bpe_tokenizer *self = e->tokenizer;
    if (self->file.normalize) {
        RK_TRY(rk__nfc_normalize(&self->nfc, &e->nfc, &text, &length, e->err));
    }
    return cut_at(e, &self->normalized, text, length, encode_pieces);
}

// Bytes that are no UTF-8: not cut any further.
static rk_status encode_invalid(encoding *e, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        const unsigned byte = (unsigned char)text[i];
        if (e->tokenizer->file.byte_tokens[byte] != RK__NO_VALUE) continue;
        return rk__fail(e->err, RK_ERR_RANGE,
                        "byte 0x%02x at offset %zu is no UTF-8, and the vocabulary has no token "
                        "for it",
                        byte, (size_t)(text + i - e->text));
    }
    return merge_piece(e, text, length);
}

// The end of the run of characters, or of bytes that belong to none, that begins at `begin`.
static size_t run_end(const char *text, size_t length, size_t begin, bool *valid) {
    uint32_t code;
    size_t at = begin, n = rk__utf8_decode(&code, text + at, length - at);
    *valid = n > 0;
    while (at < length && (n > 0) == *valid) {
        at += n > 0 ? n : 1;
        const bool ascii = at < length && (unsigned char)text[at] < 0x80;
        n = ascii ? 1 : rk__utf8_decode(&code, text + at, length - at);
    }
    return at;
}

static rk_status encode_any(encoding *e, const char *text, size_t length) {
    for (size_t begin = 0; begin < length;) {
        bool valid;
        const size_t end = run_end(text, length, begin, &valid);
        const encode_fn encode_run = valid ? encode_valid : encode_invalid;
        RK_TRY(encode_run(e, text + begin, end - begin));
        begin = end;
    }
    return RK_OK;
}

static void encoding_fini(encoding *e) {
    rk__piece_walk_free(&e->walk);
    rk__nfc_buffer_fini(&e->nfc);
    rk__merge_buffer_fini(&e->merging);
}

static rk_status encode(const rk_tokenizer *tokenizer, const char *text, size_t length,
                        rk__token_list *tokens, rk_error *err) {
    const bpe_tokenizer *self = (const bpe_tokenizer *)tokenizer;
    encoding e = {.tokenizer = self, .text = text, .tokens = tokens, .err = err};
    rk_status status = rk__piece_walk_new(&e.walk, self->cutter, err);
    if (status == RK_OK) status = cut_at(&e, &self->raw, text, length, encode_any);
    encoding_fini(&e);
    return status;
}

static void close_bpe(rk_tokenizer *tokenizer) {
    bpe_tokenizer *self = (bpe_tokenizer *)tokenizer;
    rk__bpe_file_fini(&self->file);
    rk__free(self->is_settled);
    rk__added_tokens_fini(&self->raw);
    rk__added_tokens_fini(&self->normalized);
    rk__piece_cutter_free(&self->cutter);
    rk__free(self);
}

static const rk__tokenizer_ops ops = {.name = "bpe", .encode = encode, .close = close_bpe};

// Added tokens are looked for as they stand, so what is looked for in text of form C must be in it.
static rk_status check_form(const bpe_tokenizer *self, const rk__trie_key *key, const char *path,
                            rk_error *err) {
    if (!self->file.normalize) return RK_OK;
    rk__nfc_buffer buffer = {0};
    const char *text = key->bytes;
    size_t length = key->length;
    rk_status status = rk__nfc_normalize(&self->nfc, &buffer, &text, &length, err);
    if (status == RK_OK && (length != key->length || memcmp(text, key->bytes, length) != 0)) {
        status = rk__fail(err, RK_ERR_UNSUPPORTED,
                          "%s: the added token '%.*s' is not in normalization form C", path,
                          (int)key->length, key->bytes);
    }
    rk__nfc_buffer_fini(&buffer);
    return status;
}

// Writes the tokens of one kind to keys, of which *n is the number.
static rk_status collect(const bpe_tokenizer *self, uint8_t kind, rk__trie_key *keys, size_t *n,
                         const char *path, rk_error *err) {
    const rk__token_texts *texts = &self->base.texts;
    *n = 0;
    for (uint32_t id = 0; id < texts->n_ids; id++) {
        if (!(self->file.kinds[id] & kind)) continue;
        size_t length;
        const char *bytes = rk__token_texts_get(texts, id, &length);
        keys[*n] = (rk__trie_key){bytes, (uint32_t)length, id};
        if (kind == RK__BPE_NORMALIZED) RK_TRY(check_form(self, &keys[*n], path, err));
        (*n)++;
    }
    rk__trie_keys_sort(keys, *n);
    const rk__trie_key *twin = rk__trie_keys_twin(keys, *n);
    if (!twin) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT, "%s: the added token '%.*s' has the ids %u and %u", path,
                    (int)twin->length, twin->bytes, (unsigned)twin[0].value,
                    (unsigned)twin[1].value);
}

static rk_status index_added(bpe_tokenizer *self, const char *path, rk_error *err) {
    size_t n;
    void *memory;
    RK_TRY(rk__alloc(&memory, self->base.texts.n_ids, sizeof(rk__trie_key), err));
    rk__trie_key *keys = memory;
    rk_status status = collect(self, RK__BPE_RAW, keys, &n, path, err);
    if (status != RK_OK) goto out;
    status = rk__added_tokens_init(&self->raw, keys, n, err);
    if (status != RK_OK) goto out;
    status = collect(self, RK__BPE_NORMALIZED, keys, &n, path, err);
    if (status != RK_OK) goto out;
    status = rk__added_tokens_init(&self->normalized, keys, n, err);
out:
    rk__free(keys);
    return status;
}

static rk_status settle(bpe_tokenizer *self, rk_error *err) {
    const rk__token_texts *texts = &self->base.texts;
    void *memory;
    RK_TRY(rk__alloc(&memory, texts->n_ids, sizeof(bool), err));
    self->is_settled = memory;
    rk__token_list tokens = {0};
    encoding e = {.tokenizer = self, .tokens = &tokens, .err = err};
    rk_status status = RK_OK;
    for (uint32_t id = 0; status == RK_OK && id < texts->n_ids; id++) {
        if (!(self->file.kinds[id] & RK__BPE_PIECE)) continue;
        size_t length;
        const char *bytes = rk__token_texts_get(texts, id, &length);
        tokens.count = 0;
        status = merge_piece(&e, bytes, length);
        self->is_settled[id] = status == RK_OK && tokens.count == 1 && tokens.ids[0] == id;
    }
    encoding_fini(&e);
    rk__free(tokens.ids);
    return status;
}

static rk_status prepare(bpe_tokenizer *self, const rk__file *file, rk_error *err) {
    RK_TRY(rk__bpe_file_read(&self->file, file, err));
    self->base.texts = self->file.texts;
    self->file.texts = (rk__token_texts){0};
    self->base.n_vocab = self->base.texts.n_ids;
    if (self->file.normalize) rk__nfc_table_init(&self->nfc);
    RK_TRY(index_added(self, file->path, err));
    RK_TRY(settle(self, err));
    return rk__piece_cutter_new(&self->cutter, err);
}

rk_status rk__tokenizer_bpe_open(rk_tokenizer **out, const rk__file *file, rk_error *err) {
    *out = NULL;
    void *memory;
    RK_TRY(rk__alloc(&memory, 1, sizeof(bpe_tokenizer), err));
    bpe_tokenizer *self = memory;
    rk_tokenizer *base = &self->base;
    base->ops = &ops;
    const rk_status status = prepare(self, file, err);
    if (status != RK_OK) rk_tokenizer_close(&base);
    *out = base;
    return status;
}
