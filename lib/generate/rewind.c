// Two snapshots and a list of tokens.
#include "generate/rewind.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"

bool rk__rewind_is_due(const rk__rewind *rewind) {
    if (rewind->n_points == 0) return true;
    if (rewind->n_points == 2) return false;
    return rewind->n_tokens - rewind->points[0].n_before >= RK__REWIND_STRIDE;
}

rk__rewind_point *rk__rewind_add_point(rk__rewind *rewind, uint64_t offset) {
    assert(rewind->n_points < 2);
    rk__rewind_point *point = &rewind->points[rewind->n_points++];
    point->offset = offset;
    point->n_before = rewind->n_tokens;
    return point;
}

rk_status rk__rewind_add_token(rk__rewind *rewind, uint32_t token, uint64_t end, rk_error *err) {
    if (rewind->n_points == 0) return RK_OK;
    void *grown = rewind->tokens;
    RK_TRY(
        rk__grow(&grown, &rewind->capacity, rewind->n_tokens + 1, sizeof rewind->tokens[0], err));
    rewind->tokens = grown;
    rewind->tokens[rewind->n_tokens++] = (rk__rewind_token){.token = token, .end = end};
    return RK_OK;
}

// Drops the first point and the tokens between it and the second.
static void drop_first(rk__rewind *rewind) {
    const rk__rewind_point first = rewind->points[0];
    rewind->points[0] = rewind->points[1];
    rewind->points[1] = first; // its memory is used again
    rewind->n_points = 1;
    const size_t n_gone = rewind->points[0].n_before;
    rewind->n_tokens -= n_gone;
    memmove(rewind->tokens, rewind->tokens + n_gone, rewind->n_tokens * sizeof rewind->tokens[0]);
    rewind->points[0].n_before = 0;
}

void rk__rewind_trim(rk__rewind *rewind, uint64_t offset) {
    if (rewind->n_points == 2 && rewind->points[1].offset <= offset) drop_first(rewind);
}

void rk__rewind_forget(rk__rewind *rewind) {
    rewind->n_points = 0;
    rewind->n_tokens = 0;
}

const rk__rewind_point *rk__rewind_find(const rk__rewind *rewind, uint64_t offset) {
    for (size_t i = rewind->n_points; i-- > 0;) {
        if (rewind->points[i].offset <= offset) return &rewind->points[i];
    }
    return NULL;
}

void rk__rewind_fini(rk__rewind *rewind) {
    for (size_t i = 0; i < 2; i++) rk__snapshot_fini(&rewind->points[i].snapshot);
    rk__free(rewind->tokens);
    *rewind = (rk__rewind){0};
}
