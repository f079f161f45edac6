// Reading a tokenizer.json: its vocabulary, its added tokens and its merges.
#include "text/bpe_file.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/json_document.h"
#include "text/bpe_settings.h"
#include "text/byte_letters.h"
#include "text/byte_trie.h"

typedef struct reader {
    rk__bpe_file *out;
    const char *path;
    char *scratch; // room for the bytes of any text of the file
    rk_error *err;
} reader;

void rk__bpe_file_fini(rk__bpe_file *bpe) {
    rk__token_texts_fini(&bpe->texts);
    rk__free(bpe->kinds);
    rk__byte_trie_fini(&bpe->pieces);
    rk__merge_table_fini(&bpe->merges);
    *bpe = (rk__bpe_file){0};
}

static rk_status read_id(const reader *r, const cJSON *value, const char *token, uint32_t *id) {
    uint64_t number;
    if (!rk__json_count(value, &number)) {
        return rk__fail(r->err, RK_ERR_FORMAT, "%s: the id of '%s' is no number from 0 on", r->path,
                        token);
    }
    if (number >= RK__MAX_TOKENS) {
        return rk__fail(r->err, RK_ERR_FORMAT,
                        "%s: the id of '%s' is %" PRIu64 "; ids below %d are read", r->path, token,
                        number, RK__MAX_TOKENS);
    }
    *id = (uint32_t)number;
    return RK_OK;
}

// A new id with its text, or one that is there already with the same text and gets one kind more.
static rk_status add_token(reader *r, uint32_t id, const char *name, const char *bytes,
                           size_t length, uint8_t kind) {
    rk__bpe_file *out = r->out;
    if (length == 0) {
        return rk__fail(r->err, RK_ERR_FORMAT, "%s: token %" PRIu32 " is empty", r->path, id);
    }
    if (rk__token_texts_has(&out->texts, id)) {
        size_t other_length;
        const char *other = rk__token_texts_get(&out->texts, id, &other_length);
        if (out->kinds[id] & kind || other_length != length || memcmp(other, bytes, length) != 0) {
            return rk__fail(r->err, RK_ERR_FORMAT, "%s: id %" PRIu32 " of '%s' is there twice",
                            r->path, id, name);
        }
    } else {
        const size_t n_before = out->texts.n_ids;
        RK_TRY(rk__token_texts_add(&out->texts, id, bytes, length, r->err));
        void *kinds = out->kinds;
        RK_TRY(rk__grow(&kinds, &out->kinds_capacity, out->texts.n_ids, 1, r->err));
        out->kinds = kinds;
        memset(out->kinds + n_before, 0, out->texts.n_ids - n_before);
    }
    out->kinds[id] |= kind;
    return RK_OK;
}

static rk_status read_added_token(reader *r, const cJSON *token) {
    static const char *const conditions[] = {"single_word", "lstrip", "rstrip"};
    const char *content = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(token, "content"));
    if (!content) {
        return rk__fail(r->err, RK_ERR_FORMAT, "%s: an added token has no content", r->path);
    }
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(token, conditions[i]))) continue;
        return rk__fail(r->err, RK_ERR_UNSUPPORTED,
                        "%s: the added token '%s' asks for %s; supported: without", r->path,
                        content, conditions[i]);
    }
    uint32_t id = 0;
    RK_TRY(read_id(r, cJSON_GetObjectItemCaseSensitive(token, "id"), content, &id));
    const bool raw = !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(token, "normalized"));
    return add_token(r, id, content, content, strlen(content),
                     raw ? RK__BPE_RAW : RK__BPE_NORMALIZED);
}

static rk_status read_added_tokens(reader *r, const cJSON *document) {
    const cJSON *tokens = cJSON_GetObjectItemCaseSensitive(document, "added_tokens");
    if (!tokens || cJSON_IsNull(tokens)) return RK_OK;
    if (!cJSON_IsArray(tokens)) {
        return rk__fail(r->err, RK_ERR_FORMAT, "%s: added_tokens is no list", r->path);
    }
    const cJSON *token;
    cJSON_ArrayForEach(token, tokens) RK_TRY(read_added_token(r, token));
    return RK_OK;
}

static rk_status read_vocabulary(reader *r, const cJSON *model) {
    const cJSON *vocabulary = cJSON_GetObjectItemCaseSensitive(model, "vocab"), *token;
    if (!cJSON_IsObject(vocabulary)) {
        return rk__fail(r->err, RK_ERR_FORMAT, "%s: model.vocab is missing, or no object", r->path);
    }
    cJSON_ArrayForEach(token, vocabulary) {
        const char *letters = token->string;
        uint32_t id = 0;
        RK_TRY(read_id(r, token, letters, &id));
        size_t length;
        if (!rk__byte_letters_read(letters, strlen(letters), r->scratch, &length)) {
            return rk__fail(r->err, RK_ERR_FORMAT,
                            "%s: '%s' of model.vocab has characters that stand for no byte",
                            r->path, letters);
        }
        RK_TRY(add_token(r, id, letters, r->scratch, length, RK__BPE_PIECE));
    }
    return RK_OK;
}

static rk_status check_pieces(const reader *r, const rk__trie_key *keys, size_t n) {
    const rk__trie_key *twin = rk__trie_keys_twin(keys, n);
    if (!twin) return RK_OK;
    return rk__fail(r->err, RK_ERR_FORMAT,
                    "%s: ids %" PRIu32 " and %" PRIu32 " of model.vocab have the same bytes",
                    r->path, twin[0].value, twin[1].value);
}

static rk_status index_pieces(reader *r) {
    const rk__token_texts *texts = &r->out->texts;
    void *memory;
    RK_TRY(rk__alloc(&memory, texts->n_ids, sizeof(rk__trie_key), r->err));
    rk__trie_key *keys = memory;
    size_t n = 0;
    for (uint32_t id = 0; id < texts->n_ids; id++) {
        if (!(r->out->kinds[id] & RK__BPE_PIECE)) continue;
        size_t length;
        const char *bytes = rk__token_texts_get(texts, id, &length);
        keys[n++] = (rk__trie_key){bytes, (uint32_t)length, id};
    }
    rk__trie_keys_sort(keys, n);
    rk_status status = check_pieces(r, keys, n);
    if (status == RK_OK) status = rk__byte_trie_init(&r->out->pieces, keys, n, r->err);
    rk__free(keys);
    return status;
}

// Is there text with this byte? No vocabulary that was made from text has the others.
static bool occurs_in_utf8(int byte) {
    return byte != 0xc0 && byte != 0xc1 && byte < 0xf5;
}

static rk_status find_byte_tokens(reader *r) {
    for (int value = 0; value < 256; value++) {
        const char byte = (char)value;
        const uint32_t id = rk__byte_trie_find(&r->out->pieces, &byte, 1);
        if (id == RK__NO_VALUE && occurs_in_utf8(value)) {
            return rk__fail(r->err, RK_ERR_FORMAT,
                            "%s: no token of model.vocab is the single byte 0x%02x", r->path,
                            value);
        }
        r->out->byte_tokens[value] = id;
    }
    return RK_OK;
}

// The two halves of a merge in letters: "a b", or ["a", "b"]. Views into the document.
typedef struct halves {
    const char *left, *right;
    size_t left_length, right_length;
} halves;

static bool split_merge(const cJSON *merge, halves *out) {
    if (cJSON_IsArray(merge) && cJSON_GetArraySize(merge) == 2) {
        out->left = cJSON_GetStringValue(cJSON_GetArrayItem(merge, 0));
        out->right = cJSON_GetStringValue(cJSON_GetArrayItem(merge, 1));
        if (!out->left || !out->right) return false;
        out->left_length = strlen(out->left);
    } else {
        out->left = cJSON_GetStringValue(merge);
        const char *space = out->left ? strchr(out->left, ' ') : NULL;
        if (!space) return false;
        out->left_length = (size_t)(space - out->left);
        out->right = space + 1;
    }
    out->right_length = strlen(out->right);
    return true;
}

// The tokens of both halves and of the whole; false when one of them is not in the vocabulary.
static bool find_tokens(const reader *r, const halves *h, rk__merge *merge) {
    const rk__byte_trie *pieces = &r->out->pieces;
    char *left = r->scratch;
    size_t n_left, n_right;
    if (!rk__byte_letters_read(h->left, h->left_length, left, &n_left)) return false;
    char *right = left + n_left;
    if (!rk__byte_letters_read(h->right, h->right_length, right, &n_right)) return false;
    merge->left = rk__byte_trie_find(pieces, left, n_left);
    merge->right = rk__byte_trie_find(pieces, right, n_right);
    merge->merged = rk__byte_trie_find(pieces, left, n_left + n_right);
    return merge->left != RK__NO_VALUE && merge->right != RK__NO_VALUE &&
           merge->merged != RK__NO_VALUE;
}

static rk_status read_merge(reader *r, const cJSON *value, uint32_t rank) {
    halves h;
    if (!split_merge(value, &h)) {
        return rk__fail(r->err, RK_ERR_FORMAT, "%s: merge %" PRIu32 " is no pair of tokens",
                        r->path, rank);
    }
    rk__merge merge = {.rank = rank};
    if (!find_tokens(r, &h, &merge)) {
        return rk__fail(r->err, RK_ERR_FORMAT,
                        "%s: merge %" PRIu32 ": '%.*s', '%.*s' or the two together is no token of "
                        "model.vocab",
                        r->path, rank, (int)h.left_length, h.left, (int)h.right_length, h.right);
    }
    const rk__merge *same = rk__merge_table_find(&r->out->merges, merge.left, merge.right);
    if (same) {
        return rk__fail(r->err, RK_ERR_FORMAT,
                        "%s: merges %" PRIu32 " and %" PRIu32 " are the same pair", r->path,
                        same->rank, rank);
    }
    rk__merge_table_add(&r->out->merges, merge);
    return RK_OK;
}

static rk_status read_merges(reader *r, const cJSON *model) {
    const cJSON *merges = cJSON_GetObjectItemCaseSensitive(model, "merges"), *merge;
    if (!cJSON_IsArray(merges)) {
        return rk__fail(r->err, RK_ERR_FORMAT, "%s: model.merges is missing, or no list", r->path);
    }
    const size_t n = (size_t)cJSON_GetArraySize(merges);
    RK_TRY(rk__merge_table_init(&r->out->merges, n, r->err));
    uint32_t rank = 0;
    cJSON_ArrayForEach(merge, merges) RK_TRY(read_merge(r, merge, rank++));
    return RK_OK;
}

static rk_status read_document(reader *r, const cJSON *document) {
    RK_TRY(rk__bpe_settings_check(document, r->path, &r->out->normalize, r->err));
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(document, "model");
    RK_TRY(read_added_tokens(r, document));
    RK_TRY(read_vocabulary(r, model));
    RK_TRY(index_pieces(r));
    RK_TRY(find_byte_tokens(r));
    return read_merges(r, model);
}

rk_status rk__bpe_file_read(rk__bpe_file *out, const rk__file *file, rk_error *err) {
    *out = (rk__bpe_file){0};
    reader r = {.out = out, .path = file->path, .err = err};
    cJSON *document;
    RK_TRY(rk__json_read(&document, file, 0, file->size, "tokenizer", err));
    void *memory;
    rk_status status = rk__alloc(&memory, (size_t)file->size, 1, err);
    if (status != RK_OK) goto out;
    r.scratch = memory;
    status = read_document(&r, document);
out:
    cJSON_Delete(document);
    rk__free(r.scratch);
    if (status != RK_OK) rk__bpe_file_fini(out);
    return status;
}
