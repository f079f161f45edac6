// Processors whose instructions nobody has written loops for: their limit is the memory's.
#include "peak_loops.h"

bool bench_peak_exists(bench_limit limit) {
    (void)limit;
    return false;
}

void bench_peak_run(bench_limit limit) {
    (void)limit;
}

double bench_peak_operations(bench_limit limit) {
    (void)limit;
    return 0;
}
