// A layer of RWKV-7 on the CPU. Equations: docs/numerics.md.
#include "cpu/cpu_internal.h"

#include <string.h>

// Inputs of products: the six mixes, then the low-rank values of four of them.
enum {
    INPUT_R,
    INPUT_W,
    INPUT_K,
    INPUT_V,
    INPUT_A,
    INPUT_G,
    INPUT_LOW_W,
    INPUT_LOW_A,
    INPUT_LOW_V,
    INPUT_LOW_G,
    N_INPUTS
};

// What else a token leaves between the steps. FIRST_VALUE is that of layer 0 and stays for the
// layers after it.
enum { RECEPTANCE, DECAY, KEY, VALUE, RATE, GATE, RESIDUAL, FIRST_VALUE, REMOVED, N_VECTORS };

// The value residual begins in the second layer of the model.
static bool has_residual(const rk__pass *pass) {
    const rk__layer_rwkv7 *w = pass->weights;
    return w->v.in != NULL;
}

static void norm(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__norm_tokens(pass, pass->common->ln1_weight, pass->common->ln1_bias, thread, n_threads);
}

// An input that two matrices read: rounded when either of them wants it.
static void mix_for_two(const rk__pass *pass, size_t token, const float *previous,
                        const float *weight, const rk__matrix *reader, const rk__matrix *other,
                        rk__input *out) {
    const bool other_rounds = other != NULL && other->product.quantized_input;
    rk__mix_token(pass, token, previous, weight, other_rounds ? other : reader, out);
}

static void mix_token(const rk__pass *pass, const rk__span *span, size_t token) {
    const rk__layer_rwkv7 *w = pass->weights;
    rk__input *input = pass->workspace->input;
    const float *previous = rk__previous(pass, span, token, RK__STATE_ATT_XX);
    rk__mix_token(pass, token, previous, w->mix_r, w->receptance, &input[INPUT_R]);
    rk__mix_token(pass, token, previous, w->mix_w, w->w.in, &input[INPUT_W]);
    rk__mix_token(pass, token, previous, w->mix_k, w->key, &input[INPUT_K]);
    mix_for_two(pass, token, previous, w->mix_v, w->value, w->v.in, &input[INPUT_V]);
    rk__mix_token(pass, token, previous, w->mix_a, w->a.in, &input[INPUT_A]);
    rk__mix_token(pass, token, previous, w->mix_g, w->g.in, &input[INPUT_G]);
}

static void mix(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__for_tokens(pass, thread, n_threads, mix_token);
}

// ---- low-rank values

typedef void (*activation)(float *out, const float *x, size_t n);

// Activates (NULL: leaves) this thread's tokens of a low-rank value, as the input of `reader`.
static void activate_one(const rk__pass *pass, size_t index, activation function,
                         const rk__matrix *reader, size_t thread, size_t n_threads) {
    rk__input *low = &pass->workspace->input[index];
    const rk__share tokens = rk__share_of(pass->batch->n_tokens, 1, thread, n_threads);
    float *x = low->x + tokens.begin * low->columns;
    if (function != NULL) function(x, x, (tokens.end - tokens.begin) * low->columns);
    rk__round_tokens(pass, low, reader, thread, n_threads);
}

static void activate_low(const rk__pass *pass, size_t thread, size_t n_threads) {
    const rk__layer_rwkv7 *w = pass->weights;
    const rk__vector *vector = &pass->stage->kernels.vector;
    activate_one(pass, INPUT_LOW_W, vector->tanh, w->w.out, thread, n_threads);
    activate_one(pass, INPUT_LOW_A, NULL, w->a.out, thread, n_threads);
    activate_one(pass, INPUT_LOW_G, vector->sigmoid, w->g.out, thread, n_threads);
    if (has_residual(pass)) activate_one(pass, INPUT_LOW_V, NULL, w->v.out, thread, n_threads);
}

static void multiply_inputs(const rk__pass *pass) {
    const rk__layer_rwkv7 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    rk__input *input = ws->input;
    const size_t n_embd = pass->stage->dims.n_embd;
    const rk__product_job jobs[] = {
        {w->receptance, &input[INPUT_R], ws->vector[RECEPTANCE], n_embd},
        {w->key, &input[INPUT_K], ws->vector[KEY], n_embd},
        {w->value, &input[INPUT_V], ws->vector[VALUE], n_embd},
        {w->w.in, &input[INPUT_W], input[INPUT_LOW_W].x, input[INPUT_LOW_W].columns},
        {w->a.in, &input[INPUT_A], input[INPUT_LOW_A].x, input[INPUT_LOW_A].columns},
        {w->g.in, &input[INPUT_G], input[INPUT_LOW_G].x, input[INPUT_LOW_G].columns},
        {w->v.in, &input[INPUT_V], input[INPUT_LOW_V].x, input[INPUT_LOW_V].columns},
    };
    const size_t n_jobs = sizeof jobs / sizeof jobs[0]; // the last one is not in layer 0
    rk__run_products(pass, jobs, has_residual(pass) ? n_jobs : n_jobs - 1);
}

static void multiply_low(const rk__pass *pass) {
    const rk__layer_rwkv7 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    const rk__product_job jobs[] = {
        {w->w.out, &ws->input[INPUT_LOW_W], ws->vector[DECAY], n_embd},
        {w->a.out, &ws->input[INPUT_LOW_A], ws->vector[RATE], n_embd},
        {w->g.out, &ws->input[INPUT_LOW_G], ws->vector[GATE], n_embd},
        {w->v.out, &ws->input[INPUT_LOW_V], ws->vector[RESIDUAL], n_embd},
    };
    const size_t n_jobs = sizeof jobs / sizeof jobs[0];
    rk__run_products(pass, jobs, has_residual(pass) ? n_jobs : n_jobs - 1);
}

// ---- the recurrence

// decay = exp(-0.606531 sigmoid(w0 + decay)), rate = sigmoid(a0 + rate), for one head of one token.
static void finish_gates(const rk__pass *pass, size_t at, size_t c) {
    const rk__layer_rwkv7 *w = pass->weights;
    const rk__vector *vector = &pass->stage->kernels.vector;
    const size_t n = pass->stage->dims.head_size;
    float *decay = pass->workspace->vector[DECAY] + at;
    float *rate = pass->workspace->vector[RATE] + at;
    vector->add(decay, decay, w->w0 + c, n);
    vector->rwkv7_decay(decay, decay, n);
    vector->add(rate, rate, w->a0 + c, n);
    vector->sigmoid(rate, rate, n);
}

// v = v + (v_first - v) sigmoid(v0 + residual); in layer 0 this v is v_first.
static void finish_value(const rk__pass *pass, size_t at, size_t c) {
    const rk__layer_rwkv7 *w = pass->weights;
    const rk__vector *vector = &pass->stage->kernels.vector;
    const size_t n = pass->stage->dims.head_size;
    float *value = pass->workspace->vector[VALUE] + at;
    float *first = pass->workspace->vector[FIRST_VALUE] + at;
    if (!has_residual(pass)) {
        memcpy(first, value, n * sizeof value[0]);
        return;
    }
    float *share = pass->workspace->vector[RESIDUAL] + at;
    vector->add(share, share, w->v0 + c, n);
    vector->sigmoid(share, share, n);
    vector->shift(value, value, first, share, n);
}

static void finish_key(const rk__pass *pass, size_t at, size_t c) {
    const rk__layer_rwkv7 *w = pass->weights;
    float *const *vector = pass->workspace->vector;
    pass->stage->kernels.vector.rwkv7_key(vector[KEY] + at, vector[REMOVED] + at, vector[RATE] + at,
                                          w->k_k + c, w->k_a + c, pass->stage->dims.head_size);
}

// y = (GroupNorm(y) + v sum(r k r_k)) g, for one head of one token.
static void finish_output(const rk__pass *pass, float *y, size_t at, size_t c) {
    const rk__layer_rwkv7 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    const size_t n = pass->stage->dims.head_size;
    const rk__vector *vector = &pass->stage->kernels.vector;
    rk__group_norm(pass, y, w->ln_x_weight + c, w->ln_x_bias + c);
    vector->rwkv7_bonus(y, ws->vector[RECEPTANCE] + at, ws->vector[KEY] + at,
                        ws->vector[VALUE] + at, w->r_k + c, n);
    vector->multiply(y, y, ws->vector[GATE] + at, n);
}

// One head over the tokens of one sequence; leaves the output matrix's input in INPUT_R, whose
// matrix has been multiplied by now.
static void run_head(const rk__pass *pass, const rk__span *span, size_t head) {
    rk__workspace *ws = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    const size_t n = pass->stage->dims.head_size;
    const size_t c = head * n;
    float *state = rk__head_state(pass, span->sequence, head);
    for (size_t t = span->first; t < span->first + span->count; t++) {
        const size_t at = t * n_embd + c;
        float *y = ws->input[INPUT_R].x + at;
        finish_gates(pass, at, c);
        finish_value(pass, at, c);
        finish_key(pass, at, c);
        pass->stage->kernels.vector.wkv7(
            y, state, ws->vector[RECEPTANCE] + at, ws->vector[DECAY] + at, ws->vector[KEY] + at,
            ws->vector[VALUE] + at, ws->vector[REMOVED] + at, ws->vector[RATE] + at, n);
        finish_output(pass, y, at, c);
    }
}

static void run_heads(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__for_heads(pass, thread, n_threads, run_head);
}

static void round_output(const rk__pass *pass, size_t thread, size_t n_threads) {
    const rk__layer_rwkv7 *w = pass->weights;
    rk__round_tokens(pass, &pass->workspace->input[INPUT_R], w->output, thread, n_threads);
}

static void time_mixing(const rk__pass *pass) {
    const rk__layer_rwkv7 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    rk__run_token_step(pass, norm);
    rk__run_token_step(pass, mix);
    multiply_inputs(pass);
    rk__run_token_step(pass, activate_low);
    multiply_low(pass);
    rk__run_channel_step(pass, run_heads);
    rk__run_token_step(pass, round_output);
    const rk__product_job output = {w->output, &ws->input[INPUT_R], ws->branch,
                                    pass->stage->dims.n_embd};
    rk__run_products(pass, &output, 1);
}

static size_t input_width(const rk_dims *dims, const rk__sizes *sizes, size_t i) {
    switch (i) {
    case INPUT_LOW_W:
        return sizes->of['W'];
    case INPUT_LOW_A:
        return sizes->of['A'];
    case INPUT_LOW_V:
        return sizes->of['U'];
    case INPUT_LOW_G:
        return sizes->of['G'];
    default:
        return dims->n_embd;
    }
}

_Static_assert((int)N_INPUTS <= (int)RK__MAX_INPUTS, "the workspace has room");
_Static_assert((int)N_VECTORS <= (int)RK__MAX_VECTORS, "the workspace has room");

const rk__cpu_version rk__cpu_rwkv7 = {
    .arch = RK_ARCH_RWKV7,
    .n_inputs = N_INPUTS,
    .n_vectors = N_VECTORS,
    .input_width = input_width,
    .shifts_towards_previous = true,
    .hands_on_value = true,
    .first_value = FIRST_VALUE,
    .time_mixing = time_mixing,
};
