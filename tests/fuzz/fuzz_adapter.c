// Fuzz target: adapters of all kinds, merged into a very small RWKV-6, subtracted from it, and
// merged as far as they fit, into a checkpoint.
#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/convert.h"

#include <math.h>

static void merge(const char *base, const rk_convert_options *options, size_t size) {
    rk_error err = {0};
    memory_watch_begin();
    const rk_status status = rk_convert(base, fuzz_folder_file("merged.bin"), options, NULL, &err);
    if (status == RK_OK) return;
    probe_error(status, &err);
    fuzz_require(memory_watch_peak() <= probe_memory_limit(size),
                 "refusing takes less than 64 MB and the file's size");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *base;
    if (!base) base = fuzz_copy_fixture("tiny-rwkv6.bin", "base.bin");
    rk_adapter adapter = {.path = fuzz_file(data, size), .alpha = 16, .scale = 1};
    rk_convert_options options = {
        .dtype = RK_DTYPE_F16, .adapters = &adapter, .n_adapters = 1, .no_sync = true};
    merge(base, &options, size);
    options.subtract = true;
    merge(base, &options, size);
    // As its own initial values, with the alpha that it claims to have.
    options = (rk_convert_options){.output = RK_OUTPUT_SAFETENSORS,
                                   .keep_dtype = true,
                                   .adapters = &adapter,
                                   .n_adapters = 1,
                                   .allow_unused = true,
                                   .no_sync = true};
    adapter.alpha = NAN;
    adapter.scale = 0.5;
    merge(base, &options, size);
    adapter.init = adapter.path;
    merge(base, &options, size);
    return 0;
}
