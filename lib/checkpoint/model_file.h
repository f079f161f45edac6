// Model files ("ggmf"), versions 100 and 101: header constants, type ids and the writer. Layout:
// docs/formats.md.
#ifndef RK_CHECKPOINT_MODEL_FILE_H
#define RK_CHECKPOINT_MODEL_FILE_H

#include "base/file.h"
#include "rk/checkpoint.h"

enum {
    RK__MODEL_FILE_MAGIC = 0x67676d66,
    RK__MODEL_FILE_HEADER_BYTES = 24,
    RK__MODEL_FILE_MAX_DIMS = 3, // 2 in version 100
};

// Header fields after the magic.
typedef struct rk__model_file_header {
    uint32_t version; // 100 or 101
    size_t n_vocab, n_embd, n_layer;
    rk_dtype dtype; // of most matrices
} rk__model_file_header;

// The header of a checkpoint that is a model file. checkpoint.c
const rk__model_file_header *rk__model_file_header_of(const rk_checkpoint *file);

// The type id of a dtype in files of this version, or -1 where it has none; and back (false: no id
// that can be read).
int32_t rk__model_file_type_id(rk_dtype dtype, uint32_t version);
bool rk__model_file_dtype(rk_dtype *out, int32_t id, uint32_t version);

// What a type id that cannot be read stands for ("Q4_K"), or "unknown".
const char *rk__model_file_type_name(int32_t id);

// Writes the header: ERR_ARGUMENT for sizes that do not fit into 31 bits or a type without an id.
rk_status rk__model_file_begin(rk__output *output, const rk__model_file_header *header,
                               rk_error *err);

// Bytes of a record, header and data; fails where rk__model_file_begin_tensor would.
rk_status rk__model_file_record_bytes(uint64_t *out, const rk_tensor_info *tensor, uint32_t version,
                                      rk_error *err);

// Writes a record's header; exactly rk_tensor_bytes(tensor) bytes of data must follow through
// rk__output_write.
rk_status rk__model_file_begin_tensor(rk__output *output, const rk_tensor_info *tensor,
                                      uint32_t version, rk_error *err);

#endif
