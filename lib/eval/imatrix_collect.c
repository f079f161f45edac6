// Collecting an importance matrix: a text runs through the model, and every matrix's input is added
// to the means of what that matrix has seen.
#include <string.h>

#include "base/memory.h"
#include "convert/blas.h"
#include "convert/imatrix_record.h"
#include "model/observe.h"
#include "tensor/blocks.h"

enum { MAX_CHUNK_TOKENS = 256, MAX_CHUNK_BYTES = 32 << 20 };

typedef struct collector {
    rk_imatrix *imatrix;        // borrowed
    const rk__weights *weights; // of the model
    size_t group;               // 0: no moments
    float *rows;                // [tokens][group], a group's inputs: room for `tokens`
    float *columns;             // [group][tokens], the same
    float *products;            // [group][group]
    size_t room;                // tokens that fit
    rk_status status;           // of what was observed
    rk_error error;
} collector;

// ---- one input

static void add_squares(rk__imatrix_record *record, const float *x, size_t n_tokens,
                        rk__imatrix_shares shares) {
    const size_t n = record->n_channels;
    for (size_t i = 0; i < n; i++) {
        double sum = 0.0;
        for (size_t t = 0; t < n_tokens; t++) sum += (double)x[t * n + i] * (double)x[t * n + i];
        record->mean_squares[i] =
            (float)(shares.old * (double)record->mean_squares[i] + shares.each * sum);
    }
}

// Adds the products of channels [first, first + width), a group.
static void add_group(collector *c, rk__imatrix_record *record, const float *x, size_t n_tokens,
                      size_t first, size_t width, rk__imatrix_shares shares) {
    for (size_t t = 0; t < n_tokens; t++) {
        const float *from = x + t * record->n_channels + first;
        memcpy(c->rows + t * width, from, width * sizeof from[0]);
        for (size_t i = 0; i < width; i++) c->columns[i * n_tokens + t] = from[i];
    }
    memset(c->products, 0, width * width * sizeof c->products[0]);
    rk__blas_add_product(c->products, c->columns, c->rows, width, width, n_tokens,
                         (float)shares.each);
    for (size_t i = 0; i < width; i++) {
        float *moments = record->moments + rk__imatrix_products_of(record->group, first + i);
        for (size_t j = 0; j <= i; j++) {
            moments[j] = (float)shares.old * moments[j] + c->products[i * width + j];
        }
    }
}

static rk_status make_room(collector *c, size_t n_tokens, rk_error *err) {
    if (n_tokens <= c->room) return RK_OK;
    rk__free(c->rows);
    rk__free(c->columns);
    c->rows = c->columns = NULL;
    c->room = 0;
    const size_t n = n_tokens * c->group; // both are small
    RK_TRY(rk__alloc_aligned((void **)&c->rows, n, sizeof c->rows[0], err));
    RK_TRY(rk__alloc_aligned((void **)&c->columns, n, sizeof c->columns[0], err));
    c->room = n_tokens;
    return RK_OK;
}

// The name that model files have for a tensor of the model's own file.
static const char *model_file_name(const collector *c, const char *tensor,
                                   char text[RK__NAME_TEXT]) {
    for (size_t i = 0; i < c->weights->plan.n_tensors; i++) {
        const rk__tensor_plan *plan = &c->weights->plan.tensors[i];
        if (strcmp(rk__weights_info(c->weights, plan)->name, tensor) != 0) continue;
        return rk__arch_name(text, plan->row, RK__NAMES_MODEL_FILE, plan->layer);
    }
    return tensor;
}

static rk_status find_record(collector *c, const char *tensor, size_t n_channels,
                             rk__imatrix_record **out, rk_error *err) {
    char text[RK__NAME_TEXT];
    const char *name = model_file_name(c, tensor, text);
    const size_t group = c->group < n_channels ? c->group : n_channels;
    *out = rk__imatrix_record_of(c->imatrix, name, strlen(name));
    if (*out == NULL) {
        return rk__imatrix_add(c->imatrix, name, strlen(name), n_channels,
                               c->group == 0 ? 0 : group, out, err);
    }
    if ((*out)->n_channels == n_channels && (*out)->group == (c->group == 0 ? 0 : group)) {
        return RK_OK;
    }
    return rk__fail(err, RK_ERR_MISMATCH,
                    "%s has been collected with %zu channels in groups of %zu; now it has %zu in "
                    "groups of %zu",
                    name, (*out)->n_channels, (*out)->group, n_channels, c->group == 0 ? 0 : group);
}

static rk_status add_input(collector *c, const char *tensor, const float *x, size_t n_tokens,
                           size_t n_channels, rk_error *err) {
    rk__imatrix_record *record;
    RK_TRY(find_record(c, tensor, n_channels, &record, err));
    RK_TRY(make_room(c, n_tokens, err));
    const rk__imatrix_shares shares = rk__imatrix_count_tokens(record, n_tokens);
    add_squares(record, x, n_tokens, shares);
    for (size_t first = 0; record->group > 0 && first < n_channels; first += record->group) {
        const size_t left = n_channels - first;
        const size_t width = left < record->group ? left : record->group;
        add_group(c, record, x, n_tokens, first, width, shares);
    }
    return RK_OK;
}

static void see(void *user, const char *tensor, const float *x, size_t n_tokens, size_t columns) {
    collector *c = user;
    if (c->status == RK_OK) c->status = add_input(c, tensor, x, n_tokens, columns, &c->error);
}

// ---- the text

static rk_status collector_init(collector *c, rk_imatrix *imatrix, rk_context *context,
                                const rk_imatrix_options *options, rk_error *err) {
    *c = (collector){.imatrix = imatrix, .weights = rk__model_weights(rk_context_model(context))};
    if (options != NULL && options->without_moments) return RK_OK;
    const bool chosen = options != NULL && options->group != 0;
    c->group = chosen ? options->group : RK_IMATRIX_GROUP;
    if (c->group % RK__BLOCK != 0 || c->group > RK_IMATRIX_MAX_GROUP) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "groups of %zu channels; choose a multiple of %d, up to %d", c->group,
                        RK__BLOCK, RK_IMATRIX_MAX_GROUP);
    }
    return rk__alloc_aligned((void **)&c->products, c->group * c->group, sizeof c->products[0],
                             err);
}

static void collector_fini(collector *c) {
    rk__free(c->rows);
    rk__free(c->columns);
    rk__free(c->products);
}

static rk_status check_arguments(const rk_context *context, const rk_state *state,
                                 const uint32_t *tokens, size_t n_tokens, rk_error *err) {
    const rk_model_info *info = rk_model_describe(rk_context_model(context));
    if (n_tokens == 0) return rk__fail(err, RK_ERR_ARGUMENT, "a text without tokens");
    if (rk_state_model(state) != rk_context_model(context)) {
        return rk__fail(err, RK_ERR_MISMATCH, "a state of %s cannot be used with %s",
                        rk_model_describe(rk_state_model(state))->path, info->path);
    }
    for (size_t i = 0; i < n_tokens; i++) {
        if (tokens[i] < info->dims.n_vocab) continue;
        return rk__fail(err, RK_ERR_RANGE,
                        "token %zu of the text is %u; the vocabulary of %s has %zu", i,
                        (unsigned)tokens[i], info->path, info->dims.n_vocab);
    }
    return RK_OK;
}

static size_t choose_chunk(size_t n_vocab) {
    const size_t chunk = MAX_CHUNK_BYTES / sizeof(float) / n_vocab;
    return chunk < 1 ? 1 : chunk < MAX_CHUNK_TOKENS ? chunk : MAX_CHUNK_TOKENS;
}

// All logits are computed, so that the head sees its inputs too.
static rk_status run_text(collector *c, rk_context *context, rk_state *state,
                          const uint32_t *tokens, size_t n_tokens, const rk_progress *progress,
                          rk_error *err) {
    const size_t n_vocab = rk_model_describe(rk_context_model(context))->dims.n_vocab;
    const size_t chunk = choose_chunk(n_vocab);
    float *logits;
    RK_TRY(rk__alloc_aligned((void **)&logits, chunk * n_vocab, sizeof logits[0], err));
    rk_status status = rk_state_clear(state, 0, err);
    for (size_t at = 0; at < n_tokens && status == RK_OK;) {
        const size_t n = n_tokens - at < chunk ? n_tokens - at : chunk;
        status = rk_eval(context, state, tokens + at, n, RK_LOGITS_ALL, logits, err);
        at += n;
        if (status == RK_OK && c->status != RK_OK) {
            status = c->status;
            if (err != NULL) *err = c->error;
        }
        if (status == RK_OK && progress != NULL && progress->report != NULL &&
            !progress->report(progress->user, at, n_tokens)) {
            status =
                rk__fail(err, RK_ERR_CANCELLED, "cancelled after %zu of %zu tokens", at, n_tokens);
        }
    }
    rk__free(logits);
    return status;
}

rk_status rk_imatrix_collect(rk_imatrix *imatrix, rk_context *context, rk_state *state,
                             const uint32_t *tokens, size_t n_tokens,
                             const rk_imatrix_options *options, const rk_progress *progress,
                             rk_error *err) {
    collector c;
    RK_TRY(check_arguments(context, state, tokens, n_tokens, err));
    rk_status status = collector_init(&c, imatrix, context, options, err);
    if (status == RK_OK) {
        const rk__observer observer = {.see = see, .user = &c};
        rk__context_observe(context, &observer);
        status = run_text(&c, context, state, tokens, n_tokens, progress, err);
        rk__context_observe(context, NULL);
    }
    collector_fini(&c);
    return status;
}
