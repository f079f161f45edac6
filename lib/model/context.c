// Evaluation: cuts what is asked for into passes of bounded size and sends each through the stages.
#include "model/model_internal.h"

#include "base/memory.h"
#include "model/observe.h"

// Tensor cores want more tokens at once than a processor's caches do.
enum { CPU_CHUNK = 64, GPU_CHUNK = 512 };

struct rk_context {
    rk_model *model; // held
    rk_pool *pool;   // borrowed
    size_t max_chunk;
    const rk__observer *observer; // borrowed, or NULL
    rk__workspace *workspaces[RK__MAX_STAGES];
    float *x;           // [max_chunk][n_embd], between stages
    float *first_value; // [max_chunk][n_embd], between stages of RWKV-7
    uint32_t *tokens;   // [max_chunk], of one pass
    rk__span *spans;    // [max_chunk]
    size_t *wanted;     // [max_chunk]
    float **logits;     // [max_chunk]
    size_t *shown;      // [max_chunk]
    float **hidden;     // [max_chunk]
};

static rk_status alloc_buffers(rk_context *c, rk_error *err) {
    const size_t n = c->max_chunk;
    size_t n_floats = 0;
    if (!rk_size_mul(&n_floats, n, c->model->info.dims.n_embd))
        return rk__fail_memory(err, SIZE_MAX);
    RK_TRY(rk__alloc_aligned((void **)&c->x, n_floats, sizeof c->x[0], err));
    if (c->model->n_stages > 1 && c->model->info.arch == RK_ARCH_RWKV7) {
        RK_TRY(rk__alloc_aligned((void **)&c->first_value, n_floats, sizeof c->x[0], err));
    }
    RK_TRY(rk__alloc((void **)&c->tokens, n, sizeof c->tokens[0], err));
    RK_TRY(rk__alloc((void **)&c->spans, n, sizeof c->spans[0], err));
    RK_TRY(rk__alloc((void **)&c->wanted, n, sizeof c->wanted[0], err));
    RK_TRY(rk__alloc((void **)&c->logits, n, sizeof c->logits[0], err));
    RK_TRY(rk__alloc((void **)&c->shown, n, sizeof c->shown[0], err));
    RK_TRY(rk__alloc((void **)&c->hidden, n, sizeof c->hidden[0], err));
    for (size_t i = 0; i < c->model->n_stages; i++) {
        const rk__model_stage *s = &c->model->stages[i];
        RK_TRY(
            s->ops->workspace_new(&c->workspaces[i], s->stage, n, rk_pool_threads(c->pool), err));
    }
    return RK_OK;
}

static size_t default_chunk(const rk_model *model) {
    for (size_t i = 0; i < model->n_stages; i++) {
        if (model->stages[i].ops == &rk__cuda_stage_ops) return GPU_CHUNK;
    }
    return CPU_CHUNK;
}

rk_status rk_context_new(rk_context **out, rk_model *model, const rk_context_options *options,
                         rk_error *err) {
    static const rk_context_options defaults = {0};
    if (options == NULL) options = &defaults;
    rk_context *c = NULL;
    rk_status status = rk__alloc((void **)&c, 1, sizeof *c, err);
    if (status != RK_OK) goto out;
    c->model = rk__model_hold(model);
    c->pool = options->pool;
    c->max_chunk = options->max_chunk == 0 ? default_chunk(model) : options->max_chunk;
    status = alloc_buffers(c, err);
out:
    if (status != RK_OK) rk_context_free(&c);
    *out = c;
    return status;
}

void rk_context_free(rk_context **context) {
    rk_context *c = *context;
    *context = NULL;
    if (c == NULL) return;
    for (size_t i = 0; i < c->model->n_stages; i++) {
        c->model->stages[i].ops->workspace_free(&c->workspaces[i]);
    }
    rk__free(c->x);
    rk__free(c->first_value);
    rk__free(c->tokens);
    rk__free(c->spans);
    rk__free(c->wanted);
    rk__free(c->logits);
    rk__free(c->shown);
    rk__free(c->hidden);
    rk_model_close(&c->model);
    rk__free(c);
}

rk_model *rk_context_model(const rk_context *context) {
    return context->model;
}

void rk__context_observe(rk_context *context, const rk__observer *observer) {
    context->observer = observer;
}

static rk_status check_tokens(const rk_context *c, const rk_sequence *sequence, rk_error *err) {
    const size_t n_vocab = c->model->info.dims.n_vocab;
    for (size_t i = 0; i < sequence->n_tokens; i++) {
        if (sequence->tokens[i] < n_vocab) continue;
        return rk__fail(err, RK_ERR_RANGE, "token %zu is %u; the vocabulary of %s has %zu", i,
                        (unsigned)sequence->tokens[i], c->model->info.path, n_vocab);
    }
    return RK_OK;
}

static rk_status check_arguments(const rk_context *c, const rk_state *state,
                                 const rk_sequence *sequences, size_t n_sequences, rk_error *err) {
    if (state->model != c->model) {
        return rk__fail(err, RK_ERR_MISMATCH, "a state of %s cannot be used with %s",
                        state->model->info.path, c->model->info.path);
    }
    for (size_t i = 0; i < n_sequences; i++) {
        const rk_sequence *s = &sequences[i];
        if (s->index >= state->n_sequences) {
            return rk__fail(err, RK_ERR_ARGUMENT, "sequence %zu of a state that has %zu", s->index,
                            state->n_sequences);
        }
        for (size_t j = 0; j < i; j++) {
            if (sequences[j].index != s->index) continue;
            return rk__fail(err, RK_ERR_ARGUMENT, "sequence %zu is asked for twice", s->index);
        }
        RK_TRY(check_tokens(c, s, err));
    }
    return RK_OK;
}

// What is left to do of a call, and the pass that is being put together.
typedef struct work {
    rk_context *context;
    const rk_sequence *sequences;
    size_t n_sequences;
    size_t current; // the sequence the next tokens are taken from
    size_t offset;  // tokens of it that earlier passes took
    rk__batch batch;
} work;

// Marks what a sequence wants of its tokens [offset, offset + count), which are in the pass from
// `first` on.
static void want_outputs(work *w, const rk_sequence *s, size_t offset, size_t first, size_t count) {
    rk_context *c = w->context;
    const rk_dims *dims = &c->model->info.dims;
    const bool has_last = offset + count == s->n_tokens;
    const bool all = s->wanted == RK_LOGITS_ALL;
    if (s->wanted == RK_LOGITS_NONE || (s->wanted == RK_LOGITS_LAST && !has_last)) return;
    const size_t unwanted = all && s->n_unwanted > offset ? s->n_unwanted - offset : 0;
    for (size_t i = all ? unwanted : count - 1; i < count; i++) {
        const size_t row = all ? offset + i - s->n_unwanted : 0;
        if (s->logits != NULL) {
            c->wanted[w->batch.n_wanted] = first + i;
            c->logits[w->batch.n_wanted++] = s->logits + row * dims->n_vocab;
        }
        if (s->hidden != NULL) {
            c->shown[w->batch.n_shown] = first + i;
            c->hidden[w->batch.n_shown++] = s->hidden + row * dims->n_embd;
        }
    }
}

// Takes `count` tokens of the current sequence into the pass.
static void take_tokens(work *w, size_t count) {
    rk_context *c = w->context;
    const rk_sequence *s = &w->sequences[w->current];
    const size_t first = w->batch.n_tokens;
    for (size_t i = 0; i < count; i++) c->tokens[first + i] = s->tokens[w->offset + i];
    c->spans[w->batch.n_spans++] = (rk__span){.sequence = s->index, .first = first, .count = count};
    w->batch.n_tokens += count;
    want_outputs(w, s, w->offset, first, count);
    w->offset += count;
}

// Puts the next pass together: as many tokens as fit, sequence after sequence. False when nothing
// is left.
static bool next_pass(work *w) {
    rk_context *c = w->context;
    w->batch.n_tokens = w->batch.n_spans = w->batch.n_wanted = w->batch.n_shown = 0;
    while (w->current < w->n_sequences && w->batch.n_tokens < c->max_chunk) {
        const size_t left = w->sequences[w->current].n_tokens - w->offset;
        const size_t room = c->max_chunk - w->batch.n_tokens;
        if (left > 0) take_tokens(w, left < room ? left : room);
        if (w->offset < w->sequences[w->current].n_tokens) break; // the pass is full
        w->current++;
        w->offset = 0;
    }
    return w->batch.n_tokens > 0;
}

static rk_status run_pass(const work *w, rk_state *state, rk_error *err) {
    const rk_model *model = w->context->model;
    for (size_t i = 0; i < model->n_stages; i++) {
        const rk__model_stage *s = &model->stages[i];
        RK_TRY(
            s->ops->forward(s->stage, w->context->workspaces[i], state->parts[i], &w->batch, err));
    }
    return RK_OK;
}

rk_status rk_eval_batch(rk_context *context, rk_state *state, const rk_sequence *sequences,
                        size_t n_sequences, rk_error *err) {
    RK_TRY(check_arguments(context, state, sequences, n_sequences, err));
    work w = {.context = context,
              .sequences = sequences,
              .n_sequences = n_sequences,
              .batch = {.tokens = context->tokens,
                        .spans = context->spans,
                        .x = context->x,
                        .first_value = context->first_value,
                        .wanted = context->wanted,
                        .logits = context->logits,
                        .shown = context->shown,
                        .hidden = context->hidden,
                        .observer = context->observer,
                        .pool = context->pool}};
    while (next_pass(&w)) RK_TRY(run_pass(&w, state, err));
    return RK_OK;
}

rk_status rk_eval(rk_context *context, rk_state *state, const uint32_t *tokens, size_t n_tokens,
                  rk_logits wanted, float *logits, rk_error *err) {
    const rk_sequence sequence = {
        .index = 0, .tokens = tokens, .n_tokens = n_tokens, .wanted = wanted, .logits = logits};
    return rk_eval_batch(context, state, &sequence, 1, err);
}
