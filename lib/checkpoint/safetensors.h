// safetensors files: the names of their types, and the writer.
//
//     u64 length of the header | header: JSON, then blanks | the tensors' bytes, without gaps
#ifndef RK_CHECKPOINT_SAFETENSORS_H
#define RK_CHECKPOINT_SAFETENSORS_H

#include "base/file.h"
#include "rk/tensor.h"

// "F32", ...; NULL where safetensors has no such type. And back: false for what is not read.
const char *rk__safetensors_type_name(rk_dtype dtype);
bool rk__safetensors_dtype(rk_dtype *out, const char *name);

// A text beside the tensors.
typedef struct rk__safetensors_note {
    const char *key, *value;
} rk__safetensors_note;

// Bytes of the header; fails where rk__safetensors_begin would.
rk_status rk__safetensors_header_bytes(uint64_t *out, const rk_tensor_info *tensors,
                                       size_t n_tensors, const rk__safetensors_note *notes,
                                       size_t n_notes, rk_error *err);

// Writes the header of a file of these tensors. Their bytes (rk_tensor_bytes of each, in this
// order) must follow through rk__output_write.
rk_status rk__safetensors_begin(rk__output *output, const rk_tensor_info *tensors, size_t n_tensors,
                                const rk__safetensors_note *notes, size_t n_notes, rk_error *err);

#endif
