// From texts to embeddings: a batch of states, fed a window of tokens at a time.
//
// The texts of a batch are read one after another; a window may hold the end of one, some whole
// ones and the beginning of another, so that passes over the weights are full whatever the texts'
// lengths are. Each token's values depend on its own text alone (docs/numerics.md).
#include "rk/embed.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "eval/embed_plan.h"

// Tokens between two looks at the caller's progress, and rows of `hidden` that are kept.
enum { WINDOW = 512, DEFAULT_BATCH = 8 };

struct rk_embedder {
    rk__embed_plan plan;
    rk_context *context;
    rk_state *state; // [batch]
    size_t batch;
    rk_sequence *sequences; // [batch], of one window
    float *flat;            // one state
    float *hidden;          // [WINDOW][n_embd], or NULL
    double *sums;           // [batch][n_embd], of hidden
    uint64_t *tally;        // [n_vocab], how often each token came, or NULL
};

// ---- life

static rk_status alloc_rows(rk_embedder *e, rk_error *err) {
    if (e->plan.counts != SIZE_MAX) {
        RK_TRY(rk__alloc((void **)&e->tally, e->plan.dims.n_vocab, sizeof *e->tally, err));
    }
    if (e->plan.hidden == SIZE_MAX) return RK_OK;
    const size_t n_embd = e->plan.dims.n_embd;
    RK_TRY(rk__alloc_aligned((void **)&e->hidden, WINDOW * n_embd, sizeof *e->hidden, err));
    return rk__alloc((void **)&e->sums, e->batch * n_embd, sizeof *e->sums, err);
}

static rk_status fill(rk_embedder *e, rk_model *model, const rk_embed_options *options,
                      rk_error *err) {
    e->batch = options->batch == 0 ? DEFAULT_BATCH : options->batch;
    RK_TRY(rk__embed_plan_init(&e->plan, model, options, err));
    const rk_context_options context = {.pool = options->pool};
    RK_TRY(rk_context_new(&e->context, model, &context, err));
    RK_TRY(rk_state_new(&e->state, model, e->batch, err));
    RK_TRY(rk__alloc((void **)&e->sequences, e->batch, sizeof *e->sequences, err));
    const size_t n_floats = rk_model_describe(model)->state_floats;
    RK_TRY(rk__alloc_aligned((void **)&e->flat, n_floats, sizeof *e->flat, err));
    return alloc_rows(e, err);
}

rk_status rk_embedder_new(rk_embedder **out, rk_model *model, const rk_embed_options *options,
                          rk_error *err) {
    static const rk_embed_options defaults = {0};
    rk_embedder *e = NULL;
    rk_status status = rk__alloc((void **)&e, 1, sizeof *e, err);
    if (status != RK_OK) goto out;
    status = fill(e, model, options == NULL ? &defaults : options, err);
out:
    if (status != RK_OK) rk_embedder_free(&e);
    *out = e;
    return status;
}

void rk_embedder_free(rk_embedder **embedder) {
    rk_embedder *e = *embedder;
    *embedder = NULL;
    if (e == NULL) return;
    rk__embed_plan_fini(&e->plan);
    rk_context_free(&e->context);
    rk_state_free(&e->state);
    rk__free(e->sequences);
    rk__free(e->flat);
    rk__free(e->hidden);
    rk__free(e->sums);
    rk__free(e->tally);
    rk__free(e);
}

size_t rk_embedder_length(const rk_embedder *embedder) {
    return embedder->plan.length;
}

size_t rk_embedder_batch(const rk_embedder *embedder) {
    return embedder->batch;
}

const char *rk_embedder_describe(const rk_embedder *embedder) {
    return embedder->plan.description;
}

// ---- reading

// The texts that are read together, and how far that is.
typedef struct reading {
    rk_embedder *e;
    const rk_embed_text *texts; // [n_texts], n_texts <= batch
    size_t n_texts;
    float *out;             // [n_texts][length]
    size_t current, offset; // the text that comes next, and how much of it has been read
    size_t n_sequences;     // of the window
} reading;

// Which rows of `hidden` a text gives in a window that reads it from `offset` on.
static rk_logits wanted_of(const rk_embedder *e, const rk_embed_text *text, size_t offset,
                           size_t n) {
    if (e->plan.hidden == SIZE_MAX) return RK_LOGITS_NONE;
    if (e->plan.pooling == RK_EMBED_MEAN) return RK_LOGITS_ALL;
    return offset + n == text->n_tokens ? RK_LOGITS_LAST : RK_LOGITS_NONE;
}

// Puts the next window together. Returns its tokens; 0 at the end.
static size_t next_window(reading *r) {
    rk_embedder *e = r->e;
    size_t n_tokens = 0;
    r->n_sequences = 0;
    while (r->current < r->n_texts && n_tokens < WINDOW) {
        const rk_embed_text *text = &r->texts[r->current];
        const size_t left = text->n_tokens - r->offset, room = WINDOW - n_tokens;
        const size_t n = left < room ? left : room;
        const rk_logits wanted = wanted_of(e, text, r->offset, n);
        e->sequences[r->n_sequences++] = (rk_sequence){
            .index = r->current,
            .tokens = text->tokens + r->offset,
            .n_tokens = n,
            .wanted = wanted,
            .hidden = e->hidden == NULL ? NULL : e->hidden + n_tokens * e->plan.dims.n_embd,
        };
        n_tokens += n;
        r->offset += n;
        if (r->offset < text->n_tokens) break;
        r->current++;
        r->offset = 0;
    }
    return n_tokens;
}

static void add_rows(double *sums, const float *rows, size_t n_rows, size_t n) {
    for (size_t t = 0; t < n_rows; t++) {
        for (size_t i = 0; i < n; i++) sums[i] += (double)rows[t * n + i];
    }
}

// Takes what a window left in `hidden`.
static void take_hidden(reading *r) {
    const rk__embed_plan *plan = &r->e->plan;
    const size_t n_embd = plan->dims.n_embd;
    for (size_t i = 0; i < r->n_sequences; i++) {
        const rk_sequence *s = &r->e->sequences[i];
        if (s->wanted == RK_LOGITS_ALL) {
            assert(r->e->sums != NULL); // it comes with `hidden`
            add_rows(r->e->sums + s->index * n_embd, s->hidden, s->n_tokens, n_embd);
        } else if (s->wanted == RK_LOGITS_LAST) {
            memcpy(r->out + s->index * plan->length + plan->hidden, s->hidden,
                   n_embd * sizeof *s->hidden);
        }
    }
}

// What is known of a text when it has been read.
static void finish_hidden_mean(const rk_embedder *e, float *row, size_t index, size_t n_tokens) {
    const size_t n_embd = e->plan.dims.n_embd;
    const double *sums = e->sums + index * n_embd;
    for (size_t i = 0; i < n_embd; i++) {
        row[e->plan.hidden + i] = (float)(sums[i] / (double)n_tokens);
    }
}

static rk_status count_tokens(const rk_embedder *e, float *row, const rk_embed_text *text,
                              rk_error *err) {
    const size_t n_vocab = e->plan.dims.n_vocab;
    memset(e->tally, 0, n_vocab * sizeof *e->tally);
    for (size_t i = 0; i < text->n_tokens; i++) {
        if (text->tokens[i] >= n_vocab) {
            return rk__fail(err, RK_ERR_RANGE, "token %zu is %u of a vocabulary of %zu", i,
                            (unsigned)text->tokens[i], n_vocab);
        }
        e->tally[text->tokens[i]]++;
    }
    for (size_t i = 0; i < n_vocab; i++) {
        row[e->plan.counts + i] = (float)((double)e->tally[i] / (double)text->n_tokens);
    }
    return RK_OK;
}

static rk_status finish(const reading *r, rk_error *err) {
    const rk_embedder *e = r->e;
    const rk__embed_plan *plan = &e->plan;
    const size_t n_floats = plan->layer_state_floats * plan->dims.n_layer;
    for (size_t i = 0; i < r->n_texts; i++) {
        float *const row = r->out + i * plan->length;
        if (plan->has_layers) {
            RK_TRY(rk_state_export(e->state, i, e->flat, n_floats, err));
            rk__embed_plan_take(plan, row, e->flat);
        }
        if (plan->hidden != SIZE_MAX && plan->pooling == RK_EMBED_MEAN) {
            finish_hidden_mean(e, row, i, r->texts[i].n_tokens);
        }
        if (plan->counts != SIZE_MAX) RK_TRY(count_tokens(e, row, &r->texts[i], err));
    }
    return RK_OK;
}

// ---- the run

// How many tokens of all the texts have been read.
typedef struct overall {
    const rk_progress *progress; // or NULL
    uint64_t done, total;
} overall;

static rk_status report(overall *all, size_t n_tokens, rk_error *err) {
    all->done += n_tokens;
    const rk_progress *p = all->progress;
    if (p == NULL || p->report == NULL || p->report(p->user, all->done, all->total)) return RK_OK;
    return rk__fail(err, RK_ERR_CANCELLED, "cancelled");
}

static rk_status read_batch(reading *r, overall *all, rk_error *err) {
    rk_embedder *e = r->e;
    const bool needs_model = e->plan.has_layers || e->plan.hidden != SIZE_MAX;
    for (size_t i = 0; needs_model && i < r->n_texts; i++) {
        RK_TRY(rk_state_clear(e->state, i, err));
    }
    if (e->sums != NULL) memset(e->sums, 0, e->batch * e->plan.dims.n_embd * sizeof *e->sums);
    for (size_t n = 0; needs_model && (n = next_window(r)) > 0;) {
        RK_TRY(rk_eval_batch(e->context, e->state, e->sequences, r->n_sequences, err));
        take_hidden(r);
        RK_TRY(report(all, n, err));
    }
    return finish(r, err);
}

rk_status rk_embedder_run(rk_embedder *embedder, const rk_embed_text *texts, size_t n_texts,
                          float *out, const rk_progress *progress, rk_error *err) {
    overall all = {.progress = progress};
    for (size_t i = 0; i < n_texts; i++) {
        if (texts[i].n_tokens == 0) {
            return rk__fail(err, RK_ERR_ARGUMENT, "text %zu is empty: it has no embedding", i);
        }
        all.total += texts[i].n_tokens;
    }
    for (size_t i = 0; i < n_texts; i += embedder->batch) {
        const size_t left = n_texts - i;
        reading r = {.e = embedder,
                     .texts = texts + i,
                     .n_texts = left < embedder->batch ? left : embedder->batch,
                     .out = out + i * embedder->plan.length};
        RK_TRY(read_batch(&r, &all, err));
    }
    return RK_OK;
}

rk_status rk_embedder_take(rk_embedder *embedder, const rk_state *state, size_t sequence,
                           float *out, rk_error *err) {
    const rk__embed_plan *plan = &embedder->plan;
    if (plan->hidden != SIZE_MAX || plan->counts != SIZE_MAX) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "a state holds no '%s'",
                        plan->hidden != SIZE_MAX ? "hidden" : "counts");
    }
    const rk_model *model = rk_state_model(state);
    if (model != rk_context_model(embedder->context)) {
        return rk__fail(err, RK_ERR_MISMATCH, "a state of %s, for embeddings of %s",
                        rk_model_describe(model)->path,
                        rk_model_describe(rk_context_model(embedder->context))->path);
    }
    const size_t n_floats = plan->layer_state_floats * plan->dims.n_layer;
    RK_TRY(rk_state_export(state, sequence, embedder->flat, n_floats, err));
    rk__embed_plan_take(plan, out, embedder->flat);
    return RK_OK;
}

rk_status rk_embedding_check(const float *embedding, size_t n, rk_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (isfinite(embedding[i])) continue;
        return rk__fail(err, RK_ERR_RANGE, "value %zu of the embedding is %g", i,
                        (double)embedding[i]);
    }
    return RK_OK;
}
