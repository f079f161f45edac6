// Fuzz target: files of token ids. The first byte says how much of the rest is the .npy or .idx
// file (in parts of 256); what is left is the .bin file.
#include <stdlib.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/token_file.h"

enum { MOST_DOCUMENTS = 64, MOST_TOKENS = 4096 };

static rk_status read_document(const rk_token_file *file, uint64_t document, rk_error *err) {
    static uint32_t tokens[MOST_TOKENS];
    uint64_t n = 0;
    const rk_status status = rk_token_file_length(file, document, &n, err);
    if (status != RK_OK) return status;
    return rk_token_file_read(file, document, n < MOST_TOKENS ? (size_t)n : MOST_TOKENS, tokens,
                              err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    const size_t first = (size - 1) * data[0] / 255;
    const char *path = fuzz_folder_file("tokens.idx");
    fuzz_write(path, data + 1, first);
    fuzz_write(fuzz_folder_file("tokens.bin"), data + 1 + first, size - 1 - first);

    rk_error err = {0};
    rk_token_file *file = NULL;
    memory_watch_begin();
    const bool known = rk_token_file_recognize(path);
    rk_status status = rk_token_file_open(&file, path, &err);
    fuzz_require(status != RK_OK || known, "what can be opened is recognized");
    const uint64_t n = status == RK_OK ? rk_token_file_documents(file) : 0;
    for (uint64_t i = 0; i < n && i < MOST_DOCUMENTS && status == RK_OK; i++) {
        status = read_document(file, i, &err);
    }
    rk_token_file_close(&file);
    if (status != RK_OK) {
        probe_error(status, &err);
        fuzz_require(memory_watch_peak() <= probe_memory_limit(size),
                     "refusing takes less than 64 MB");
    }
    return 0;
}
