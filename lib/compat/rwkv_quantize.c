// Quantizing through include/rwkv.h.
#include "compat/rwkv_errors.h"

#include "rk/checkpoint.h"
#include "rk/convert.h"

static bool fail(int flags, const char *message) {
    rk__compat_fail(NULL, (enum rwkv_error_flags)flags, message);
    return false;
}

static bool is_block_format(rk_dtype *dtype, const char *name) {
    return rk_dtype_parse(dtype, name) && rk_dtype_describe(*dtype)->class_ == RK_CLASS_BLOCK;
}

static bool holds_blocks(const rk_checkpoint *file) {
    for (size_t i = 0; i < rk_checkpoint_count(file); i++) {
        const rk_dtype dtype = rk_checkpoint_tensor(file, i)->dtype;
        if (rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK) return true;
    }
    return false;
}

// This interface takes float model files only; the library itself would take more.
static bool check_input(const char *path) {
    rk_error err;
    rk_checkpoint *file = NULL;
    const rk_status status = rk_checkpoint_open(&file, path, &err);
    if (status != RK_OK) return fail((int)rk__compat_flags_of_model(status, path), err.message);
    const rk_container container = rk_checkpoint_container(file);
    const bool quantized = holds_blocks(file);
    rk_checkpoint_close(&file);

    if (!rk_container_is_model_file(container)) {
        (void)rk__fail(&err, RK_ERR_FORMAT, "%s: %s, expected a model file", path,
                       rk_container_name(container));
        return fail(RWKV_ERROR_FILE + RWKV_ERROR_FILE_MAGIC, err.message);
    }
    if (quantized) {
        (void)rk__fail(&err, RK_ERR_UNSUPPORTED, "%s: already quantized, expected FP32 or FP16",
                       path);
        return fail(RWKV_ERROR_FILE + RWKV_ERROR_DATA_TYPE, err.message);
    }
    return true;
}

bool rwkv_quantize_model_file(const char *model_file_path_in, const char *model_file_path_out,
                              const char *format_name) {
    rk__compat_forget();
    if (model_file_path_in == NULL || model_file_path_out == NULL || format_name == NULL) {
        return fail(RWKV_ERROR_ARGS, "rwkv_quantize_model_file: an argument is NULL");
    }
    rk_error err;
    rk_convert_options options = {.method = RK_METHOD_ROUND, .mix = RK_MIX_REFERENCE};
    if (!is_block_format(&options.dtype, format_name)) {
        (void)rk__fail(&err, RK_ERR_ARGUMENT, "%s: expected one of Q4_0, Q4_1, Q5_0, Q5_1, Q8_0",
                       format_name);
        return fail(RWKV_ERROR_ARGS + RWKV_ERROR_DATA_TYPE, err.message);
    }
    if (!check_input(model_file_path_in)) return false;
    const rk_status status =
        rk_convert(model_file_path_in, model_file_path_out, &options, NULL, &err);
    switch (status) {
    case RK_OK:
        return true;
    case RK_ERR_IO: // the input was readable a moment ago
        return fail(RWKV_ERROR_FILE + RWKV_ERROR_FILE_WRITE, err.message);
    default:
        return fail((int)rk__compat_flags_of_model(status, model_file_path_in), err.message);
    }
}
