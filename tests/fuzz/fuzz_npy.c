// Fuzz target: NumPy files that are searched.
#include <stdlib.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rk_npy_rows *rows = NULL;
    rk_error err = {0};
    memory_watch_begin();
    const char *path = fuzz_file(data, size);
    const rk_status status = rk_npy_open(&rows, path, &err);
    if (status != RK_OK) {
        probe_error(status, &err);
        probe_path(status, &err, path);
        fuzz_require(rows == NULL, "a failure gives no rows");
        fuzz_require(memory_watch_peak() <= probe_memory_limit(size), "refusing takes little");
        return 0;
    }
    const uint64_t count = rk_npy_count(rows);
    const size_t columns = rk_npy_columns(rows);
    fuzz_require(columns > 0, "rows have columns");
    if (count > 0) {
        fuzz_require(count <= size && columns <= size / count, "the file holds its rows");
        const size_t n = (size_t)count;
        float *values = malloc(n * columns * sizeof *values);
        fuzz_require(values != NULL, "there is memory");
        fuzz_require(rk_npy_read(rows, 0, n, values, &err) == RK_OK, err.message);
        fuzz_require(rk_npy_read(rows, 1, n, values, &err) == RK_ERR_ARGUMENT, "no row beyond");
        free(values);
    }
    rk_npy_close(&rows);
    return 0;
}
