// Tensors and storages as PyTorch pickles them.
//
// A storage is a persistent id, the tuple ('storage', class, key, location, count): its bytes are
// elsewhere, under the key. A tensor is a call of torch._utils._rebuild_tensor_v2 (storage, offset,
// sizes, strides, ...).
#ifndef RK_CHECKPOINT_PICKLE_TENSOR_H
#define RK_CHECKPOINT_PICKLE_TENSOR_H

#include "checkpoint/pickle_machine.h"
#include "rk/tensor.h"

// Bytes of a storage's key: keys are compared many times, and torch's have some ten digits.
enum { RK__MAX_STORAGE_KEY = 1000 };

typedef struct rk__pickled_storage {
    const char *type; // "FloatStorage", ...
    bool supported;   // dtype is set
    bool untyped;     // UntypedStorage: elements are bytes, and the tensor says the type
    rk_dtype dtype;
    const char *key; // not terminated
    size_t key_length;
    uint64_t count;         // elements
    uint64_t element_bytes; // of this class
    uint64_t view_offset;   // elements from the start of the key's bytes (old files)
} rk__pickled_storage;

typedef struct rk__pickled_tensor {
    rk__pickled_storage storage;
    const char *unsupported; // what cannot be read about it, or NULL; dtype is then not set
    rk_dtype dtype;
    uint64_t offset; // elements
    rk_shape shape;
    size_t strides[RK_MAX_DIMS];
} rk__pickled_tensor;

// Describe a value of kind STORAGE or TENSOR. What they say has been checked when they were built.
void rk__pickled_storage_of(const rk__pickle_values *values, rk__value storage,
                            rk__pickled_storage *out);
void rk__pickled_tensor_of(const rk__pickle_values *values, rk__value tensor,
                           rk__pickled_tensor *out);

// ---- for the files of the machine only

// The value of a persistent id.
rk_status rk__pickle_persistent(rk__pickle_machine *m, rk__value id, rk__value *result);

// What a function of torch._utils gives, called with a tuple. *known is false for other names.
rk_status rk__pickle_rebuild(rk__pickle_machine *m, const char *name, size_t length,
                             rk__value arguments, bool *known, rk__value *result);

#endif
