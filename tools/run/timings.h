// The option --timings: where the time of a run went, on stderr.
#ifndef RUN_TIMINGS_H
#define RUN_TIMINGS_H

#include "run/continue_text.h"

// Load, prompt, generation, the sampler's settings and the seed that was used, peak memory.
void print_timings(const text_job *job, const rk_generate_result *result, uint64_t seed);

// Of many texts generated in `seconds` altogether.
typedef struct text_counts {
    size_t n_texts, n_prompt_tokens, n_drawn_tokens;
} text_counts;
void print_total_timings(const loaded_model *model, const text_counts *counts, double seconds);

#endif
