// States as rows of numbers: how far two of them are apart, and whether one holds numbers at all.
#include <math.h>

#include "base/memory.h"
#include "model/model_internal.h"
#include "rk/state_file.h"

rk_status rk_state_compare(const rk_state *a, size_t sequence_a, const rk_state *b,
                           size_t sequence_b, rk_state_difference *difference, rk_error *err) {
    const size_t n = a->model->info.state_floats;
    float *flat = NULL;
    RK_TRY(rk__alloc_aligned((void **)&flat, 2 * n, sizeof flat[0], err));
    double squares = 0.0;
    double squared_differences = 0.0;
    *difference = (rk_state_difference){0};
    rk_status status = rk_state_export(a, sequence_a, flat, n, err);
    if (status == RK_OK) status = rk_state_export(b, sequence_b, flat + n, n, err);
    for (size_t i = 0; status == RK_OK && i < n; i++) {
        const double apart = fabs((double)flat[i] - (double)flat[n + i]);
        if (!(apart <= difference->max_abs)) difference->max_abs = apart;
        squared_differences += apart * apart;
        squares += (double)flat[i] * (double)flat[i];
    }
    if (squared_differences > 0.0 || isnan(squared_differences)) {
        difference->relative = sqrt(squared_differences / squares);
    }
    rk__free(flat);
    return status;
}

rk_status rk__check_state_values(const char *path, const float *flat, size_t n, rk_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (isfinite(flat[i])) continue;
        return rk__fail(err, RK_ERR_RANGE, "%s: value %zu of the state is %g", path, i,
                        (double)flat[i]);
    }
    return RK_OK;
}
