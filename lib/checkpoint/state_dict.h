// The weights among a pickle's values: which dictionary they are in, and that dictionary as tensors
// of a checkpoint.
#ifndef RK_CHECKPOINT_STATE_DICT_H
#define RK_CHECKPOINT_STATE_DICT_H

#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/pickle_tensor.h"

// Finds the bytes of a pickled storage: a storage of the checkpoint.
typedef struct rk__storage_finder {
    rk_status (*find)(void *user, const rk__pickled_storage *storage, size_t *index, rk_error *err);
    void *user;
} rk__storage_finder;

// Looks for the weights below `top`: the dictionary of named tensors, through the keys that
// training programs put around it ("state_dict", "model", "module", ...); what stands beside is
// ignored. Adds its tensors and sets the checkpoint's root. `path` is named in messages.
rk_status rk__state_dict_read(rk_checkpoint *checkpoint, const char *path,
                              const rk__pickle_values *values, rk__value top,
                              const rk__storage_finder *finder, rk_error *err);

#endif
