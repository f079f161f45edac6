// Where the time of a run went.
#include "run/timings.h"

#include <stdio.h>

#include "cli/peak_memory.h"
#include "cli/sizes.h"

static void print_load(const loaded_model *m) {
    const rk_model_info *info = rk_model_describe(m->model);
    char weights[CLI_SIZE_TEXT];
    const size_t threads = rk_pool_threads(m->pool);
    fprintf(stderr, "%-9s %7.3f s, %s, %s, %s, %zu thread%s\n", "load", m->load_seconds,
            info->arch_name, info->strategy, cli_size_format(weights, (double)info->weight_bytes),
            threads, threads == 1 ? "" : "s");
}

static void print_rate(const char *what, size_t n_tokens, double seconds) {
    const double rate = seconds > 0.0 ? (double)n_tokens / seconds : 0.0;
    fprintf(stderr, "%-9s %7zu tokens in %.3f s, %.1f tokens/s\n", what, n_tokens, seconds, rate);
}

static void print_memory(void) {
    char peak[CLI_SIZE_TEXT];
    fprintf(stderr, "%-9s %s at most\n", "memory",
            cli_size_format(peak, (double)cli_peak_memory()));
}

void print_timings(const text_job *job, const rk_generate_result *result, uint64_t seed) {
    print_load(job->model);
    print_rate("prompt", result->n_prompt_tokens, result->prompt_seconds);
    print_rate("generated", result->n_drawn_tokens, result->draw_seconds);
    fprintf(stderr, "%-9s ", "sampling");
    sampling_print(stderr, job->sampling, seed);
    fputc('\n', stderr);
    print_memory();
}

void print_total_timings(const loaded_model *model, const text_counts *counts, double seconds) {
    const double rate = seconds > 0.0 ? (double)counts->n_drawn_tokens / seconds : 0.0;
    print_load(model);
    fprintf(stderr,
            "%-9s %7zu texts in %.3f s: %zu tokens of prompts, %zu generated, %.1f of these a "
            "second\n",
            "requests", counts->n_texts, seconds, counts->n_prompt_tokens, counts->n_drawn_tokens,
            rate);
    print_memory();
}
