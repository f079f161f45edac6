// The names of tensors in adapter files: what they are to which tensor of a model.
#ifndef RK_CONVERT_ADAPTER_KEYS_H
#define RK_CONVERT_ADAPTER_KEYS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum rk__adapter_key {
    RK__KEY_REPLACEMENT, // the name is the model's
    RK__KEY_A,
    RK__KEY_B,
    RK__KEY_INITIAL_A, // in the file that a PiSSA adapter began with
    RK__KEY_INITIAL_B,
    RK__KEY_SHARDS,
    RK__N_KEYS
} rk__adapter_key;

// A name, taken apart.
typedef struct rk__adapter_name {
    rk__adapter_key key;
    const char *stem; // of the model's tensor: its name, or that without ".weight"
    size_t stem_length;
    // Of square matrices' three-dimensional shards, in what nothing else tells: does each belong to
    // some rows (as the peft package has them), or to some columns (as RWKV-PEFT does)?
    bool shards_by_rows;
} rk__adapter_name;

// Whatever is no adapter's own name is that of a tensor to be replaced. What wrappers put before
// names ("base_model.model.") is no part of the stem.
rk__adapter_name rk__adapter_name_split(const char *name);

#endif
