// Fuzz target: importance matrices, of either layout. What can be read is written in both and read
// again, and merged with itself.
#include <math.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/imatrix.h"

static void check_entry(const rk_imatrix *imatrix, size_t index) {
    const rk_imatrix_entry e = rk_imatrix_at(imatrix, index);
    rk_imatrix_entry found;
    fuzz_require(e.n_channels > 0 && e.group <= e.n_channels, "sizes make sense");
    fuzz_require(rk_imatrix_find(imatrix, e.name, &found), "a matrix is found by its name");
    fuzz_require(found.mean_squares == e.mean_squares, "names are unique");
    for (size_t i = 0; i < e.n_channels; i++) {
        fuzz_require(e.mean_squares[i] >= 0.0F && e.mean_squares[i] < INFINITY,
                     "mean squares are mean squares");
    }
    for (size_t i = 0; e.group > 0 && i < e.n_channels; i++) {
        for (size_t j = i - i % e.group; j <= i; j++) {
            fuzz_require(fabsf(rk_imatrix_product(&e, i, j)) < INFINITY, "products are finite");
        }
    }
}

static void write_and_read(const rk_imatrix *imatrix, rk_imatrix_layout layout) {
    rk_error err = {0};
    rk_imatrix *again = NULL;
    const char *path = fuzz_folder_file("again");
    rk_status status = rk_imatrix_save(imatrix, path, layout, &err);
    if (status != RK_OK) { // counts that the layout has no room for, names that it has none for
        probe_error(status, &err);
        return;
    }
    // Rounding to float32 and FP16 takes no value out of its range, but for the largest ones times
    // the number of calls.
    status = rk_imatrix_load(&again, path, &err);
    if (layout == RK_IMATRIX_DAT && status == RK_ERR_RANGE) return;
    fuzz_require(status == RK_OK, err.message);
    fuzz_require(rk_imatrix_count(again) == rk_imatrix_count(imatrix), "nothing is lost");
    rk_imatrix_free(&again);
}

static void probe_imatrix(rk_imatrix *imatrix) {
    rk_error err = {0};
    fuzz_require(rk_imatrix_count(imatrix) > 0, "a file has matrices");
    for (size_t i = 0; i < rk_imatrix_count(imatrix); i++) check_entry(imatrix, i);
    write_and_read(imatrix, RK_IMATRIX_NPZ);
    write_and_read(imatrix, RK_IMATRIX_DAT);
    fuzz_require(rk_imatrix_merge(imatrix, imatrix, &err) == RK_OK, err.message);
    for (size_t i = 0; i < rk_imatrix_count(imatrix); i++) check_entry(imatrix, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rk_imatrix *imatrix = NULL;
    rk_error err = {0};
    memory_watch_begin();
    const char *path = fuzz_file(data, size);
    const rk_status status = rk_imatrix_load(&imatrix, path, &err);
    if (status == RK_OK) {
        probe_imatrix(imatrix);
        rk_imatrix_free(&imatrix);
        return 0;
    }
    probe_error(status, &err);
    probe_path(status, &err, path);
    fuzz_require(imatrix == NULL, "a failure gives nothing");
    fuzz_require(memory_watch_peak() <= probe_memory_limit(size), "refusing takes little");
    return 0;
}
