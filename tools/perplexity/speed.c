// Timing prefill and decode.
#include "perplexity/speed.h"

#include <stdlib.h>

#include "cli/allocate.h"
#include "cli/signals.h"
#include "cli/sizes.h"

enum { MAX_RUNS = SPEED_DECODE_TOKENS, PREFILL_RUNS = 5, LEAST_RUNS = 3 };
static const double LONG_ENOUGH = 1.0; // seconds after which LEAST_RUNS will do

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n) {
    qsort(values, n, sizeof *values, compare_doubles);
    return n % 2 != 0 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

// Feeds `n_tokens` tokens a run and returns in *seconds the median time of a run.
static rk_status time_runs(const speed_job *job, const uint32_t *tokens, size_t n_tokens,
                           size_t n_runs, float *logits, double *seconds, rk_error *err) {
    double times[MAX_RUNS];
    size_t done = 0;
    for (double total = 0.0; done < n_runs && (done < LEAST_RUNS || total < LONG_ENOUGH); done++) {
        if (cli_interrupted()) return err->code = RK_ERR_CANCELLED;
        const double start = cli_now();
        const rk_status status =
            rk_eval(job->context, job->state, tokens, n_tokens, RK_LOGITS_LAST, logits, err);
        if (status != RK_OK) return status;
        times[done] = cli_now() - start;
        total += times[done];
    }
    *seconds = median(times, done);
    return RK_OK;
}

rk_status measure_speed(const speed_job *job, double *prefill_per_s, double *decode_per_s,
                        rk_error *err) {
    uint32_t tokens[SPEED_PREFILL_TOKENS];
    for (size_t i = 0; i < SPEED_PREFILL_TOKENS; i++) tokens[i] = job->tokens[i % job->n_tokens];
    float *logits = cli_allocate(rk_model_describe(job->model)->dims.n_vocab, sizeof *logits);
    double seconds = 0.0;
    rk_status status = rk_state_clear(job->state, 0, err);
    if (status != RK_OK) goto out;
    status = time_runs(job, tokens, SPEED_PREFILL_TOKENS, PREFILL_RUNS, logits, &seconds, err);
    if (status != RK_OK) goto out;
    *prefill_per_s = SPEED_PREFILL_TOKENS / seconds;
    status = time_runs(job, tokens, 1, SPEED_DECODE_TOKENS, logits, &seconds, err);
    *decode_per_s = 1.0 / seconds;
out:
    free(logits);
    return status;
}
