// The option --timings: where the time of a run went.
#ifndef RUN_TIMINGS_H
#define RUN_TIMINGS_H

#include "run/session.h"

// Prints load, prompt, generation, peak memory and the seed on stderr.
void print_timings(const run_session *session, const rk_generate_result *result,
                   const rk_sampler_options *sampling);

#endif
