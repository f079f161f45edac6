// Weights files of every kind as lists of named tensors: PyTorch .pth (zip archives, and the format
// before them), safetensors, checkpoints in several parts with an index, and model files of
// versions 100 and 101. Files are recognised by their content, never by their name, and nothing in
// them is ever executed.
//
//     rk_checkpoint *file;
//     if (rk_checkpoint_open(&file, "model.pth", &err) != RK_OK) ...
//     for (size_t i = 0; i < rk_checkpoint_count(file); i++) {
//         const rk_tensor_info *t = rk_checkpoint_tensor(file, i);
//         ...
//     }
//     rk_checkpoint_close(&file);
//
// A checkpoint knows tensors, not RWKV: what they mean is the business of rk/model.h.
#ifndef RK_CHECKPOINT_H
#define RK_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "rk/error.h"
#include "rk/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct rk_checkpoint rk_checkpoint;

typedef enum rk_container {
    RK_CONTAINER_PYTORCH_ZIP,
    RK_CONTAINER_MODEL_V100,
    RK_CONTAINER_MODEL_V101,
    RK_CONTAINER_PYTORCH_LEGACY, // the format before zip
    RK_CONTAINER_SAFETENSORS,
    RK_CONTAINER_SHARDED, // an index .json and its parts
} rk_container;

// "PyTorch (zip)", "model file v101", ...
const char *rk_container_name(rk_container container);

// Is it one of the model files of versions 100 and 101?
bool rk_container_is_model_file(rk_container container);

// Opens a file, or the only weights file (or index of such) in a directory, and reads what tensors
// there are; no tensor data yet. Whatever cannot be read is refused with the path, the place and
// the reason. *out is owned by the caller; NULL on failure. Memory stays below a small multiple of
// the size of what describes the tensors.
rk_status rk_checkpoint_open(rk_checkpoint **out, const char *path, rk_error *err);

// The same for the tensors below a root alone: the keys of the dictionaries that lead to them, and
// the beginning of their names that is to be cut off, all joined by dots ("ema.generator"). For
// files whose weights are not found by themselves. ERR_NOT_FOUND when there are none. root NULL or
// "": as rk_checkpoint_open.
rk_status rk_checkpoint_open_below(rk_checkpoint **out, const char *path, const char *root,
                                   rk_error *err);

// Releases the file and every rk_tensor_info it gave; NULL is fine; *checkpoint becomes NULL.
void rk_checkpoint_close(rk_checkpoint **checkpoint);

// As given to open, and what was recognised. The path lives as long as the checkpoint.
const char *rk_checkpoint_path(const rk_checkpoint *checkpoint);
rk_container rk_checkpoint_container(const rk_checkpoint *checkpoint);

// Keys around the weights that were stripped, joined by dots ("model", "state_dict"); "" where
// there are none.
const char *rk_checkpoint_root(const rk_checkpoint *checkpoint);

// A short text that a safetensors file holds beside its tensors (`__metadata__`); NULL where there
// is none of this name.
const char *rk_checkpoint_note(const rk_checkpoint *checkpoint, const char *key);

// The tensors, in the order of the file. Indices run from 0 to count - 1; the descriptions lie in
// one array.
size_t rk_checkpoint_count(const rk_checkpoint *checkpoint);
const rk_tensor_info *rk_checkpoint_tensor(const rk_checkpoint *checkpoint, size_t index);

// False when no tensor has this name.
bool rk_checkpoint_find(const rk_checkpoint *checkpoint, const char *name, size_t *index);

// Bytes that rk_checkpoint_read_raw gives for a whole tensor.
size_t rk_checkpoint_tensor_bytes(const rk_checkpoint *checkpoint, size_t index);

// Copies rows [first, first + n) of a tensor seen as a matrix (rk_shape_matrix) to `out`, which
// holds `size` bytes (exactly n rows), contiguous, in the tensor's own type, little-endian. Strided
// views are gathered. The first read of a storage that carries a checksum verifies it. Thread-safe.
rk_status rk_checkpoint_read_raw(rk_checkpoint *checkpoint, size_t index, size_t first, size_t n,
                                 void *out, size_t size, rk_error *err);

// The same as float32, whatever the tensor's type is: out holds n x columns floats.
rk_status rk_checkpoint_read_floats(rk_checkpoint *checkpoint, size_t index, size_t first, size_t n,
                                    float *out, rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
