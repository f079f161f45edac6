// A trie over byte strings, built level by level from sorted keys.
#include "text/byte_trie.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int compare_keys(const void *a, const void *b) {
    const rk__trie_key *x = a, *y = b;
    const uint32_t common = x->length < y->length ? x->length : y->length;
    const int order = memcmp(x->bytes, y->bytes, common);
    if (order != 0) return order;
    return (x->length > y->length) - (x->length < y->length);
}

void rk__trie_keys_sort(rk__trie_key *keys, size_t n) {
    if (n > 0) qsort(keys, n, sizeof *keys, compare_keys);
}

const rk__trie_key *rk__trie_keys_twin(const rk__trie_key *keys, size_t n) {
    for (size_t i = 1; i < n; i++) {
        if (compare_keys(&keys[i - 1], &keys[i]) == 0) return &keys[i - 1];
    }
    return NULL;
}

// The keys that go through a node: they agree in their first `depth` bytes.
typedef struct key_range {
    uint32_t begin, end, depth;
} key_range;

typedef struct builder {
    const rk__trie_key *keys;
    rk__byte_trie *trie;
    key_range *ranges; // [capacity], beside the nodes
    size_t capacity;
} builder;

static void add_node(builder *b, uint8_t label, key_range range) {
    const size_t node = b->trie->n_nodes++;
    assert(node < b->capacity);
    b->trie->nodes[node] = (rk__trie_node){.value = RK__NO_VALUE};
    b->trie->labels[node] = label;
    b->ranges[node] = range;
}

static uint8_t byte_at(const rk__trie_key *key, uint32_t depth) {
    return (uint8_t)key->bytes[depth];
}

static void add_children(builder *b, size_t node) {
    key_range range = b->ranges[node];
    if (range.begin < range.end && b->keys[range.begin].length == range.depth) {
        b->trie->nodes[node].value = b->keys[range.begin].value;
        range.begin++;
    }
    b->trie->nodes[node].first_child = (uint32_t)b->trie->n_nodes;
    while (range.begin < range.end) {
        const uint8_t label = byte_at(&b->keys[range.begin], range.depth);
        uint32_t end = range.begin + 1;
        while (end < range.end && byte_at(&b->keys[end], range.depth) == label) end++;
        add_node(b, label, (key_range){range.begin, end, range.depth + 1});
        b->trie->nodes[node].n_children++;
        range.begin = end;
    }
}

// A key adds one node for each byte that it does not share with its neighbour.
static size_t count_nodes(const rk__trie_key *keys, size_t n) {
    size_t count = 1;
    for (size_t i = 0; i < n; i++) {
        uint32_t shared = 0;
        if (i > 0) {
            const uint32_t most =
                keys[i].length < keys[i - 1].length ? keys[i].length : keys[i - 1].length;
            while (shared < most && byte_at(&keys[i], shared) == byte_at(&keys[i - 1], shared)) {
                shared++;
            }
        }
        count += keys[i].length - shared;
    }
    return count;
}

rk_status rk__byte_trie_init(rk__byte_trie *trie, const rk__trie_key *keys, size_t n,
                             rk_error *err) {
    builder b = {.keys = keys, .trie = trie, .capacity = count_nodes(keys, n)};
    assert(n <= UINT32_MAX && b.capacity <= UINT32_MAX);
    void *memory;
    rk_status status = rk__alloc(&memory, b.capacity, sizeof *trie->nodes, err);
    if (status != RK_OK) goto out;
    trie->nodes = memory;
    status = rk__alloc(&memory, b.capacity, 1, err);
    if (status != RK_OK) goto out;
    trie->labels = memory;
    status = rk__alloc(&memory, b.capacity, sizeof *b.ranges, err);
    if (status != RK_OK) goto out;
    b.ranges = memory;

    add_node(&b, 0, (key_range){0, (uint32_t)n, 0});
    for (size_t node = 0; node < trie->n_nodes; node++) add_children(&b, node);
    assert(trie->n_nodes == b.capacity);
out:
    rk__free(b.ranges);
    if (status != RK_OK) rk__byte_trie_fini(trie);
    return status;
}

void rk__byte_trie_fini(rk__byte_trie *trie) {
    rk__free(trie->nodes);
    rk__free(trie->labels);
    *trie = (rk__byte_trie){0};
}

// The child that a byte leads to; NULL when there is none.
static inline const rk__trie_node *step(const rk__byte_trie *trie, const rk__trie_node *node,
                                        uint8_t byte) {
    const uint8_t *labels = trie->labels + node->first_child;
    switch (node->n_children) {
    case 0:
        return NULL;
    case 1:
        return labels[0] == byte ? trie->nodes + node->first_child : NULL;
    case 256:
        return trie->nodes + node->first_child + byte;
    default: {
        const uint8_t *found = memchr(labels, byte, node->n_children);
        return found ? trie->nodes + (found - trie->labels) : NULL;
    }
    }
}

size_t rk__byte_trie_longest(const rk__byte_trie *trie, const char *text, size_t length,
                             uint32_t *value) {
    size_t longest = 0;
    *value = RK__NO_VALUE;
    const rk__trie_node *node = trie->nodes;
    for (size_t depth = 0; node && depth < length;) {
        node = step(trie, node, (uint8_t)text[depth++]);
        if (node && node->value != RK__NO_VALUE) {
            longest = depth;
            *value = node->value;
        }
    }
    return longest;
}

uint32_t rk__byte_trie_find(const rk__byte_trie *trie, const char *text, size_t length) {
    const rk__trie_node *node = trie->nodes;
    for (size_t i = 0; node && i < length; i++) node = step(trie, node, (uint8_t)text[i]);
    return node ? node->value : RK__NO_VALUE;
}
