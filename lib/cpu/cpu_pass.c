// What the layers of all versions share: steps on all threads, products, the token shift's memory.
#include "cpu/cpu_internal.h"

#include <string.h>

float *rk__pass_state(const rk__pass *pass, size_t sequence) {
    const rk__stage_state *state = pass->state;
    const size_t n_layers = pass->stage->n_layers;
    return state->data + (sequence * n_layers + pass->layer) * state->layer_floats;
}

typedef struct step_run {
    const rk__pass *pass;
    rk__step step;
} step_run;

static void step_job(void *argument, size_t thread, size_t n_threads) {
    const step_run *run = argument;
    run->step(run->pass, thread, n_threads);
}

// Waking the other threads takes some microseconds, and much longer where others want the
// processors. Work of about as many microseconds is done by the calling thread alone.
enum { FEW_VALUES = 16 * 1024, FEW_WEIGHT_BYTES = 512 * 1024 };

static void run_if_worthwhile(const rk__pass *pass, rk__step step, bool worthwhile) {
    step_run run = {pass, step};
    if (worthwhile) {
        rk_pool_run(pass->batch->pool, step_job, &run);
    } else {
        step(pass, 0, 1);
    }
}

void rk__run_token_step(const rk__pass *pass, rk__step step) {
    const size_t n_tokens = pass->batch->n_tokens;
    run_if_worthwhile(pass, step,
                      n_tokens > 1 && n_tokens * pass->stage->dims.n_embd >= FEW_VALUES);
}

void rk__run_channel_step(const rk__pass *pass, rk__step step) {
    const rk_dims *dims = &pass->stage->dims;
    // A vector register of a state matrix takes about as long as a value of a vector.
    const size_t n_values = pass->batch->n_tokens * dims->n_embd;
    run_if_worthwhile(pass, step, n_values * (1 + dims->head_size / 8) >= FEW_VALUES);
}

static void product_job(void *argument, size_t thread, size_t n_threads) {
    rk__multiply_share(argument, thread, n_threads);
}

static bool is_little_work(const rk__product_job *jobs, size_t n_jobs, size_t n_tokens) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < n_jobs; i++) bytes += rk__matrix_bytes(jobs[i].matrix);
    return bytes * n_tokens < FEW_WEIGHT_BYTES;
}

void rk__run_products(const rk__pass *pass, const rk__product_job *jobs, size_t n_jobs) {
    const rk__batch *batch = pass->batch;
    if (batch->observer != NULL) {
        for (size_t i = 0; i < n_jobs; i++) {
            batch->observer->see(batch->observer->user, jobs[i].matrix->name, jobs[i].input->x,
                                 batch->n_tokens, jobs[i].input->columns);
        }
    }
    rk__multiplication work = {.jobs = jobs,
                               .n_jobs = n_jobs,
                               .n_tokens = batch->n_tokens,
                               .planes = &pass->stage->kernels.planes,
                               .panels = pass->workspace->panels,
                               .panels_bytes = pass->workspace->panels_bytes};
    if (is_little_work(jobs, n_jobs, batch->n_tokens)) {
        product_job(&work, 0, 1);
    } else {
        rk_pool_run(batch->pool, product_job, &work);
    }
}

void rk__norm_tokens(const rk__pass *pass, const float *weight, const float *bias, size_t thread,
                     size_t n_threads) {
    const rk__workspace *w = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    const rk__share tokens = rk__share_of(pass->batch->n_tokens, 1, thread, n_threads);
    for (size_t t = tokens.begin; t < tokens.end; t++) {
        pass->stage->kernels.vector.layer_norm(w->normed + t * n_embd, w->x + t * n_embd, weight,
                                               bias, n_embd, RK__LAYER_NORM_EPS);
    }
}

const float *rk__previous(const rk__pass *pass, const rk__span *span, size_t token,
                          size_t state_row) {
    const size_t n_embd = pass->stage->dims.n_embd;
    if (token > span->first) return pass->workspace->normed + (token - 1) * n_embd;
    return rk__pass_state(pass, span->sequence) + state_row * n_embd;
}

void rk__keep_last(const rk__pass *pass, rk__share share, size_t state_row) {
    const size_t n_embd = pass->stage->dims.n_embd;
    for (size_t i = 0; i < pass->batch->n_spans; i++) {
        const rk__span *span = &pass->batch->spans[i];
        const size_t last = span->first + span->count - 1;
        memcpy(rk__pass_state(pass, span->sequence) + state_row * n_embd + share.begin,
               pass->workspace->normed + last * n_embd + share.begin,
               (share.end - share.begin) * sizeof(float));
    }
}

void rk__for_tokens(const rk__pass *pass, size_t thread, size_t n_threads,
                    rk__token_visitor visit) {
    const rk__share tokens = rk__share_of(pass->batch->n_tokens, 1, thread, n_threads);
    for (size_t i = 0; i < pass->batch->n_spans; i++) {
        const rk__span *span = &pass->batch->spans[i];
        const size_t end = span->first + span->count;
        const size_t from = span->first > tokens.begin ? span->first : tokens.begin;
        const size_t to = end < tokens.end ? end : tokens.end;
        for (size_t t = from; t < to; t++) visit(pass, span, t);
    }
}

void rk__mix_token(const rk__pass *pass, size_t token, const float *previous, const float *weight,
                   const rk__matrix *reader, rk__input *out) {
    const rk__kernels *kernels = &pass->stage->kernels;
    const size_t n_embd = pass->stage->dims.n_embd;
    const size_t at = token * n_embd;
    pass->mix(out->x + at, pass->workspace->normed + at, previous, weight, n_embd);
    if (reader->product.quantized_input) rk__input_round(out, kernels, token, 1);
}

void rk__round_tokens(const rk__pass *pass, rk__input *input, const rk__matrix *reader,
                      size_t thread, size_t n_threads) {
    if (!reader->product.quantized_input) return;
    const rk__share tokens = rk__share_of(pass->batch->n_tokens, 1, thread, n_threads);
    rk__input_round(input, &pass->stage->kernels, tokens.begin, tokens.end - tokens.begin);
}

void rk__add_branch(const rk__pass *pass, size_t thread, size_t n_threads) {
    const rk__workspace *w = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    const rk__share tokens = rk__share_of(pass->batch->n_tokens, 1, thread, n_threads);
    const size_t at = tokens.begin * n_embd;
    pass->stage->kernels.vector.add(w->x + at, w->x + at, w->branch + at,
                                    (tokens.end - tokens.begin) * n_embd);
}
