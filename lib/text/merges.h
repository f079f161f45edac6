// Byte-pair encoding: which pairs of neighbouring tokens become one, and in which order.
#ifndef RK_MERGES_H
#define RK_MERGES_H

#include <stdint.h>

#include "base/error_internal.h"
#include "text/token_list.h"

typedef struct rk__merge {
    uint32_t left, right; // tokens
    uint32_t merged;      // the token that they become
    uint32_t rank;        // lower ones come first
} rk__merge;

// All zeros is no merge at all.
typedef struct rk__merge_table {
    rk__merge *slots; // [mask + 1]: open addressing
    size_t mask, count;
} rk__merge_table;

// Makes room for n merges in an all-zero table.
rk_status rk__merge_table_init(rk__merge_table *table, size_t n, rk_error *err);
void rk__merge_table_fini(rk__merge_table *table);

// NULL when the pair stays apart.
const rk__merge *rk__merge_table_find(const rk__merge_table *table, uint32_t left, uint32_t right);

// Adds a pair that is not there yet; there must be room.
void rk__merge_table_add(rk__merge_table *table, rk__merge merge);

// A token of the piece, in a list that shrinks.
typedef struct rk__merge_node {
    uint32_t token;
    uint32_t next, previous; // places; the piece's length behind the last, and before the first
} rk__merge_node;

// A merge that was possible when it was put in the heap.
typedef struct rk__merge_candidate {
    uint32_t rank, place; // of the left token
    uint32_t left, right; // tokens
} rk__merge_candidate;

// What a call works with; all zeros at first. Release with rk__merge_buffer_fini.
typedef struct rk__merge_buffer {
    rk__merge_node *nodes;
    size_t nodes_capacity;
    rk__merge_candidate *heap;
    size_t heap_capacity, heap_count;
} rk__merge_buffer;

void rk__merge_buffer_fini(rk__merge_buffer *buffer);

// Appends the tokens of a piece: from its bytes' tokens on, the possible merge with the lowest
// rank, the leftmost of several, is done until there is none. Time: n log n.
rk_status rk__merge_bytes(const rk__merge_table *table, const uint32_t byte_tokens[256],
                          rk__merge_buffer *buffer, const char *piece, size_t length,
                          rk__token_list *tokens, rk_error *err);

#endif
