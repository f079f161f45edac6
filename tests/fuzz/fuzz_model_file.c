// Fuzz target: model files of versions 100 and 101, as lists of tensors. What they mean is
// fuzz_model's.
#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    probe_checkpoint(fuzz_file(data, size), size);
    return 0;
}
