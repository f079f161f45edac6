// Fuzz target: probes, for vectors of 3 columns.
#include <math.h>
#include <string.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/probe.h"

enum { COLUMNS = 3 };

// A probe that was read speaks of any row, and can be written and read again.
static void use(rk_probe *probe) {
    static const float row[COLUMNS] = {1, -2, 0.5F};
    rk_error err = {0};
    double before, after;
    const size_t class = rk_probe_predict(probe, row, &before);
    fuzz_require(class < rk_probe_classes(probe), "the class is one of the probe's");
    fuzz_require(strlen(rk_probe_class(probe, class)) < SIZE_MAX, "classes have names");
    const char *path = fuzz_folder_file("probe.json");
    fuzz_require(rk_probe_save(probe, "vectors", path, &err) == RK_OK, err.message);
    rk_probe *again = NULL;
    fuzz_require(rk_probe_open(&again, path, "vectors", COLUMNS, &err) == RK_OK, err.message);
    (void)rk_probe_predict(again, row, &after);
    fuzz_require(fabs(before - after) <= 1e-5 * (fabs(before) + 1) || !isfinite(before),
                 "a probe says the same after it was written");
    rk_probe_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rk_probe *probe = NULL;
    rk_error err = {0};
    memory_watch_begin();
    const char *path = fuzz_file(data, size);
    const rk_status status = rk_probe_open(&probe, path, "vectors", COLUMNS, &err);
    if (status != RK_OK) {
        probe_error(status, &err);
        probe_path(status, &err, path);
        fuzz_require(probe == NULL, "a failure gives no probe");
        fuzz_require(memory_watch_peak() <= probe_memory_limit(size), "refusing takes little");
        return 0;
    }
    use(probe);
    rk_probe_free(&probe);
    return 0;
}
