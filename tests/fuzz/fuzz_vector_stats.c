// Fuzz target: statistics files, of 3 columns.
#include <math.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/vector_stats.h"

enum { COLUMNS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rk_vector_stats *stats = NULL;
    rk_error err = {0};
    memory_watch_begin();
    const char *path = fuzz_file(data, size);
    const rk_status status = rk_vector_stats_open(&stats, path, "vectors", COLUMNS, &err);
    if (status != RK_OK) {
        probe_error(status, &err);
        probe_path(status, &err, path);
        fuzz_require(stats == NULL, "a failure gives no statistics");
        fuzz_require(memory_watch_peak() <= probe_memory_limit(size), "refusing takes little");
        return 0;
    }
    fuzz_require(rk_vector_stats_count(stats) > 0, "statistics are of some rows");
    float row[COLUMNS] = {0, -1, 1e30F};
    for (size_t i = 0; i < COLUMNS; i++) {
        fuzz_require(isfinite(rk_vector_stats_mean(stats, i)), "means are finite");
        fuzz_require(rk_vector_stats_deviation(stats, i) >= 0, "deviations are not negative");
    }
    rk_vector_stats_normalise(stats, row);
    rk_vector_stats_add(stats, row);
    rk_vector_stats_free(&stats);
    return 0;
}
