// One pass over the layers of a CPU stage: embedding, layers, head.
#include "cpu/cpu_stage_internal.h"

#include <string.h>

// ---- embedding

// Rows may have to be read from the file, which can fail.
static rk_status look_up(const rk__pass *pass, rk_error *err) {
    const rk__matrix *emb = pass->stage->outer.emb;
    const size_t n_embd = pass->stage->dims.n_embd;
    for (size_t t = 0; t < pass->batch->n_tokens; t++) {
        RK_TRY(rk__matrix_row(emb, pass->batch->tokens[t], pass->workspace->row,
                              pass->workspace->x + t * n_embd, err));
    }
    return RK_OK;
}

static void norm_token(const rk__pass *pass, const rk__span *span, size_t token) {
    (void)span;
    const rk__outer_weights *outer = &pass->stage->outer;
    const size_t n_embd = pass->stage->dims.n_embd;
    float *x = pass->workspace->x + token * n_embd;
    pass->stage->kernels.vector.layer_norm(x, x, outer->ln0_weight, outer->ln0_bias, n_embd,
                                           RK__LAYER_NORM_EPS);
}

static void norm_embedding(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__for_tokens(pass, thread, n_threads, norm_token);
}

// ---- head

// The last layer norm of tokens wanted[first .. first + n) as the input of the head.
static void prepare_head(const rk__pass *pass, size_t first, size_t n) {
    const rk__stage *stage = pass->stage;
    const size_t n_embd = stage->dims.n_embd;
    rk__input *input = &pass->workspace->input[0];
    for (size_t i = 0; i < n; i++) {
        const size_t token = pass->batch->wanted[first + i];
        stage->kernels.vector.layer_norm(input->x + i * n_embd, pass->workspace->x + token * n_embd,
                                         stage->outer.ln_out_weight, stage->outer.ln_out_bias,
                                         n_embd, RK__LAYER_NORM_EPS);
    }
    if (stage->outer.head->product.quantized_input) rk__input_round(input, &stage->kernels, 0, n);
}

// The last layer norm where it is wanted as it is.
static void show_hidden(const rk__pass *pass) {
    const rk__stage *stage = pass->stage;
    const size_t n_embd = stage->dims.n_embd;
    for (size_t i = 0; i < pass->batch->n_shown; i++) {
        const float *x = pass->workspace->x + pass->batch->shown[i] * n_embd;
        stage->kernels.vector.layer_norm(pass->batch->hidden[i], x, stage->outer.ln_out_weight,
                                         stage->outer.ln_out_bias, n_embd, RK__LAYER_NORM_EPS);
    }
}

// How many of the wanted logits from `first` on lie one behind the other where they are wanted.
static size_t adjacent_logits(const rk__batch *batch, size_t first, size_t n_vocab) {
    size_t n = 1;
    while (first + n < batch->n_wanted &&
           batch->logits[first + n] == batch->logits[first + n - 1] + n_vocab) {
        n++;
    }
    return n;
}

static void multiply_head(const rk__pass *pass, float *out, size_t n) {
    const rk__product_job job = {pass->stage->outer.head, &pass->workspace->input[0], out,
                                 pass->stage->dims.n_vocab};
    rk__batch tokens = *pass->batch;
    tokens.n_tokens = n;
    rk__pass head = *pass;
    head.batch = &tokens;
    rk__run_products(&head, &job, 1);
}

// The logits that are wanted: straight to their places where these are adjacent, otherwise through
// a tile, since one product over several sequences reads the head's weights once.
static void compute_logits(const rk__pass *pass) {
    const rk__batch *batch = pass->batch;
    const size_t n_vocab = pass->stage->dims.n_vocab;
    for (size_t first = 0; first < batch->n_wanted;) {
        size_t n = adjacent_logits(batch, first, n_vocab);
        const size_t left = batch->n_wanted - first;
        if (n >= RK__LOGITS_TILE || n == left) {
            prepare_head(pass, first, n);
            multiply_head(pass, batch->logits[first], n);
        } else {
            n = left < RK__LOGITS_TILE ? left : RK__LOGITS_TILE;
            prepare_head(pass, first, n);
            multiply_head(pass, pass->workspace->logits, n);
            for (size_t i = 0; i < n; i++) {
                memcpy(batch->logits[first + i], pass->workspace->logits + i * n_vocab,
                       n_vocab * sizeof(float));
            }
        }
        first += n;
    }
}

// ---- the pass

// What the stage before has left, and what the next one wants.
static void take_over(const rk__pass *pass) {
    const rk__cpu_version *version = pass->stage->version;
    const rk__batch *batch = pass->batch;
    const size_t bytes = batch->n_tokens * pass->stage->dims.n_embd * sizeof(float);
    memcpy(pass->workspace->x, batch->x, bytes);
    if (!version->hands_on_value) return;
    memcpy(pass->workspace->vector[version->first_value], batch->first_value, bytes);
}

static void hand_on(const rk__pass *pass) {
    const rk__cpu_version *version = pass->stage->version;
    const rk__batch *batch = pass->batch;
    const size_t bytes = batch->n_tokens * pass->stage->dims.n_embd * sizeof(float);
    memcpy(batch->x, pass->workspace->x, bytes);
    if (!version->hands_on_value) return;
    memcpy(batch->first_value, pass->workspace->vector[version->first_value], bytes);
}

rk_status rk__cpu_forward(const rk__stage *stage, rk__workspace *workspace, rk__stage_state *state,
                          const rk__batch *batch, rk_error *err) {
    const rk__vector *vector = &stage->kernels.vector;
    rk__pass pass = {.stage = stage,
                     .workspace = workspace,
                     .batch = batch,
                     .state = state,
                     .mix = stage->version->shifts_towards_previous ? vector->shift : vector->lerp};
    if (stage->has_embedding) {
        RK_TRY(look_up(&pass, err));
        rk__run_token_step(&pass, norm_embedding);
    } else {
        take_over(&pass);
    }
    for (size_t i = 0; i < stage->n_layers; i++) {
        pass.layer = i;
        pass.weights = stage->layers + i * stage->arch->layer_bytes;
        pass.common = pass.weights;
        stage->version->time_mixing(&pass);
        rk__channel_mixing(&pass);
    }
    if (stage->has_head) {
        compute_logits(&pass);
        show_hidden(&pass);
    } else {
        hand_on(&pass);
    }
    return RK_OK;
}
