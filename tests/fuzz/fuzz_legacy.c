// Fuzz target: PyTorch files before zip, whole.
#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    probe_checkpoint(fuzz_file(data, size), size);
    return 0;
}
