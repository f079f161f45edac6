// Fuzz target: LoRA adapters, merged into a very small RWKV-6.
#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *base;
    if (!base) base = fuzz_copy_fixture("tiny-rwkv6.bin", "base.bin");
    rk_error err = {0};
    const rk_adapter adapter = {.path = fuzz_file(data, size), .alpha = 16};
    const rk_convert_options options = {
        .dtype = RK_DTYPE_F16, .adapters = &adapter, .n_adapters = 1, .no_sync = true};
    memory_watch_begin();
    const rk_status status = rk_convert(base, fuzz_folder_file("merged.bin"), &options, NULL, &err);
    if (status != RK_OK) {
        probe_error(status, &err);
        fuzz_require(memory_watch_peak() <= probe_memory_limit(size),
                     "refusing takes less than 64 MB and the file's size");
    }
    return 0;
}
