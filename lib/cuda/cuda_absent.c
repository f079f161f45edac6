// A build without CUDA: no devices, and a stage that cannot be opened.
#include <stdio.h>

#include "cuda/cuda_devices.h"
#include "stage/stage.h"

size_t rk__cuda_device_count(char why[RK__CUDA_WHY]) {
    if (why != NULL) (void)snprintf(why, RK__CUDA_WHY, "this build has no CUDA (RWKV_CUDA=ON)");
    return 0;
}

rk_status rk__cuda_device_describe(rk__cuda_device_info *out, size_t index, rk_error *err) {
    *out = (rk__cuda_device_info){0};
    return rk__fail(err, RK_ERR_DEVICE, "cuda:%zu: this build has no CUDA", index);
}

static rk_status open_stage(rk__stage **out, const rk__weights *weights, rk__stage_part *part,
                            rk_error *err) {
    (void)weights;
    (void)part;
    *out = NULL;
    return rk__fail(err, RK_ERR_DEVICE, "this build has no CUDA");
}

static void close_stage(rk__stage **stage) {
    *stage = NULL;
}

const rk__stage_ops rk__cuda_stage_ops = {
    .device = "cuda", .open = open_stage, .close = close_stage};
