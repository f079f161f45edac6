// The tensors below a root that the caller asked for: a prefix of names, in any kind of file.
#include <string.h>

#include "base/memory.h"
#include "checkpoint/checkpoint_internal.h"

// What follows the prefix in a name, or NULL where it does not begin so. A dot stands between them.
static const char *after_prefix(const char *name, const char *prefix) {
    const size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) != 0) return NULL;
    const char *rest = name + n;
    if (n > 0 && prefix[n - 1] != '.') {
        if (*rest != '.') return NULL;
        rest++;
    }
    return *rest == '\0' ? NULL : rest;
}

static rk_status add_to_root(rk_checkpoint *checkpoint, rk_error *err) {
    const char *prefix = checkpoint->wanted_root;
    const size_t n_root = strlen(checkpoint->root), n_prefix = strlen(prefix);
    const size_t dots = n_prefix > 0 && prefix[n_prefix - 1] == '.';
    void *memory;
    RK_TRY(rk__alloc(&memory, n_root + n_prefix + 2, 1, err));
    char *root = memory;
    memcpy(root, checkpoint->root, n_root);
    if (n_root > 0) root[n_root] = '.';
    memcpy(root + n_root + (n_root > 0), prefix, n_prefix - dots);
    rk__free(checkpoint->root);
    checkpoint->root = root;
    return RK_OK;
}

rk_status rk__checkpoint_keep_below(rk_checkpoint *checkpoint, rk_error *err) {
    size_t n_kept = 0;
    for (size_t i = 0; i < checkpoint->n_tensors; i++) {
        rk_tensor_info *tensor = &checkpoint->tensors[i];
        if (after_prefix(tensor->name, checkpoint->wanted_root) != NULL) n_kept++;
    }
    if (n_kept == 0) {
        return rk__fail(err, RK_ERR_NOT_FOUND,
                        "%s: no tensor's name begins with '%.100s'; the first of %zu is %.100s",
                        checkpoint->path, checkpoint->wanted_root, checkpoint->n_tensors,
                        checkpoint->tensors[0].name);
    }
    n_kept = 0;
    for (size_t i = 0; i < checkpoint->n_tensors; i++) {
        char *name = (char *)checkpoint->tensors[i].name; // const for everybody but its owner
        const char *rest = after_prefix(name, checkpoint->wanted_root);
        if (rest == NULL) {
            rk__free(name);
            continue;
        }
        memmove(name, rest, strlen(rest) + 1);
        checkpoint->tensors[n_kept] = checkpoint->tensors[i];
        checkpoint->views[n_kept] = checkpoint->views[i];
        n_kept++;
    }
    checkpoint->n_tensors = n_kept;
    rk__free(checkpoint->by_name); // of all tensors; made again
    checkpoint->by_name = NULL;
    return add_to_root(checkpoint, err);
}
