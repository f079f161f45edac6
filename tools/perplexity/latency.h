// How long things take: load, prefill, decode; for several chunk and batch sizes and numbers of
// threads.
#ifndef LATENCY_H
#define LATENCY_H

#include "perplexity/measure.h"

// Fills out->latency, with all numbers of threads that are asked for. Returns an exit code;
// failures have been reported.
int latency_measure(result *out, const bench *b, const measure_job *job);

#endif
