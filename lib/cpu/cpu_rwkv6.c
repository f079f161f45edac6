// A layer of RWKV-6 on the CPU. Equations: docs/numerics.md.
#include "cpu/cpu_internal.h"

#include <string.h>

// Inputs of products: the five mixes in the order of rk__layer_rwkv6, then the data-dependent token
// shift's own, its low-rank values (all together, and cut in five), and those of the decay.
enum {
    INPUT_X = RK__RWKV6_MIXES,
    INPUT_LOW,
    INPUT_LOW_MIX,
    INPUT_LOW_DECAY = INPUT_LOW_MIX + RK__RWKV6_MIXES,
    N_INPUTS
};

// What else a token leaves between the steps: five vectors that first hold what is added to the
// mixing weights, then the matrices' outputs.
enum { DECAY, KEY, VALUE, RECEPTANCE, GATE, N_VECTORS };
_Static_assert((int)DECAY == (int)RK__RWKV6_W && (int)GATE == (int)RK__RWKV6_G, "the same order");

static void norm(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__norm_tokens(pass, pass->common->ln1_weight, pass->common->ln1_bias, thread, n_threads);
}

// ---- the data-dependent token shift

static void mix_x_token(const rk__pass *pass, const rk__span *span, size_t token) {
    const rk__layer_rwkv6 *w = pass->weights;
    const float *previous = rk__previous(pass, span, token, RK__STATE_ATT_XX);
    rk__mix_token(pass, token, previous, w->maa_x, w->maa_in, &pass->workspace->input[INPUT_X]);
}

static void mix_x(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__for_tokens(pass, thread, n_threads, mix_x_token);
}

// tanh of the low-rank values, cut into the inputs of the five matrices that follow.
static void spread_low_token(const rk__pass *pass, const rk__span *span, size_t token) {
    (void)span;
    const rk__layer_rwkv6 *w = pass->weights;
    const rk__kernels *kernels = &pass->stage->kernels;
    const rk__input *low = &pass->workspace->input[INPUT_LOW];
    float *values = low->x + token * low->columns;
    kernels->vector.tanh(values, values, low->columns);
    for (size_t i = 0; i < RK__RWKV6_MIXES; i++) {
        rk__input *part = &pass->workspace->input[INPUT_LOW_MIX + i];
        memcpy(part->x + token * part->columns, values + i * part->columns,
               part->columns * sizeof part->x[0]);
        if (w->maa_out[i]->product.quantized_input) rk__input_round(part, kernels, token, 1);
    }
}

static void spread_low(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__for_tokens(pass, thread, n_threads, spread_low_token);
}

static void mix_token(const rk__pass *pass, const rk__span *span, size_t token) {
    const rk__layer_rwkv6 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    const float *previous = rk__previous(pass, span, token, RK__STATE_ATT_XX);
    const rk__matrix *const readers[RK__RWKV6_MIXES] = {w->decay_in, w->key, w->value,
                                                        w->receptance, w->gate};
    for (size_t i = 0; i < RK__RWKV6_MIXES; i++) {
        float *weight = ws->vector[i] + token * n_embd;
        pass->stage->kernels.vector.add(weight, weight, w->maa[i], n_embd);
        rk__mix_token(pass, token, previous, weight, readers[i], &ws->input[i]);
    }
}

static void mix(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__for_tokens(pass, thread, n_threads, mix_token);
}

static void token_shift(const rk__pass *pass) {
    const rk__layer_rwkv6 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    rk__run_token_step(pass, norm);
    rk__run_token_step(pass, mix_x);
    const rk__input *low = &ws->input[INPUT_LOW];
    const rk__product_job in = {w->maa_in, &ws->input[INPUT_X], low->x, low->columns};
    rk__run_products(pass, &in, 1);
    rk__run_token_step(pass, spread_low);
    rk__product_job out[RK__RWKV6_MIXES];
    for (size_t i = 0; i < RK__RWKV6_MIXES; i++) {
        out[i] =
            (rk__product_job){w->maa_out[i], &ws->input[INPUT_LOW_MIX + i], ws->vector[i], n_embd};
    }
    rk__run_products(pass, out, RK__RWKV6_MIXES);
    rk__run_token_step(pass, mix);
}

// ---- the recurrence

static void activate_decay(const rk__pass *pass, size_t thread, size_t n_threads) {
    const rk__layer_rwkv6 *w = pass->weights;
    rk__input *low = &pass->workspace->input[INPUT_LOW_DECAY];
    const rk__share tokens = rk__share_of(pass->batch->n_tokens, 1, thread, n_threads);
    float *x = low->x + tokens.begin * low->columns;
    pass->stage->kernels.vector.tanh(x, x, (tokens.end - tokens.begin) * low->columns);
    rk__round_tokens(pass, low, w->decay_out, thread, n_threads);
}

// One head over the tokens of one sequence; leaves the output matrix's input in INPUT_X, whose
// matrix has been multiplied by now.
static void run_head(const rk__pass *pass, const rk__span *span, size_t head) {
    const rk__layer_rwkv6 *w = pass->weights;
    const rk__vector *vector = &pass->stage->kernels.vector;
    rk__workspace *ws = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    const size_t n = pass->stage->dims.head_size;
    const size_t c = head * n;
    float *state = rk__head_state(pass, span->sequence, head);
    for (size_t t = span->first; t < span->first + span->count; t++) {
        const size_t at = t * n_embd + c;
        float *y = ws->input[INPUT_X].x + at;
        float *decay = ws->vector[DECAY] + at;
        vector->add(decay, decay, w->decay + c, n);
        vector->exp_of_negative_exp(decay, decay, n);
        vector->wkv6(y, state, ws->vector[RECEPTANCE] + at, ws->vector[KEY] + at,
                     ws->vector[VALUE] + at, w->first + c, decay, n);
        rk__group_norm(pass, y, w->ln_x_weight + c, w->ln_x_bias + c);
        float *gate = ws->vector[GATE] + at;
        vector->silu(gate, gate, n);
        vector->multiply(y, y, gate, n);
    }
}

static void run_heads(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__for_heads(pass, thread, n_threads, run_head);
}

static void round_output(const rk__pass *pass, size_t thread, size_t n_threads) {
    const rk__layer_rwkv6 *w = pass->weights;
    rk__round_tokens(pass, &pass->workspace->input[INPUT_X], w->output, thread, n_threads);
}

static void time_mixing(const rk__pass *pass) {
    const rk__layer_rwkv6 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    token_shift(pass);
    const rk__input *low = &ws->input[INPUT_LOW_DECAY];
    const rk__product_job inputs[] = {
        {w->decay_in, &ws->input[RK__RWKV6_W], low->x, low->columns},
        {w->key, &ws->input[RK__RWKV6_K], ws->vector[KEY], n_embd},
        {w->value, &ws->input[RK__RWKV6_V], ws->vector[VALUE], n_embd},
        {w->receptance, &ws->input[RK__RWKV6_R], ws->vector[RECEPTANCE], n_embd},
        {w->gate, &ws->input[RK__RWKV6_G], ws->vector[GATE], n_embd},
    };
    rk__run_products(pass, inputs, sizeof inputs / sizeof inputs[0]);
    rk__run_token_step(pass, activate_decay);
    const rk__product_job decay = {w->decay_out, low, ws->vector[DECAY], n_embd};
    rk__run_products(pass, &decay, 1);
    rk__run_channel_step(pass, run_heads);
    rk__run_token_step(pass, round_output);
    const rk__product_job output = {w->output, &ws->input[INPUT_X], ws->branch, n_embd};
    rk__run_products(pass, &output, 1);
}

static size_t input_width(const rk_dims *dims, const rk__sizes *sizes, size_t i) {
    if (i == INPUT_LOW) return sizes->of['J'];
    if (i == INPUT_LOW_DECAY) return sizes->of['W'];
    return i >= INPUT_LOW_MIX ? sizes->of['M'] : dims->n_embd;
}

_Static_assert((int)N_INPUTS <= (int)RK__MAX_INPUTS, "the workspace has room");
_Static_assert((int)N_VECTORS <= (int)RK__MAX_VECTORS, "the workspace has room");

const rk__cpu_version rk__cpu_rwkv6 = {
    .arch = RK_ARCH_RWKV6,
    .n_inputs = N_INPUTS,
    .n_vectors = N_VECTORS,
    .input_width = input_width,
    .shifts_towards_previous = true,
    .time_mixing = time_mixing,
};
