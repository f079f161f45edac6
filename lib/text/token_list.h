// A growing list of token ids: what encoding makes.
#ifndef RK_TOKEN_LIST_H
#define RK_TOKEN_LIST_H

#include <stdint.h>

#include "base/error_internal.h"
#include "base/memory.h"

// All zeros is an empty list. The owner releases ids with rk__free.
typedef struct rk__token_list {
    uint32_t *ids;
    size_t count, capacity;
} rk__token_list;

// Room for `more` ids beyond those that are there.
static inline rk_status rk__token_list_reserve(rk__token_list *list, size_t more, rk_error *err) {
    if (more <= list->capacity - list->count) return RK_OK;
    void *ids = list->ids;
    RK_TRY(rk__grow(&ids, &list->capacity, list->count + more, sizeof *list->ids, err));
    list->ids = ids;
    return RK_OK;
}

static inline rk_status rk__token_list_push(rk__token_list *list, uint32_t id, rk_error *err) {
    RK_TRY(rk__token_list_reserve(list, 1, err));
    list->ids[list->count++] = id;
    return RK_OK;
}

#endif
