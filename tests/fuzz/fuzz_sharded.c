// Fuzz target: checkpoints in several files. The input is the index; what follows its first zero
// byte, if anything, becomes the second part. The other parts lie beside them, whole.
#include <stdlib.h>
#include <string.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"

// The second part as it should be.
static uint8_t good[4096];
static size_t good_size;
static const char second[] = "part-2.safetensors";

static void prepare(void) {
    unsigned char *data = fuzz_fixture(second, &good_size);
    fuzz_require(good_size <= sizeof good, "the fixture fits");
    memcpy(good, data, good_size);
    free(data);
    (void)fuzz_copy_fixture("part-1.safetensors", "part-1.safetensors");
    (void)fuzz_copy_fixture("part-3.pth", "part-3.pth");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (good_size == 0) prepare();
    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    const size_t index_size = end ? (size_t)(end - data) : size;
    if (end) {
        fuzz_write(fuzz_folder_file(second), end + 1, size - index_size - 1);
    } else {
        fuzz_write(fuzz_folder_file(second), good, good_size);
    }
    const char *index = fuzz_folder_file("model.index.json");
    fuzz_write(index, data, index_size);
    probe_checkpoint(index, size + 4096);
    return 0;
}
