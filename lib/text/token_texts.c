// What the tokens of a vocabulary stand for, in one pool of bytes.
#include "text/token_texts.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"

void rk__token_texts_fini(rk__token_texts *texts) {
    rk__free(texts->bytes);
    rk__free(texts->spans);
    *texts = (rk__token_texts){0};
}

static rk_status reach_id(rk__token_texts *texts, uint32_t id, rk_error *err) {
    if (id < texts->n_ids) return RK_OK;
    const size_t n_ids = (size_t)id + 1;
    void *spans = texts->spans;
    RK_TRY(rk__grow(&spans, &texts->spans_capacity, n_ids, sizeof *texts->spans, err));
    texts->spans = spans;
    memset(texts->spans + texts->n_ids, 0, (n_ids - texts->n_ids) * sizeof *texts->spans);
    texts->n_ids = n_ids;
    return RK_OK;
}

rk_status rk__token_texts_add(rk__token_texts *texts, uint32_t id, const char *bytes, size_t length,
                              rk_error *err) {
    assert(id < RK__MAX_TOKENS && length > 0 && !rk__token_texts_has(texts, id));
    assert(length <= UINT32_MAX - texts->n_bytes);
    void *pool = texts->bytes;
    RK_TRY(rk__grow(&pool, &texts->bytes_capacity, texts->n_bytes + length, 1, err));
    texts->bytes = pool;
    RK_TRY(reach_id(texts, id, err));
    memcpy(texts->bytes + texts->n_bytes, bytes, length);
    texts->spans[id] = (rk__token_span){(uint32_t)texts->n_bytes, (uint32_t)length};
    texts->n_bytes += length;
    return RK_OK;
}

const char *rk__token_texts_get(const rk__token_texts *texts, uint32_t id, size_t *length) {
    *length = 0;
    if (!rk__token_texts_has(texts, id)) return "";
    *length = texts->spans[id].length;
    return texts->bytes + texts->spans[id].offset;
}

bool rk__token_texts_has(const rk__token_texts *texts, uint32_t id) {
    return id < texts->n_ids && texts->spans[id].length > 0;
}
