// Fuzz target: checkpoints in several files. The input is the index; what follows its first zero
// byte, if anything, becomes the second part. The other parts lie beside them, whole.
#include <string.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int prepared, second_is_good;
    static const char second[] = "part-2.safetensors";
    if (!prepared) {
        prepared = 1;
        (void)fuzz_copy_fixture("part-1.safetensors", "part-1.safetensors");
        (void)fuzz_copy_fixture("part-3.pth", "part-3.pth");
    }

    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    const size_t index_size = end ? (size_t)(end - data) : size;
    if (end) {
        fuzz_write(fuzz_folder_file(second), end + 1, size - index_size - 1);
    } else if (!second_is_good) {
        (void)fuzz_copy_fixture(second, second);
    }
    second_is_good = end == NULL;
    const char *index = fuzz_folder_file("model.index.json");
    fuzz_write(index, data, index_size);
    probe_checkpoint(index, size + 4096);
    return 0;
}
