// The World vocabulary: a text is cut greedily, always into the longest token it begins with.
#include <assert.h>
#include <inttypes.h>

#include "text/byte_trie.h"
#include "text/tokenizer_internal.h"
#include "text/world_file.h"

typedef struct world_tokenizer {
    rk_tokenizer base;
    rk__byte_trie trie; // bytes -> id; has every single byte
} world_tokenizer;

static rk_status encode(const rk_tokenizer *tokenizer, const char *text, size_t length,
                        rk__token_list *tokens, rk_error *err) {
    const world_tokenizer *self = (const world_tokenizer *)tokenizer;
    for (size_t at = 0; at < length;) {
        uint32_t id;
        const size_t n = rk__byte_trie_longest(&self->trie, text + at, length - at, &id);
        assert(n > 0);
        RK_TRY(rk__token_list_push(tokens, id, err));
        at += n;
    }
    return RK_OK;
}

static void close_world(rk_tokenizer *tokenizer) {
    world_tokenizer *self = (world_tokenizer *)tokenizer;
    rk__byte_trie_fini(&self->trie);
    rk__free(self);
}

static const rk__tokenizer_ops ops = {.name = "world", .encode = encode, .close = close_world};

static rk_status check_keys(const rk__trie_key *keys, size_t n, const char *path, rk_error *err) {
    const rk__trie_key *twin = rk__trie_keys_twin(keys, n);
    if (!twin) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT, "%s: ids %" PRIu32 " and %" PRIu32 " have the same bytes",
                    path, twin[0].value, twin[1].value);
}

static rk_status build_trie(world_tokenizer *self, const char *path, rk_error *err) {
    const rk__token_texts *texts = &self->base.texts;
    void *memory;
    RK_TRY(rk__alloc(&memory, texts->n_ids, sizeof(rk__trie_key), err));
    rk__trie_key *keys = memory;
    size_t n = 0;
    for (uint32_t id = 0; id < texts->n_ids; id++) {
        if (!rk__token_texts_has(texts, id)) continue;
        size_t length;
        const char *bytes = rk__token_texts_get(texts, id, &length);
        keys[n++] = (rk__trie_key){bytes, (uint32_t)length, id};
    }
    rk__trie_keys_sort(keys, n);
    rk_status status = check_keys(keys, n, path, err);
    if (status == RK_OK) status = rk__byte_trie_init(&self->trie, keys, n, err);
    rk__free(keys);
    return status;
}

static rk_status check_single_bytes(const rk__byte_trie *trie, const char *path, rk_error *err) {
    for (int value = 0; value < 256; value++) {
        const char byte = (char)value;
        if (rk__byte_trie_find(trie, &byte, 1) != RK__NO_VALUE) continue;
        return rk__fail(err, RK_ERR_FORMAT, "%s: no token is the single byte 0x%02x", path, value);
    }
    return RK_OK;
}

rk_status rk__tokenizer_world_open(rk_tokenizer **out, const rk__file *file, rk_error *err) {
    *out = NULL;
    void *memory;
    RK_TRY(rk__alloc(&memory, 1, sizeof(world_tokenizer), err));
    world_tokenizer *self = memory;
    rk_tokenizer *base = &self->base;
    base->ops = &ops;
    rk_status status = rk__world_file_read(&base->texts, file, err);
    if (status != RK_OK) goto out;
    base->n_vocab = base->texts.n_ids;
    status = build_trie(self, file->path, err);
    if (status != RK_OK) goto out;
    status = check_single_bytes(&self->trie, file->path, err);
out:
    if (status != RK_OK) rk_tokenizer_close(&base);
    *out = base;
    return status;
}
