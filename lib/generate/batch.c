// Several texts at once: a run for each, and one evaluation for all of them.
#include <string.h>

#include "base/memory.h"
#include "generate/session_internal.h"

// One request's place: a sequence of the batch's state.
typedef struct lane {
    bool active;
    rk_request request;
    rk_generate_options options; // a copy, with a slice that suits a batch
    rk_session session;
    rk_sampler *sampler;
    rk__run run;
} lane;

struct rk_batch {
    rk_context *context;
    const rk_tokenizer *tokenizer;
    rk_state *state; // [n_lanes] sequences
    lane *lanes;
    size_t n_lanes, n_active;
    rk_sequence *sequences; // [n_lanes], of one evaluation
    lane **evaluated;       // [n_lanes], theirs
};

rk_status rk_batch_new(rk_batch **out, rk_context *context, const rk_tokenizer *tokenizer,
                       size_t n_sequences, rk_error *err) {
    rk_batch *b = NULL;
    rk_status status = rk__alloc((void **)&b, 1, sizeof *b, err);
    if (status != RK_OK) goto out;
    b->context = context;
    b->tokenizer = tokenizer;
    b->n_lanes = n_sequences;
    status = rk_state_new(&b->state, rk_context_model(context), n_sequences, err);
    if (status != RK_OK) goto out;
    status = rk__alloc((void **)&b->lanes, n_sequences, sizeof b->lanes[0], err);
    if (status != RK_OK) goto out;
    status = rk__alloc((void **)&b->sequences, n_sequences, sizeof b->sequences[0], err);
    if (status != RK_OK) goto out;
    status = rk__alloc((void **)&b->evaluated, n_sequences, sizeof(lane *), err);
out:
    if (status != RK_OK) rk_batch_free(&b);
    *out = b;
    return status;
}

static void close_lane(rk_batch *b, lane *l) {
    rk__run_end(&l->run);
    rk__session_fini(&l->session);
    rk_sampler_free(&l->sampler);
    if (l->active) b->n_active--;
    l->active = false;
}

void rk_batch_free(rk_batch **batch) {
    rk_batch *b = *batch;
    *batch = NULL;
    if (!b) return;
    for (size_t i = 0; b->lanes && i < b->n_lanes; i++) {
        if (b->lanes[i].active) close_lane(b, &b->lanes[i]);
    }
    rk_state_free(&b->state);
    rk__free(b->lanes);
    rk__free(b->sequences);
    rk__free(b->evaluated);
    rk__free(b);
}

size_t rk_batch_active(const rk_batch *batch) {
    return batch->n_active;
}

size_t rk_batch_room(const rk_batch *batch) {
    return batch->n_lanes - batch->n_active;
}

// ---- joining

static rk_status begin(rk_batch *b, lane *l, size_t sequence, rk_error *err) {
    enum { SLICE = 64 }; // those who draw should not wait long for a prompt
    const rk_request *r = &l->request;
    const size_t n_vocab = rk_model_describe(rk_context_model(b->context))->dims.n_vocab;
    l->options = *r->options;
    if (l->options.slice == 0) l->options.slice = SLICE;
    RK_TRY(rk_sampler_new(&l->sampler, n_vocab, r->sampling, err));
    RK_TRY(rk__session_init(&l->session, b->context, b->tokenizer, b->state, sequence, l->sampler,
                            err));
    RK_TRY(rk__run_begin(&l->run, &l->session, &l->options, err));
    if (r->initial) {
        RK_TRY(rk_state_copy(b->state, sequence, r->initial, r->initial_sequence, err));
    } else {
        RK_TRY(rk_state_clear(b->state, sequence, err));
    }
    uint32_t *tokens;
    size_t n_tokens;
    RK_TRY(rk_tokenizer_encode(b->tokenizer, r->prompt, r->prompt_length, &tokens, &n_tokens, err));
    return rk__run_prompt(&l->run, tokens, n_tokens, err);
}

rk_status rk_batch_add(rk_batch *batch, const rk_request *request, rk_error *err) {
    size_t i = 0;
    while (i < batch->n_lanes && batch->lanes[i].active) i++;
    if (i == batch->n_lanes) {
        return rk__fail(err, RK_ERR_ARGUMENT, "a batch of %zu requests is full", batch->n_lanes);
    }
    lane *l = &batch->lanes[i];
    *l = (lane){.request = *request};
    const rk_status status = begin(batch, l, i, err);
    if (status != RK_OK) {
        close_lane(batch, l);
        return status;
    }
    l->active = true;
    batch->n_active++;
    return RK_OK;
}

// ---- stepping

// The request has ended; its place is free when `done` is called.
static void end(rk_batch *b, lane *l, rk_status status, const rk_error *err) {
    close_lane(b, l);
    const rk_generate_result result = l->run.result;
    if (l->request.done) l->request.done(l->request.user, status, &result, err);
}

static void end_all(rk_batch *b, rk_status status, const rk_error *err) {
    for (size_t i = 0; i < b->n_lanes; i++) {
        if (b->lanes[i].active) end(b, &b->lanes[i], status, err);
    }
}

rk_status rk_batch_step(rk_batch *batch, rk_error *err) {
    size_t n = 0;
    for (size_t i = 0; i < batch->n_lanes; i++) {
        lane *l = &batch->lanes[i];
        if (!l->active || !rk__run_next(&l->run, &batch->sequences[n])) continue;
        batch->evaluated[n++] = l;
    }
    rk_error failure = {0};
    rk_status status = rk_eval_batch(batch->context, batch->state, batch->sequences, n, &failure);
    if (status != RK_OK) {
        end_all(batch, status, &failure);
        if (err) *err = failure;
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        lane *l = batch->evaluated[i];
        status = rk__run_take(&l->run, &failure);
        if (status != RK_OK) {
            end(batch, l, status, &failure);
        } else if (l->run.phase == RK__RUN_DONE) {
            end(batch, l, RK_OK, NULL);
        }
    }
    return RK_OK;
}
