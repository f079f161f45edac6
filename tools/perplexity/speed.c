// Timing prefill and decode.
#include "perplexity/speed.h"

#include <stdlib.h>

#include "cli/allocate.h"
#include "cli/signals.h"
#include "cli/sizes.h"
#include "rk/statistics.h"

enum { MAX_RUNS = SPEED_DECODE_TOKENS, PREFILL_RUNS = 5, LEAST_RUNS = 3 };
static const double LONG_ENOUGH = 1.0; // seconds after which LEAST_RUNS will do

void speed_fill_tokens(uint32_t *tokens, size_t n, const rk_model *model) {
    const size_t n_vocab = rk_model_describe(model)->dims.n_vocab;
    for (size_t i = 0; i < n; i++) tokens[i] = (uint32_t)((97 * i + 31) % n_vocab);
}

// Feeds `n_tokens` tokens a run and returns in *seconds the median time of a run.
static rk_status time_runs(const bench *b, rk_state *state, const uint32_t *tokens, size_t n_tokens,
                           size_t n_runs, float *logits, double *seconds, rk_error *err) {
    double times[MAX_RUNS];
    size_t done = 0;
    for (double total = 0.0; done < n_runs && (done < LEAST_RUNS || total < LONG_ENOUGH); done++) {
        if (cli_interrupted()) return err->code = RK_ERR_CANCELLED;
        const double start = cli_now();
        const rk_status status =
            rk_eval(b->context, state, tokens, n_tokens, RK_LOGITS_LAST, logits, err);
        if (status != RK_OK) return status;
        times[done] = cli_now() - start;
        total += times[done];
    }
    rk_sort_values(times, done);
    *seconds = rk_percentile(times, done, 0.5);
    return RK_OK;
}

rk_status speed_measure(const bench *b, double *prefill_per_s, double *decode_per_s,
                        rk_error *err) {
    uint32_t tokens[SPEED_PREFILL_TOKENS];
    speed_fill_tokens(tokens, SPEED_PREFILL_TOKENS, b->model);
    float *logits = cli_allocate(rk_model_describe(b->model)->dims.n_vocab, sizeof *logits);
    rk_state *state = NULL;
    double seconds = 0.0;
    rk_status status = rk_state_new(&state, b->model, 1, err);
    if (status != RK_OK) goto out;
    status = time_runs(b, state, tokens, SPEED_PREFILL_TOKENS, PREFILL_RUNS, logits, &seconds, err);
    if (status != RK_OK) goto out;
    *prefill_per_s = SPEED_PREFILL_TOKENS / seconds;
    status = time_runs(b, state, tokens, 1, SPEED_DECODE_TOKENS, logits, &seconds, err);
    *decode_per_s = 1.0 / seconds;
out:
    rk_state_free(&state);
    free(logits);
    return status;
}
