// The loss of a text: every token scored with the logits after all tokens before it.
#include "rk/eval.h"

#include <assert.h>
#include <math.h>

#include "base/memory.h"
#include "eval/moments.h"

enum { MAX_CHUNK_TOKENS = 256, MAX_CHUNK_BYTES = 32 << 20 };

double rk_token_loss(const float *logits, size_t n_vocab, uint32_t target) {
    assert(target < n_vocab);
    float largest = -INFINITY;
    for (size_t i = 0; i < n_vocab; i++) {
        if (logits[i] > largest) largest = logits[i];
    }
    double sum = 0; // of exp relative to the largest: between 1 and n_vocab
    for (size_t i = 0; i < n_vocab; i++) sum += exp((double)logits[i] - (double)largest);
    return log(sum) + ((double)largest - (double)logits[target]);
}

// A text on its way through a model.
typedef struct stream {
    rk_context *context;
    rk_state *state;
    const uint32_t *tokens;
    size_t n_tokens, n_vocab;
    size_t chunk;  // tokens computed together
    float *logits; // [chunk][n_vocab]
    rk__moments losses;
} stream;

static rk_status check_tokens(const stream *s, const char *path, rk_error *err) {
    for (size_t i = 0; i < s->n_tokens; i++) {
        if (s->tokens[i] < s->n_vocab) continue;
        return rk__fail(err, RK_ERR_RANGE,
                        "token %zu of the text is %u; the vocabulary of %s has %zu", i,
                        (unsigned)s->tokens[i], path, s->n_vocab);
    }
    return RK_OK;
}

// Everything that can be known to be wrong before the state is touched.
static rk_status check_arguments(const stream *s, rk_error *err) {
    const char *path = rk_model_describe(rk_context_model(s->context))->path;
    if (rk_state_model(s->state) != rk_context_model(s->context)) {
        return rk__fail(err, RK_ERR_MISMATCH, "a state of %s cannot be used with %s",
                        rk_model_describe(rk_state_model(s->state))->path, path);
    }
    if (s->n_tokens < 2) {
        return rk__fail(
            err, RK_ERR_ARGUMENT,
            "a text of %zu tokens has no loss: it takes one to begin with and one to score",
            s->n_tokens);
    }
    return check_tokens(s, path, err);
}

// The logits of a chunk stay within MAX_CHUNK_BYTES, but one token's are always computed.
static size_t choose_chunk(size_t n_tokens, size_t n_vocab) {
    size_t chunk = MAX_CHUNK_BYTES / sizeof(float) / n_vocab;
    if (chunk < 1) chunk = 1;
    if (chunk > MAX_CHUNK_TOKENS) chunk = MAX_CHUNK_TOKENS;
    return chunk < n_tokens ? chunk : n_tokens;
}

static rk_status check_logits(const float *logits, size_t n_vocab, size_t position, rk_error *err) {
    for (size_t i = 0; i < n_vocab; i++) {
        if (isfinite(logits[i])) continue;
        return rk__fail(err, RK_ERR_RANGE,
                        "after token %zu of the text the logit of token %zu is %s", position, i,
                        isnan(logits[i]) ? "NaN" : "infinite");
    }
    return RK_OK;
}

// Evaluates tokens [first, first + count) and scores the ones that follow them.
static rk_status score_chunk(stream *s, size_t first, size_t count, rk_error *err) {
    RK_TRY(rk_eval(s->context, s->state, s->tokens + first, count, RK_LOGITS_ALL, s->logits, err));
    for (size_t i = 0; i < count && first + i + 1 < s->n_tokens; i++) {
        const float *logits = s->logits + i * s->n_vocab;
        RK_TRY(check_logits(logits, s->n_vocab, first + i, err));
        const uint32_t next = s->tokens[first + i + 1];
        rk__moments_add(&s->losses, rk_token_loss(logits, s->n_vocab, next));
    }
    return RK_OK;
}

static rk_status score_all(stream *s, const rk_progress *progress, rk_error *err) {
    for (size_t first = 0; first < s->n_tokens;) {
        const size_t left = s->n_tokens - first;
        const size_t count = left < s->chunk ? left : s->chunk;
        RK_TRY(score_chunk(s, first, count, err));
        first += count;
        if (progress && progress->report && !progress->report(progress->user, first, s->n_tokens)) {
            return rk__fail(err, RK_ERR_CANCELLED, "cancelled after %zu of %zu tokens", first,
                            s->n_tokens);
        }
    }
    return RK_OK;
}

static rk_loss summarize(const rk__moments *losses) {
    const double error = rk__moments_standard_error(losses);
    const double perplexity = exp(losses->mean);
    return (rk_loss){.n_tokens = losses->count,
                     .mean = losses->mean,
                     .standard_error = error,
                     .perplexity = perplexity,
                     .perplexity_error = perplexity * error};
}

rk_status rk_eval_stream(rk_context *context, rk_state *state, const uint32_t *tokens,
                         size_t n_tokens, const rk_progress *progress, rk_loss *loss,
                         rk_error *err) {
    stream s = {.context = context,
                .state = state,
                .tokens = tokens,
                .n_tokens = n_tokens,
                .n_vocab = rk_model_describe(rk_context_model(context))->dims.n_vocab};
    RK_TRY(check_arguments(&s, err));
    s.chunk = choose_chunk(n_tokens, s.n_vocab);

    void *memory;
    RK_TRY(rk__alloc_aligned(&memory, s.chunk * s.n_vocab, sizeof(float), err));
    s.logits = memory;
    rk_status status = rk_state_clear(state, 0, err);
    if (status != RK_OK) goto out;
    status = score_all(&s, progress, err);
    if (status == RK_OK) *loss = summarize(&s.losses);
out:
    rk__free(s.logits);
    return status;
}
