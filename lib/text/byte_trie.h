// A trie over byte strings: which of them does a text begin with?
//
// Nodes lie in order of depth, the children of one side by side and sorted by their byte, so that a
// step is a search among a few neighbouring bytes.
#ifndef RK_BYTE_TRIE_H
#define RK_BYTE_TRIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error_internal.h"

enum { RK__NO_VALUE = UINT32_MAX };

typedef struct rk__trie_key {
    const char *bytes; // borrowed until the trie is built
    uint32_t length;   // > 0
    uint32_t value;    // not RK__NO_VALUE
} rk__trie_key;

typedef struct rk__trie_node {
    uint32_t first_child;
    uint32_t value; // of the key that ends here, or RK__NO_VALUE
    uint32_t n_children;
} rk__trie_node;

// All zeros is a trie without keys.
typedef struct rk__byte_trie {
    rk__trie_node *nodes; // [n_nodes]; the root is the first
    uint8_t *labels;      // [n_nodes]: the byte that leads to the node
    size_t n_nodes;
} rk__byte_trie;

// Sorts by bytes, shorter ones first where one begins with the other.
void rk__trie_keys_sort(rk__trie_key *keys, size_t n);

// The first of two equal neighbours in sorted keys; NULL when no two are equal.
const rk__trie_key *rk__trie_keys_twin(const rk__trie_key *keys, size_t n);

// Builds an all-zero trie of keys that are sorted and all different.
rk_status rk__byte_trie_init(rk__byte_trie *trie, const rk__trie_key *keys, size_t n,
                             rk_error *err);
void rk__byte_trie_fini(rk__byte_trie *trie);

// The length of the longest key that the text begins with; 0 when there is none. *value is the
// key's.
size_t rk__byte_trie_longest(const rk__byte_trie *trie, const char *text, size_t length,
                             uint32_t *value);

// The value of the key that is the whole text, or RK__NO_VALUE.
uint32_t rk__byte_trie_find(const rk__byte_trie *trie, const char *text, size_t length);

#endif
