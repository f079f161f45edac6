// Where the time of a run went.
#include "run/timings.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/peak_memory.h"
#include "cli/sizes.h"

static void print_rate(const char *what, size_t n_tokens, double seconds) {
    const double rate = seconds > 0.0 ? (double)n_tokens / seconds : 0.0;
    fprintf(stderr, "%-9s %7zu tokens in %.3f s, %.1f tokens/s\n", what, n_tokens, seconds, rate);
}

void print_timings(const run_session *s, const rk_generate_result *result,
                   const rk_sampler_options *sampling) {
    const rk_model_info *info = rk_model_describe(s->model);
    char weights[CLI_SIZE_TEXT], peak[CLI_SIZE_TEXT];
    const size_t threads = rk_pool_threads(s->pool);
    fprintf(stderr, "%-9s %7.3f s, %s, %s, %s, %zu thread%s\n", "load", s->load_seconds,
            info->arch_name, info->strategy, cli_size_format(weights, (double)info->weight_bytes),
            threads, threads == 1 ? "" : "s");
    print_rate("prompt", result->n_prompt_tokens, result->prompt_seconds);
    print_rate("generated", result->n_drawn_tokens, result->draw_seconds);
    fprintf(stderr, "%-9s temperature %g, top-p %g, seed %" PRIu64 "\n", "sampling",
            sampling->temperature, sampling->top_p, sampling->seed);
    fprintf(stderr, "%-9s %s at most\n", "memory",
            cli_size_format(peak, (double)cli_peak_memory()));
}
