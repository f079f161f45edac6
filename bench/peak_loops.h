// The instruction sequences whose throughput is a limit, without anything around them.
#ifndef BENCH_PEAK_LOOPS_H
#define BENCH_PEAK_LOOPS_H

#include "machine_limits.h"

bool bench_peak_exists(bench_limit limit);

// Runs the loop for some tens of microseconds on the calling thread.
void bench_peak_run(bench_limit limit);

// The number of operations of a run.
double bench_peak_operations(bench_limit limit);

#endif
