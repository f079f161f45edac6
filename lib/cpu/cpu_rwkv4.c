// A layer of RWKV-4 on the CPU. Equations: docs/numerics.md.
#include "cpu/cpu_internal.h"

// What a token leaves between the steps, and the rows of a layer's state.
enum { INPUT_K, INPUT_V, INPUT_R, N_INPUTS };
enum { KEY, VALUE, RECEPTANCE, N_VECTORS };
enum { STATE_AA = RK__STATE_ROWS, STATE_BB, STATE_PP };

static void norm(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__norm_tokens(pass, pass->common->ln1_weight, pass->common->ln1_bias, thread, n_threads);
}

static void mix_token(const rk__pass *pass, const rk__span *span, size_t token) {
    const rk__layer_rwkv4 *w = pass->weights;
    rk__input *input = pass->workspace->input;
    const float *previous = rk__previous(pass, span, token, RK__STATE_ATT_XX);
    rk__mix_token(pass, token, previous, w->mix_k, w->key, &input[INPUT_K]);
    rk__mix_token(pass, token, previous, w->mix_v, w->value, &input[INPUT_V]);
    rk__mix_token(pass, token, previous, w->mix_r, w->receptance, &input[INPUT_R]);
}

static void mix(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__for_tokens(pass, thread, n_threads, mix_token);
}

// The recurrence over the tokens of one sequence for some channels; leaves sigmoid(r) * wkv in
// INPUT_K, whose matrix has been multiplied by now.
static void run_wkv(const rk__pass *pass, const rk__span *span, rk__share channels) {
    const rk__layer_rwkv4 *w = pass->weights;
    const rk__vector *vector = &pass->stage->kernels.vector;
    rk__workspace *ws = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    const size_t c = channels.begin;
    const size_t n = channels.end - channels.begin;
    float *state = rk__pass_state(pass, span->sequence) + c;
    float *aa = state + STATE_AA * n_embd;
    float *bb = state + STATE_BB * n_embd;
    float *pp = state + STATE_PP * n_embd;
    for (size_t t = span->first; t < span->first + span->count; t++) {
        const size_t at = t * n_embd + c;
        float *out = ws->input[INPUT_K].x + at;
        float *r = ws->vector[RECEPTANCE] + at;
        vector->wkv4(out, aa, bb, pp, ws->vector[KEY] + at, ws->vector[VALUE] + at, w->first + c,
                     w->decay + c, n);
        vector->sigmoid(r, r, n);
        vector->multiply(out, out, r, n);
    }
}

static void wkv(const rk__pass *pass, size_t thread, size_t n_threads) {
    const rk__share channels = rk__share_of(pass->stage->dims.n_embd, 16, thread, n_threads);
    for (size_t i = 0; i < pass->batch->n_spans; i++) {
        run_wkv(pass, &pass->batch->spans[i], channels);
    }
    rk__keep_last(pass, channels, RK__STATE_ATT_XX);
}

static void round_output(const rk__pass *pass, size_t thread, size_t n_threads) {
    const rk__layer_rwkv4 *w = pass->weights;
    rk__round_tokens(pass, &pass->workspace->input[INPUT_K], w->output, thread, n_threads);
}

static void time_mixing(const rk__pass *pass) {
    const rk__layer_rwkv4 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    rk__run_token_step(pass, norm);
    rk__run_token_step(pass, mix);
    const rk__product_job inputs[] = {
        {w->key, &ws->input[INPUT_K], ws->vector[KEY], n_embd},
        {w->value, &ws->input[INPUT_V], ws->vector[VALUE], n_embd},
        {w->receptance, &ws->input[INPUT_R], ws->vector[RECEPTANCE], n_embd},
    };
    rk__run_products(pass, inputs, sizeof inputs / sizeof inputs[0]);
    rk__run_channel_step(pass, wkv);
    rk__run_token_step(pass, round_output);
    const rk__product_job output = {w->output, &ws->input[INPUT_K], ws->branch, n_embd};
    rk__run_products(pass, &output, 1);
}

_Static_assert((int)N_INPUTS <= (int)RK__MAX_INPUTS, "the workspace has room");
_Static_assert((int)N_VECTORS <= (int)RK__MAX_VECTORS, "the workspace has room");

const rk__cpu_version rk__cpu_rwkv4 = {
    .arch = RK_ARCH_RWKV4,
    .n_inputs = N_INPUTS,
    .n_vectors = N_VECTORS,
    .shifts_towards_previous = false,
    .time_mixing = time_mixing,
};
