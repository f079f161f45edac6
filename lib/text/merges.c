// Merging pairs with a heap of candidates over a linked list of tokens.
#include "text/merges.h"

#include <assert.h>

#include "base/memory.h"

enum { EMPTY = UINT32_MAX }; // no token's id

rk_status rk__merge_table_init(rk__merge_table *table, size_t n, rk_error *err) {
    size_t n_slots = 16;
    while (n_slots < n || n_slots - n < n_slots / 2) n_slots *= 2; // at most half full
    void *memory;
    RK_TRY(rk__alloc(&memory, n_slots, sizeof *table->slots, err));
    table->slots = memory;
    table->mask = n_slots - 1;
    for (size_t i = 0; i < n_slots; i++) table->slots[i].merged = EMPTY;
    return RK_OK;
}

void rk__merge_table_fini(rk__merge_table *table) {
    rk__free(table->slots);
    *table = (rk__merge_table){0};
}

// The pair's slot, or the empty one where it belongs.
static rk__merge *find_slot(const rk__merge_table *table, uint32_t left, uint32_t right) {
    const uint64_t pair = (uint64_t)left << 32 | right;
    size_t slot = (size_t)(pair * 0x9e3779b97f4a7c15 >> 32) & table->mask; // Fibonacci hashing
    while (table->slots[slot].merged != EMPTY &&
           (table->slots[slot].left != left || table->slots[slot].right != right)) {
        slot = (slot + 1) & table->mask;
    }
    return &table->slots[slot];
}

const rk__merge *rk__merge_table_find(const rk__merge_table *table, uint32_t left, uint32_t right) {
    const rk__merge *slot = find_slot(table, left, right);
    return slot->merged == EMPTY ? NULL : slot;
}

void rk__merge_table_add(rk__merge_table *table, rk__merge merge) {
    assert(table->count <= table->mask / 2);
    rk__merge *slot = find_slot(table, merge.left, merge.right);
    assert(slot->merged == EMPTY);
    *slot = merge;
    table->count++;
}

void rk__merge_buffer_fini(rk__merge_buffer *buffer) {
    rk__free(buffer->nodes);
    rk__free(buffer->heap);
    *buffer = (rk__merge_buffer){0};
}

static bool comes_before(const rk__merge_candidate *a, const rk__merge_candidate *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->place < b->place;
}

static void heap_push(rk__merge_buffer *buffer, rk__merge_candidate candidate) {
    assert(buffer->heap_count < buffer->heap_capacity);
    rk__merge_candidate *heap = buffer->heap;
    size_t at = buffer->heap_count++;
    while (at > 0 && comes_before(&candidate, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = candidate;
}

static rk__merge_candidate heap_pop(rk__merge_buffer *buffer) {
    rk__merge_candidate *heap = buffer->heap;
    const rk__merge_candidate top = heap[0], last = heap[--buffer->heap_count];
    const size_t count = buffer->heap_count;
    size_t at = 0;
    for (size_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && comes_before(&heap[child + 1], &heap[child])) child++;
        if (!comes_before(&heap[child], &last)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return top;
}

// Puts the pair that begins at `place` in the heap, if it can be merged.
static void propose(const rk__merge_table *table, rk__merge_buffer *buffer, uint32_t place,
                    uint32_t length) {
    const uint32_t next = buffer->nodes[place].next;
    if (next == length) return;
    const uint32_t left = buffer->nodes[place].token, right = buffer->nodes[next].token;
    const rk__merge *merge = rk__merge_table_find(table, left, right);
    if (merge) heap_push(buffer, (rk__merge_candidate){merge->rank, place, left, right});
}

static void lay_out(const uint32_t byte_tokens[256], rk__merge_buffer *buffer, const char *piece,
                    uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        buffer->nodes[i] = (rk__merge_node){.token = byte_tokens[(unsigned char)piece[i]],
                                            .next = i + 1,
                                            .previous = i == 0 ? length : i - 1};
    }
}

// Does the list still have this pair at this place? A token that was merged away is EMPTY.
static bool is_current(const rk__merge_buffer *buffer, const rk__merge_candidate *candidate,
                       uint32_t length) {
    const rk__merge_node *left = &buffer->nodes[candidate->place];
    return left->token == candidate->left && left->next < length &&
           buffer->nodes[left->next].token == candidate->right;
}

static void merge_at(rk__merge_buffer *buffer, uint32_t place, uint32_t merged, uint32_t length) {
    rk__merge_node *left = &buffer->nodes[place];
    rk__merge_node *right = &buffer->nodes[left->next];
    left->token = merged;
    left->next = right->next;
    right->token = EMPTY;
    if (left->next < length) buffer->nodes[left->next].previous = place;
}

static void merge_all(const rk__merge_table *table, rk__merge_buffer *buffer, uint32_t length) {
    while (buffer->heap_count > 0) {
        const rk__merge_candidate best = heap_pop(buffer);
        if (!is_current(buffer, &best, length)) continue;
        const uint32_t merged = rk__merge_table_find(table, best.left, best.right)->merged;
        merge_at(buffer, best.place, merged, length);
        const uint32_t previous = buffer->nodes[best.place].previous;
        if (previous < length) propose(table, buffer, previous, length);
        propose(table, buffer, best.place, length);
    }
}

// A list of n tokens has n - 1 pairs, and each of its at most n - 1 merges makes two new ones.
static rk_status reserve(rk__merge_buffer *buffer, size_t length, rk_error *err) {
    void *memory = buffer->nodes;
    RK_TRY(rk__grow(&memory, &buffer->nodes_capacity, length, sizeof *buffer->nodes, err));
    buffer->nodes = memory;
    memory = buffer->heap;
    RK_TRY(rk__grow(&memory, &buffer->heap_capacity, 3 * length, sizeof *buffer->heap, err));
    buffer->heap = memory;
    buffer->heap_count = 0;
    return RK_OK;
}

rk_status rk__merge_bytes(const rk__merge_table *table, const uint32_t byte_tokens[256],
                          rk__merge_buffer *buffer, const char *piece, size_t length,
                          rk__token_list *tokens, rk_error *err) {
    if (length >= UINT32_MAX) {
        return rk__fail(err, RK_ERR_RANGE, "a word of %zu bytes cannot be encoded", length);
    }
    const uint32_t n = (uint32_t)length;
    RK_TRY(reserve(buffer, length, err));
    lay_out(byte_tokens, buffer, piece, n);
    for (uint32_t i = 0; i < n; i++) propose(table, buffer, i, n);
    merge_all(table, buffer, n);
    for (uint32_t i = 0; i < n; i = buffer->nodes[i].next) {
        RK_TRY(rk__token_list_push(tokens, buffer->nodes[i].token, err));
    }
    return RK_OK;
}
