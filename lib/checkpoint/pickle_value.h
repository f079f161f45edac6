// The values a pickle builds: numbers of nodes in one store, so that shared and cyclic values cost
// nothing, nothing is ever expanded, and all of it is released at once.
#ifndef RK_CHECKPOINT_PICKLE_VALUE_H
#define RK_CHECKPOINT_PICKLE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error_internal.h"

typedef uint32_t rk__value;

typedef enum rk__value_kind {
    RK__PICKLE_NONE,
    RK__PICKLE_BOOL,
    RK__PICKLE_INTEGER,
    RK__PICKLE_BIG_INTEGER, // beyond 64 bits; its value is not kept
    RK__PICKLE_REAL,
    RK__PICKLE_TEXT,
    RK__PICKLE_BYTES,
    RK__PICKLE_TUPLE,
    RK__PICKLE_LIST,
    RK__PICKLE_DICT, // items: key, value, key, value, ...
    RK__PICKLE_SET,
    RK__PICKLE_GLOBAL,  // module and name: something of Python, never looked up
    RK__PICKLE_STORAGE, // items of its persistent id; `detail` is a row of pickle_tensor.c's table
    RK__PICKLE_TENSOR,  // items of the arguments it is rebuilt from; `detail` tells the function
    RK__PICKLE_OPAQUE,  // an object of some class, of which nothing is kept but that class
} rk__value_kind;

// Kinds of items hold them as a list of cells.
typedef struct rk__pickle_node {
    uint8_t kind;
    uint8_t detail;
    uint32_t count; // of items; TEXT, BYTES: of bytes
    union {
        int64_t integer;
        double real;
        uint64_t start; // TEXT, BYTES: offset into the pickle
        struct {
            uint32_t first, last; // cells
        } items;
        struct {
            rk__value module, name; // GLOBAL; OPAQUE: of its class
        } global;
    } as;
} rk__pickle_node;

typedef struct rk__pickle_cell {
    rk__value value;
    uint32_t next; // RK__NO_CELL: the last one
} rk__pickle_cell;

enum {
    RK__MAX_PICKLE_NODES = 1 << 20, // 16 MB
    RK__MAX_PICKLE_CELLS = 1 << 20, // 8 MB
};
#define RK__NO_CELL UINT32_MAX

typedef struct rk__pickle_values {
    const uint8_t *pickle; // borrowed; texts are views into it
    size_t pickle_size;
    rk__pickle_node *nodes;
    size_t n_nodes, nodes_capacity;
    rk__pickle_cell *cells;
    size_t n_cells, cells_capacity;
} rk__pickle_values;

// An empty store over a pickle's bytes, which must outlive it.
void rk__pickle_values_init(rk__pickle_values *values, const void *pickle, size_t size);
void rk__pickle_values_fini(rk__pickle_values *values);

// A new node. ERR_UNSUPPORTED when there are too many.
rk_status rk__pickle_add(rk__pickle_values *values, rk__value *out, rk__pickle_node node,
                         rk_error *err);

// A new node with the same items as another one; later changes of one may show in the other.
rk__pickle_node rk__pickle_with_items_of(const rk__pickle_values *values, rk__value from,
                                         rk__value_kind kind, uint8_t detail);

// Appends an item to a tuple, list, dict or set.
rk_status rk__pickle_append(rk__pickle_values *values, rk__value to, rk__value item, rk_error *err);

const rk__pickle_node *rk__pickle_node_of(const rk__pickle_values *values, rk__value value);
rk__value_kind rk__pickle_kind(const rk__pickle_values *values, rk__value value);

// "a number", "a text", ...
const char *rk__pickle_kind_name(rk__value_kind kind);

// The bytes of a text or of bytes, not terminated.
const char *rk__pickle_text(const rk__pickle_values *values, rk__value text, size_t *length);

// Is it a text with this content?
bool rk__pickle_text_is(const rk__pickle_values *values, rk__value value, const char *text);

// Walks the items: start with rk__pickle_first; false at the end.
//
//     uint32_t at = rk__pickle_first(values, list);
//     for (rk__value item; rk__pickle_next(values, &at, &item);) ...
uint32_t rk__pickle_first(const rk__pickle_values *values, rk__value value);
bool rk__pickle_next(const rk__pickle_values *values, uint32_t *at, rk__value *item);

// The n-th item; false when there are fewer.
bool rk__pickle_item(const rk__pickle_values *values, rk__value value, size_t n, rk__value *item);

#endif
