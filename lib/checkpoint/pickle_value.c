// The store of a pickle's values.
#include "checkpoint/pickle_value.h"

#include <string.h>

#include "base/memory.h"

_Static_assert(sizeof(rk__pickle_node) == 16, "limits are stated for 16 bytes");
_Static_assert(sizeof(rk__pickle_cell) == 8, "limits are stated for 8 bytes");

void rk__pickle_values_init(rk__pickle_values *values, const void *pickle, size_t size) {
    *values = (rk__pickle_values){.pickle = pickle, .pickle_size = size};
}

void rk__pickle_values_fini(rk__pickle_values *values) {
    rk__free(values->nodes);
    rk__free(values->cells);
    *values = (rk__pickle_values){0};
}

rk_status rk__pickle_add(rk__pickle_values *values, rk__value *out, rk__pickle_node node,
                         rk_error *err) {
    if (values->n_nodes >= RK__MAX_PICKLE_NODES) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "more than %d values", RK__MAX_PICKLE_NODES);
    }
    void *nodes = values->nodes;
    RK_TRY(rk__grow(&nodes, &values->nodes_capacity, values->n_nodes + 1, sizeof node, err));
    values->nodes = nodes;
    values->nodes[values->n_nodes] = node;
    *out = (rk__value)values->n_nodes++;
    return RK_OK;
}

rk__pickle_node rk__pickle_with_items_of(const rk__pickle_values *values, rk__value from,
                                         rk__value_kind kind, uint8_t detail) {
    rk__pickle_node node = values->nodes[from];
    node.kind = (uint8_t)kind;
    node.detail = detail;
    return node;
}

rk_status rk__pickle_append(rk__pickle_values *values, rk__value to, rk__value item,
                            rk_error *err) {
    if (values->n_cells >= RK__MAX_PICKLE_CELLS) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "more than %d items", RK__MAX_PICKLE_CELLS);
    }
    void *cells = values->cells;
    RK_TRY(
        rk__grow(&cells, &values->cells_capacity, values->n_cells + 1, sizeof *values->cells, err));
    values->cells = cells;
    const uint32_t cell = (uint32_t)values->n_cells++;
    values->cells[cell] = (rk__pickle_cell){.value = item, .next = RK__NO_CELL};

    rk__pickle_node *node = &values->nodes[to];
    if (node->count == 0) {
        node->as.items.first = cell;
    } else {
        values->cells[node->as.items.last].next = cell;
    }
    node->as.items.last = cell;
    node->count++;
    return RK_OK;
}

const rk__pickle_node *rk__pickle_node_of(const rk__pickle_values *values, rk__value value) {
    return &values->nodes[value];
}

rk__value_kind rk__pickle_kind(const rk__pickle_values *values, rk__value value) {
    return (rk__value_kind)values->nodes[value].kind;
}

const char *rk__pickle_kind_name(rk__value_kind kind) {
    switch (kind) {
    case RK__PICKLE_NONE:
        return "None";
    case RK__PICKLE_BOOL:
        return "a truth value";
    case RK__PICKLE_INTEGER:
        return "a number";
    case RK__PICKLE_BIG_INTEGER:
        return "a number beyond 64 bits";
    case RK__PICKLE_REAL:
        return "a floating-point number";
    case RK__PICKLE_TEXT:
        return "a text";
    case RK__PICKLE_BYTES:
        return "a byte string";
    case RK__PICKLE_TUPLE:
        return "a tuple";
    case RK__PICKLE_LIST:
        return "a list";
    case RK__PICKLE_DICT:
        return "a dictionary";
    case RK__PICKLE_SET:
        return "a set";
    case RK__PICKLE_GLOBAL:
        return "a class or function";
    case RK__PICKLE_STORAGE:
        return "a storage";
    case RK__PICKLE_TENSOR:
        return "a tensor";
    case RK__PICKLE_OPAQUE:
        return "an object";
    }
    return "a value";
}

const char *rk__pickle_text(const rk__pickle_values *values, rk__value text, size_t *length) {
    const rk__pickle_node *node = &values->nodes[text];
    *length = node->count;
    return *length > 0 ? (const char *)values->pickle + node->as.start : "";
}

bool rk__pickle_text_is(const rk__pickle_values *values, rk__value value, const char *text) {
    if (rk__pickle_kind(values, value) != RK__PICKLE_TEXT) return false;
    size_t length;
    const char *content = rk__pickle_text(values, value, &length);
    return length == strlen(text) && memcmp(content, text, length) == 0;
}

static bool has_items(const rk__pickle_node *node) {
    switch ((rk__value_kind)node->kind) {
    case RK__PICKLE_TUPLE:
    case RK__PICKLE_LIST:
    case RK__PICKLE_DICT:
    case RK__PICKLE_SET:
    case RK__PICKLE_STORAGE:
    case RK__PICKLE_TENSOR:
        return node->count > 0;
    default:
        return false;
    }
}

uint32_t rk__pickle_first(const rk__pickle_values *values, rk__value value) {
    const rk__pickle_node *node = &values->nodes[value];
    return has_items(node) ? node->as.items.first : RK__NO_CELL;
}

bool rk__pickle_next(const rk__pickle_values *values, uint32_t *at, rk__value *item) {
    if (*at == RK__NO_CELL) return false;
    *item = values->cells[*at].value;
    *at = values->cells[*at].next;
    return true;
}

bool rk__pickle_item(const rk__pickle_values *values, rk__value value, size_t n, rk__value *item) {
    uint32_t at = rk__pickle_first(values, value);
    for (size_t i = 0; rk__pickle_next(values, &at, item); i++) {
        if (i == n) return true;
    }
    return false;
}
