// The GPUs, for those who choose one.
#include "rk/device.h"

#include <string.h>

#include "cuda/cuda_devices.h"

size_t rk_device_count(void) {
    return rk__cuda_device_count(NULL);
}

const char *rk_device_absence(void) {
    static _Thread_local char why[RK__CUDA_WHY];
    why[0] = '\0';
    if (rk__cuda_device_count(why) > 0) why[0] = '\0';
    return why;
}

rk_status rk_device_describe(rk_device_info *out, size_t index, rk_error *err) {
    rk__cuda_device_info info;
    *out = (rk_device_info){0};
    RK_TRY(rk__cuda_device_describe(&info, index, err));
    memcpy(out->name, info.name, sizeof out->name);
    out->capability = 10 * info.major + info.minor;
    out->total_bytes = info.total_bytes;
    out->free_bytes = info.free_bytes;
    return RK_OK;
}
