// An adapter from what one model differs from another by: low-rank pairs for the weight matrices,
// by truncated singular value decomposition, and whole tensors for everything else that differs.
#ifndef RK_EXTRACT_H
#define RK_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rk/error.h"
#include "rk/progress.h"
#include "rk/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// One tensor that differs.
typedef struct rk_extract_tensor {
    const char *name;  // in checkpoints; valid during the call
    rk_shape shape;    // there
    size_t rank;       // of its pair; 0: the adapter has the whole tensor
    double rms_base;   // square root of the mean square of the base's values,
    double rms_change; // of the difference,
    double rms_left;   // and of what the pair leaves of it
} rk_extract_tensor;

typedef void (*rk_extract_report_fn)(void *user, const rk_extract_tensor *tensor);

typedef struct rk_extract_options {
    // Of the pairs, 1 to 4096; a matrix that has fewer rows or columns gets as many as those.
    size_t rank;
    bool no_sync;                // skip the final flush to disk
    rk_progress progress;        // bytes of the model's tensors, read twice
    rk_extract_report_fn report; // may be NULL; called for each tensor, in the model's order
    void *report_user;
} rk_extract_options;

typedef struct rk_extract_result {
    size_t n_pairs, n_whole, n_equal; // tensors of the model, by what the adapter has of them
    uint64_t output_bytes;            // of the whole file
} rk_extract_result;

// Writes a safetensors file, float32, that turns `base` into `model` when it is merged into it:
// pairs `X.lora_A`, `X.lora_B` for the matrices `X.weight`, with their alpha in its metadata, and
// the model's own values, as a checkpoint has them, for all other tensors. What only differs
// because the files hold it in other types is no difference. Both may be any readable files of one
// model. With output NULL nothing is written: both are compared, and rms_left is 0. Memory: some
// three times the largest matrix that differs, as float32. result may be NULL. Errors beside those
// of reading and writing files:
//   ERR_ARGUMENT   the rank is out of range
//   ERR_MISMATCH   the models have other sizes or tensors; nothing differs
//   ERR_RANGE      a difference is no finite number
//   ERR_CANCELLED  progress said so
rk_status rk_extract_adapter(const char *model, const char *base, const char *output,
                             const rk_extract_options *options, rk_extract_result *result,
                             rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
