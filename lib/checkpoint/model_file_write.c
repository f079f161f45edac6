// Writing model files.
#include "checkpoint/model_file.h"

#include <string.h>

#include "base/memory.h"
#include "tensor/little_endian.h"

// Sizes in model files are signed 32-bit numbers above 0.
static bool is_size(size_t value) {
    return value > 0 && value <= INT32_MAX;
}

rk_status rk__model_file_begin(rk__output *output, const rk__model_file_header *header,
                               rk_error *err) {
    const int32_t type = rk__model_file_type_id(header->dtype, header->version);
    if (type < 0) {
        return rk__fail(err, RK_ERR_ARGUMENT, "model files of version %u have no type %s",
                        header->version, rk_dtype_describe(header->dtype)->name);
    }
    if (!is_size(header->n_vocab) || !is_size(header->n_embd) || !is_size(header->n_layer)) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "n_vocab %zu, n_embed %zu, n_layer %zu do not fit into a model file",
                        header->n_vocab, header->n_embd, header->n_layer);
    }
    uint8_t bytes[RK__MODEL_FILE_HEADER_BYTES];
    rk__store_u32le(bytes, RK__MODEL_FILE_MAGIC);
    rk__store_u32le(bytes + 4, header->version);
    rk__store_u32le(bytes + 8, (uint32_t)header->n_vocab);
    rk__store_u32le(bytes + 12, (uint32_t)header->n_embd);
    rk__store_u32le(bytes + 16, (uint32_t)header->n_layer);
    rk__store_u32le(bytes + 20, (uint32_t)type);
    return rk__output_write(output, bytes, sizeof bytes, err);
}

static rk_status check_tensor(const rk_tensor_info *tensor, uint32_t version, rk_error *err) {
    char shape[RK_SHAPE_TEXT];
    size_t bytes;
    const size_t most = version == 100 ? 2 : RK__MODEL_FILE_MAX_DIMS;
    bool fits = tensor->shape.n_dims >= 1 && tensor->shape.n_dims <= most &&
                rk_tensor_bytes(&bytes, tensor) && is_size(strlen(tensor->name));
    for (size_t i = 0; fits && i < tensor->shape.n_dims; i++) fits = is_size(tensor->shape.dims[i]);
    if (fits && rk__model_file_type_id(tensor->dtype, version) >= 0) return RK_OK;
    return rk__fail(err, RK_ERR_ARGUMENT,
                    "tensor '%.100s' %s %s cannot be in a model file of version %u", tensor->name,
                    rk_dtype_describe(tensor->dtype)->name, rk_shape_format(shape, &tensor->shape),
                    version);
}

rk_status rk__model_file_record_bytes(uint64_t *out, const rk_tensor_info *tensor, uint32_t version,
                                      rk_error *err) {
    RK_TRY(check_tensor(tensor, version, err));
    size_t data;
    (void)rk_tensor_bytes(&data, tensor); // checked
    *out = 12 + 4 * tensor->shape.n_dims + strlen(tensor->name) + (uint64_t)data;
    return RK_OK;
}

rk_status rk__model_file_begin_tensor(rk__output *output, const rk_tensor_info *tensor,
                                      uint32_t version, rk_error *err) {
    RK_TRY(check_tensor(tensor, version, err));
    const size_t n_dims = tensor->shape.n_dims;
    const size_t n_name = strlen(tensor->name);
    uint8_t bytes[12 + 4 * RK__MODEL_FILE_MAX_DIMS];
    rk__store_u32le(bytes, (uint32_t)n_dims);
    rk__store_u32le(bytes + 4, (uint32_t)n_name);
    rk__store_u32le(bytes + 8, (uint32_t)rk__model_file_type_id(tensor->dtype, version));
    // The fastest-running size comes first in the file.
    for (size_t i = 0; i < n_dims; i++) {
        rk__store_u32le(bytes + 12 + 4 * i, (uint32_t)tensor->shape.dims[n_dims - 1 - i]);
    }
    RK_TRY(rk__output_write(output, bytes, 12 + 4 * n_dims, err));
    return rk__output_write(output, tensor->name, n_name, err);
}
