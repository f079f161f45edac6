// Fuzz target: weights files as models. Those that open compute two tokens, and every file is
// converted, to a block format and to float32; what that gives has to be a good file again.
#include <stdlib.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/convert.h"
#include "rk/model.h"

enum { MOST_LOGITS = 1 << 16 };

static void evaluate(rk_model *model) {
    rk_error err = {0};
    rk_context *context = NULL;
    rk_state *state = NULL;
    const rk_model_info *info = rk_model_describe(model);
    const rk_context_options options = {.max_chunk = 2};
    if (info->dims.n_vocab > MOST_LOGITS) return;
    float *logits = malloc(info->dims.n_vocab * sizeof *logits);
    if (!logits) abort();
    const uint32_t tokens[2] = {0, (uint32_t)info->dims.n_vocab - 1};
    rk_status status = rk_context_new(&context, model, &options, &err);
    if (status == RK_OK) status = rk_state_new(&state, model, 1, &err);
    if (status == RK_OK) status = rk_eval(context, state, tokens, 2, RK_LOGITS_LAST, logits, &err);
    if (status != RK_OK) probe_error(status, &err);
    rk_state_free(&state);
    rk_context_free(&context);
    free(logits);
}

static void convert(const char *path, rk_dtype dtype, bool is_model) {
    rk_error err = {0};
    rk_convert_result result;
    const char *output = fuzz_folder_file("converted.bin");
    const rk_convert_options options = {
        .dtype = dtype, .allow_requantize = true, .keep_state = true, .no_sync = true};
    const rk_status status = rk_convert(path, output, &options, &result, &err);
    if (status != RK_OK) {
        probe_error(status, &err);
        return;
    }
    // What does not open as a model for its values may be copied; the layout is right all the same.
    rk_model *model = NULL;
    rk_checkpoint *file = NULL;
    fuzz_require(rk_checkpoint_open(&file, output, &err) == RK_OK, err.message);
    rk_checkpoint_close(&file);
    fuzz_require(!is_model || rk_model_open(&model, output, NULL, &err) == RK_OK, err.message);
    rk_model_close(&model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rk_error err = {0};
    rk_model *model = NULL;
    const char *path = fuzz_file(data, size);
    memory_watch_begin();
    const rk_status status = rk_model_open(&model, path, NULL, &err);
    if (status != RK_OK) {
        probe_error(status, &err);
        probe_path(status, &err, path);
        fuzz_require(memory_watch_peak() <= probe_memory_limit(size),
                     "refusing takes less than 64 MB and the file's size");
    } else {
        evaluate(model);
        rk_model_close(&model);
    }
    convert(path, RK_DTYPE_Q4_0, status == RK_OK);
    convert(path, RK_DTYPE_F32, status == RK_OK);
    return 0;
}
