// A layer of RWKV-5 on the CPU. Equations: docs/numerics.md.
#include "cpu/cpu_internal.h"

// What a token leaves between the steps.
enum { INPUT_K, INPUT_V, INPUT_R, INPUT_G, N_INPUTS };
enum { KEY, VALUE, RECEPTANCE, GATE, N_VECTORS };

static void norm(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__norm_tokens(pass, pass->common->ln1_weight, pass->common->ln1_bias, thread, n_threads);
}

static void mix_token(const rk__pass *pass, const rk__span *span, size_t token) {
    const rk__layer_rwkv5 *w = pass->weights;
    rk__input *input = pass->workspace->input;
    const float *previous = rk__previous(pass, span, token, RK__STATE_ATT_XX);
    rk__mix_token(pass, token, previous, w->mix_k, w->key, &input[INPUT_K]);
    rk__mix_token(pass, token, previous, w->mix_v, w->value, &input[INPUT_V]);
    rk__mix_token(pass, token, previous, w->mix_r, w->receptance, &input[INPUT_R]);
    if (w->gate != NULL) {
        rk__mix_token(pass, token, previous, w->mix_g, w->gate, &input[INPUT_G]);
    }
}

static void mix(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__for_tokens(pass, thread, n_threads, mix_token);
}

// One head over the tokens of one sequence; leaves the output matrix's input in INPUT_K, whose
// matrix has been multiplied by now.
static void run_head(const rk__pass *pass, const rk__span *span, size_t head) {
    const rk__layer_rwkv5 *w = pass->weights;
    const rk__vector *vector = &pass->stage->kernels.vector;
    rk__workspace *ws = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    const size_t n = pass->stage->dims.head_size;
    const size_t c = head * n;
    float *state = rk__head_state(pass, span->sequence, head);
    for (size_t t = span->first; t < span->first + span->count; t++) {
        const size_t at = t * n_embd + c;
        float *y = ws->input[INPUT_K].x + at;
        vector->wkv6(y, state, ws->vector[RECEPTANCE] + at, ws->vector[KEY] + at,
                     ws->vector[VALUE] + at, w->first + c, w->decay + c, n);
        rk__group_norm(pass, y, w->ln_x_weight + c, w->ln_x_bias + c);
        if (w->gate == NULL) continue;
        float *gate = ws->vector[GATE] + at;
        vector->silu(gate, gate, n);
        vector->multiply(y, y, gate, n);
    }
}

static void run_heads(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__for_heads(pass, thread, n_threads, run_head);
}

static void round_output(const rk__pass *pass, size_t thread, size_t n_threads) {
    const rk__layer_rwkv5 *w = pass->weights;
    rk__round_tokens(pass, &pass->workspace->input[INPUT_K], w->output, thread, n_threads);
}

static void time_mixing(const rk__pass *pass) {
    const rk__layer_rwkv5 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    rk__run_token_step(pass, norm);
    rk__run_token_step(pass, mix);
    const rk__product_job inputs[] = {
        {w->key, &ws->input[INPUT_K], ws->vector[KEY], n_embd},
        {w->value, &ws->input[INPUT_V], ws->vector[VALUE], n_embd},
        {w->receptance, &ws->input[INPUT_R], ws->vector[RECEPTANCE], n_embd},
        {w->gate, &ws->input[INPUT_G], ws->vector[GATE], n_embd}, // the last one: may be absent
    };
    const size_t n_inputs = sizeof inputs / sizeof inputs[0];
    rk__run_products(pass, inputs, w->gate == NULL ? n_inputs - 1 : n_inputs);
    rk__run_channel_step(pass, run_heads);
    rk__run_token_step(pass, round_output);
    const rk__product_job output = {w->output, &ws->input[INPUT_K], ws->branch, n_embd};
    rk__run_products(pass, &output, 1);
}

_Static_assert((int)N_INPUTS <= (int)RK__MAX_INPUTS, "the workspace has room");
_Static_assert((int)N_VECTORS <= (int)RK__MAX_VECTORS, "the workspace has room");

const rk__cpu_version rk__cpu_rwkv5 = {
    .arch = RK_ARCH_RWKV5,
    .n_inputs = N_INPUTS,
    .n_vectors = N_VECTORS,
    .shifts_towards_previous = false,
    .time_mixing = time_mixing,
};
