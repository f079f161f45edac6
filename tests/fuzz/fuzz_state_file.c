// Fuzz target: state files and tuned initial states, loaded into a state of a very small RWKV-6.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/state_file.h"

enum { N_FLOATS = 80 }; // of the fixture's state: 2 rows of 8 and a head of 8 x 8

static rk_state *open_state(void) {
    rk_error err = {0};
    rk_model *model = NULL;
    rk_state *state = NULL;
    const char *path = fuzz_copy_fixture("tiny-rwkv6.bin", "model.bin");
    fuzz_require(rk_model_open(&model, path, NULL, &err) == RK_OK, err.message);
    fuzz_require(rk_state_new(&state, model, 1, &err) == RK_OK, err.message);
    fuzz_require(rk_model_describe(model)->state_floats == N_FLOATS, "the fixture has 80 floats");
    rk_model_close(&model);
    return state;
}

static void export_state(const rk_state *state, float flat[N_FLOATS]) {
    rk_error err = {0};
    fuzz_require(rk_state_export(state, 0, flat, N_FLOATS, &err) == RK_OK, err.message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static rk_state *state;
    static float before[N_FLOATS], after[N_FLOATS];
    if (!state) state = open_state();
    rk_error err = {0};
    export_state(state, before);
    memory_watch_begin();
    const char *path = fuzz_file(data, size);
    const rk_status status = rk_state_load(state, 0, path, &err);
    const size_t peak = memory_watch_peak();
    export_state(state, after);
    if (status != RK_OK) {
        probe_error(status, &err);
        probe_path(status, &err, path);
        fuzz_require(peak <= probe_memory_limit(size), "refusing takes less than 64 MB");
        fuzz_require(memcmp(before, after, sizeof after) == 0, "a failure leaves the state alone");
    }
    for (size_t i = 0; status == RK_OK && i < N_FLOATS; i++) {
        fuzz_require(isfinite(after[i]), "a state that was loaded is finite");
    }
    return 0;
}
