// Finding the weights in what a pickle holds. Dictionaries are looked at, never expanded: each of
// them once, to a small depth.
#include "checkpoint/state_dict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

enum {
    MAX_DEPTH = 6, // of dictionaries around the weights
    MAX_VISITED = 64,
    ROOT_BYTES = 512,
    QUOTED = 100,
};

// Keys around weights, those that mean them more clearly first.
static const char *const wrappers[] = {
    "state_dict", "model_state_dict", "module", "model", "weights",
    "net",        "network",          "params", "ema",   "model_ema",
};
enum { N_WRAPPERS = sizeof wrappers / sizeof wrappers[0] };

// Prefixes that wrapping modules put before every name.
static const char *const prefixes[] = {"module.",          "model.",      "_orig_mod.",
                                       "_forward_module.", "state_dict.", "base_model."};
enum { N_PREFIXES = sizeof prefixes / sizeof prefixes[0] };

// What one dictionary holds.
typedef struct contents {
    size_t n_tensors;              // with a text for a key
    rk__value wrapped[N_WRAPPERS]; // the dictionaries under known keys
    bool has_wrapped[N_WRAPPERS];
    bool has_optimizer;   // the keys of torch's optimizers
    bool names_optimizer; // a key that says what is below it
} contents;

typedef struct search {
    const rk__pickle_values *values;
    rk__value visited[MAX_VISITED];
    size_t n_visited;
    bool saw_optimizer;
    size_t n_candidates;  // dictionaries of tensors under keys that are not known
    char candidates[200]; // some of those keys
    // What has been found.
    rk__value dict;
    size_t n_tensors;
    rk__value keys[MAX_DEPTH]; // texts
    size_t n_keys;
} search;

static contents look_into(const rk__pickle_values *values, rk__value dict) {
    contents found = {0};
    rk__value key, value;
    uint32_t at = rk__pickle_first(values, dict);
    while (rk__pickle_next(values, &at, &key) && rk__pickle_next(values, &at, &value)) {
        if (rk__pickle_kind(values, key) != RK__PICKLE_TEXT) continue;
        const rk__value_kind kind = rk__pickle_kind(values, value);
        if (kind == RK__PICKLE_TENSOR) found.n_tensors++;
        if (kind == RK__PICKLE_LIST && rk__pickle_text_is(values, key, "param_groups")) {
            found.has_optimizer = true;
        }
        found.names_optimizer = found.names_optimizer ||
                                rk__pickle_text_is(values, key, "optimizer") ||
                                rk__pickle_text_is(values, key, "optimizer_state_dict") ||
                                rk__pickle_text_is(values, key, "optimizer_states");
        for (size_t i = 0; kind == RK__PICKLE_DICT && i < N_WRAPPERS; i++) {
            if (!rk__pickle_text_is(values, key, wrappers[i])) continue;
            found.wrapped[i] = value;
            found.has_wrapped[i] = true;
        }
    }
    return found;
}

static bool visit(search *s, rk__value dict) {
    for (size_t i = 0; i < s->n_visited; i++) {
        if (s->visited[i] == dict) return false;
    }
    if (s->n_visited == MAX_VISITED) return false;
    s->visited[s->n_visited++] = dict;
    return true;
}

static rk__value key_of(const search *s, rk__value dict, rk__value wanted) {
    rk__value key = 0, value;
    uint32_t at = rk__pickle_first(s->values, dict);
    while (rk__pickle_next(s->values, &at, &key) && rk__pickle_next(s->values, &at, &value)) {
        if (value == wanted && rk__pickle_kind(s->values, key) == RK__PICKLE_TEXT) break;
    }
    return key;
}

static void note_candidate(search *s, rk__value key) {
    size_t length;
    const char *text = rk__pickle_text(s->values, key, &length);
    const size_t used = strlen(s->candidates);
    const int n = snprintf(s->candidates + used, sizeof s->candidates - used, "%s%.*s",
                           used > 0 ? ", " : "", (int)(length < 40 ? length : 40), text);
    if (n < 0 || (size_t)n >= sizeof s->candidates - used) s->candidates[used] = '\0';
}

// The only dictionary of tensors among the values of `dict`, under whatever key.
static bool only_child(search *s, rk__value dict, rk__value *child, size_t *n_tensors) {
    size_t n_found = 0;
    rk__value key, value;
    uint32_t at = rk__pickle_first(s->values, dict);
    while (rk__pickle_next(s->values, &at, &key) && rk__pickle_next(s->values, &at, &value)) {
        if (rk__pickle_kind(s->values, key) != RK__PICKLE_TEXT) continue;
        if (rk__pickle_kind(s->values, value) != RK__PICKLE_DICT || !visit(s, value)) continue;
        const contents inner = look_into(s->values, value);
        s->saw_optimizer = s->saw_optimizer || inner.has_optimizer;
        if (inner.has_optimizer || inner.n_tensors == 0) continue;
        note_candidate(s, key);
        *child = value;
        *n_tensors = inner.n_tensors;
        n_found++;
    }
    s->n_candidates += n_found;
    return n_found == 1;
}

// The largest dictionary of tensors in `dict`: below its known keys, itself, or its only one.
// Recursion ends at MAX_DEPTH.
static bool find_below(search *s, rk__value dict, size_t depth) {
    if (depth == MAX_DEPTH || !visit(s, dict)) return false;
    const contents here = look_into(s->values, dict);
    s->saw_optimizer = s->saw_optimizer || here.has_optimizer || here.names_optimizer;
    for (size_t i = 0; i < N_WRAPPERS; i++) {
        if (!here.has_wrapped[i] || !find_below(s, here.wrapped[i], depth + 1)) continue;
        if (s->n_tensors < here.n_tensors) break;
        s->keys[depth] = key_of(s, dict, here.wrapped[i]);
        return true;
    }
    s->dict = dict;
    s->n_tensors = here.n_tensors;
    s->n_keys = depth;
    if (here.n_tensors > 0) return true;
    if (depth + 1 == MAX_DEPTH || here.has_optimizer) return false;
    if (!only_child(s, dict, &s->dict, &s->n_tensors)) return false;
    s->keys[depth] = key_of(s, dict, s->dict);
    s->n_keys = depth + 1;
    return true;
}

// ---- names

// One entry after the other: a name and its tensor; at the end false.
static bool next_tensor(const rk__pickle_values *values, uint32_t *at, rk__value *name,
                        rk__value *tensor) {
    while (rk__pickle_next(values, at, name) && rk__pickle_next(values, at, tensor)) {
        if (rk__pickle_kind(values, *name) == RK__PICKLE_TEXT &&
            rk__pickle_kind(values, *tensor) == RK__PICKLE_TENSOR) {
            return true;
        }
    }
    return false;
}

// Do all names go on after this prefix, from byte `skip` on?
static bool all_begin_with(const search *s, size_t skip, const char *prefix) {
    const size_t n = strlen(prefix);
    uint32_t at = rk__pickle_first(s->values, s->dict);
    for (rk__value name, tensor; next_tensor(s->values, &at, &name, &tensor);) {
        size_t length;
        const char *text = rk__pickle_text(s->values, name, &length);
        if (length <= skip + n || memcmp(text + skip, prefix, n) != 0) return false;
    }
    return true;
}

// Appends a key as far as there is room. Bytes that are no UTF-8 come out as '?', a zero ends it.
static void add_to_root(char root[ROOT_BYTES], const char *text, size_t length) {
    size_t used = strlen(root);
    if (used > 0 && used + 1 < ROOT_BYTES) root[used++] = '.';
    for (size_t i = 0; i < length && text[i] != '\0';) {
        uint32_t code;
        const size_t bytes = rk__utf8_decode(&code, text + i, length - i);
        const size_t n = bytes == 0 ? 1 : bytes;
        if (used + n >= ROOT_BYTES) break;
        if (bytes == 0) {
            root[used] = '?';
        } else {
            memcpy(root + used, text + i, n);
        }
        used += n;
        i += n;
    }
    root[used] = '\0';
}

// Bytes of common prefixes before every name; they become part of the root. One name alone has
// nothing in common with others.
static size_t strip_prefixes(const search *s, char root[ROOT_BYTES]) {
    enum { MOST_WRAPPERS = 8 }; // each costs a look at every name
    size_t skip = 0;
    size_t n_stripped = 0;
    for (size_t i = 0; s->n_tensors > 1 && i < N_PREFIXES && n_stripped < MOST_WRAPPERS; i++) {
        if (!all_begin_with(s, skip, prefixes[i])) continue;
        n_stripped++;
        add_to_root(root, prefixes[i], strlen(prefixes[i]) - 1);
        skip += strlen(prefixes[i]);
        // Wrappers may be wrapped: begin again.
        i = SIZE_MAX;
    }
    return skip;
}

// ---- tensors

typedef struct reader {
    rk_checkpoint *checkpoint;
    const char *path;
    const rk__pickle_values *values;
    const rk__storage_finder *finder;
    size_t skip; // bytes of every name
} reader;

static rk_status add_tensor(const reader *r, rk__value name, rk__value value, rk_error *err) {
    size_t length;
    const char *text = rk__pickle_text(r->values, name, &length);
    const int quoted = (int)(length < QUOTED ? length : QUOTED);
    rk__pickled_tensor tensor;
    rk__pickled_tensor_of(r->values, value, &tensor);
    if (tensor.unsupported) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: tensor '%.*s' cannot be read: it is made with %s", r->path, quoted,
                        text, tensor.unsupported);
    }
    rk__view view = {0};
    memcpy(view.strides, tensor.strides, sizeof view.strides);
    RK_TRY(r->finder->find(r->finder->user, &tensor.storage, &view.storage, err));

    const size_t element = rk_dtype_describe(tensor.dtype)->block_bytes;
    size_t start, part;
    if (!rk_size_mul(&start, tensor.offset, element) ||
        !rk_size_mul(&part, tensor.storage.view_offset, tensor.storage.element_bytes) ||
        !rk_size_add(&start, start, part)) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: tensor '%.*s' begins at element %" PRIu64 " of its storage", r->path,
                        quoted, text, tensor.offset);
    }
    view.offset = start;
    return rk__checkpoint_add_tensor(r->checkpoint, text + r->skip, length - r->skip, tensor.dtype,
                                     &tensor.shape, &view, err);
}

static rk_status add_tensors(const reader *r, rk__value dict, rk_error *err) {
    uint32_t at = rk__pickle_first(r->values, dict);
    for (rk__value name, tensor; next_tensor(r->values, &at, &name, &tensor);) {
        RK_TRY(add_tensor(r, name, tensor, err));
    }
    return RK_OK;
}

// ---- refusals

static rk_status fail_top(const char *path, const rk__pickle_values *values, rk__value top,
                          rk_error *err) {
    const rk__pickle_node *node = rk__pickle_node_of(values, top);
    if (node->kind == RK__PICKLE_OPAQUE) {
        size_t n_module, n_name;
        const char *module = rk__pickle_text(values, node->as.global.module, &n_module);
        const char *name = rk__pickle_text(values, node->as.global.name, &n_name);
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: holds an object of class %.*s.%.*s, which only its own program can "
                        "read; what is needed is a dictionary of tensors (its state_dict())",
                        path, (int)(n_module < QUOTED ? n_module : QUOTED), module,
                        (int)(n_name < QUOTED ? n_name : QUOTED), name);
    }
    return rk__fail(err, RK_ERR_FORMAT, "%s: holds %s where a dictionary of tensors is needed",
                    path, rk__pickle_kind_name((rk__value_kind)node->kind));
}

static rk_status fail_search(const char *path, const search *s, rk_error *err) {
    if (s->n_candidates > 1) {
        return rk__fail(
            err, RK_ERR_FORMAT,
            "%s: holds %zu dictionaries of tensors (%s), and none is called state_dict, model or "
            "module; say which one is meant (pth2bin --prefix)",
            path, s->n_candidates, s->candidates);
    }
    if (s->saw_optimizer) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: holds the state of an optimizer, and no dictionary of weights", path);
    }
    return rk__fail(err, RK_ERR_FORMAT, "%s: holds a dictionary, but no tensors with names in it",
                    path);
}

// ---- the root that the caller asked for

// The dictionary in `dict` under the longest key that the path `wanted` begins with; *n is the
// key's length.
static bool find_child(const rk__pickle_values *values, rk__value dict, const char *wanted,
                       rk__value *child, size_t *n) {
    const size_t n_wanted = strlen(wanted);
    bool found = false;
    *n = 0;
    rk__value key, value;
    uint32_t at = rk__pickle_first(values, dict);
    while (rk__pickle_next(values, &at, &key) && rk__pickle_next(values, &at, &value)) {
        if (rk__pickle_kind(values, key) != RK__PICKLE_TEXT) continue;
        if (rk__pickle_kind(values, value) != RK__PICKLE_DICT) continue;
        size_t length;
        const char *text = rk__pickle_text(values, key, &length);
        if (length <= *n || length > n_wanted || memcmp(wanted, text, length) != 0) continue;
        if (wanted[length] != '.' && wanted[length] != '\0') continue;
        *child = value;
        *n = length;
        found = true;
    }
    return found;
}

// Goes down along the wanted path as far as there are dictionaries under its keys. What is left of
// the path is for the names (wanted_root.c).
static rk__value descend(rk_checkpoint *checkpoint, const rk__pickle_values *values, rk__value top,
                         char root[ROOT_BYTES]) {
    const char *wanted = checkpoint->wanted_root;
    rk__value child;
    size_t n;
    // Every step takes a part of the path, so that dictionaries that hold themselves do no harm.
    while (wanted && *wanted != '\0' && find_child(values, top, wanted, &child, &n)) {
        add_to_root(root, wanted, n);
        wanted += wanted[n] == '.' ? n + 1 : n;
        top = child;
    }
    checkpoint->wanted_root = wanted && *wanted != '\0' ? wanted : NULL;
    return top;
}

// The rwkv package leaves a note in what it has converted.
static rk_status find_strategy(rk_checkpoint *checkpoint, const rk__pickle_values *values,
                               rk__value dict, rk_error *err) {
    rk__value key, value;
    uint32_t at = rk__pickle_first(values, dict);
    while (rk__pickle_next(values, &at, &key) && rk__pickle_next(values, &at, &value)) {
        if (rk__pickle_kind(values, key) != RK__PICKLE_TEXT) continue;
        if (!rk__pickle_text_is(values, key, "_strategy") || checkpoint->strategy) continue;
        size_t length = 0;
        const bool is_text = rk__pickle_kind(values, value) == RK__PICKLE_TEXT;
        const char *text = is_text ? rk__pickle_text(values, value, &length) : "";
        RK_TRY(
            rk__copy_string(&checkpoint->strategy, text, length < QUOTED ? length : QUOTED, err));
    }
    return RK_OK;
}

rk_status rk__state_dict_read(rk_checkpoint *checkpoint, const char *path,
                              const rk__pickle_values *values, rk__value top,
                              const rk__storage_finder *finder, rk_error *err) {
    if (rk__pickle_kind(values, top) != RK__PICKLE_DICT) return fail_top(path, values, top, err);
    search s = {.values = values};
    char root[ROOT_BYTES] = "";
    if (!checkpoint->keep_prefixes) top = descend(checkpoint, values, top, root);
    if (!find_below(&s, top, 0)) return fail_search(path, &s, err);
    RK_TRY(find_strategy(checkpoint, values, s.dict, err));

    for (size_t i = 0; i < s.n_keys; i++) {
        size_t length;
        const char *key = rk__pickle_text(values, s.keys[i], &length);
        add_to_root(root, key, length < QUOTED ? length : QUOTED);
    }
    const bool keep_prefixes = checkpoint->keep_prefixes || checkpoint->wanted_root;
    const reader r = {.checkpoint = checkpoint,
                      .path = path,
                      .values = values,
                      .finder = finder,
                      .skip = keep_prefixes ? 0 : strip_prefixes(&s, root)};
    if (!checkpoint->root) RK_TRY(rk__copy_string(&checkpoint->root, root, strlen(root), err));
    return add_tensors(&r, s.dict, err);
}
