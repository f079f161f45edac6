// Channel mixing, the second half of a layer: out = sigmoid(R . x_r) * (V . max(K . x_k, 0)^2);
// RWKV-7 has it without the first factor.
#include "cpu/cpu_internal.h"

static void norm(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__add_branch(pass, thread, n_threads);
    rk__norm_tokens(pass, pass->common->ln2_weight, pass->common->ln2_bias, thread, n_threads);
}

static void mix_token(const rk__pass *pass, const rk__span *span, size_t token) {
    const rk__channel_mixing_weights *w = &pass->common->ffn;
    rk__workspace *ws = pass->workspace;
    const float *previous = rk__previous(pass, span, token, RK__STATE_FFN_XX);
    rk__mix_token(pass, token, previous, w->mix_k, w->key, &ws->ffn_key);
    if (w->receptance == NULL) return;
    rk__mix_token(pass, token, previous, w->mix_r, w->receptance, &ws->ffn_receptance);
}

static void mix(const rk__pass *pass, size_t thread, size_t n_threads) {
    rk__for_tokens(pass, thread, n_threads, mix_token);
}

static void activate(const rk__pass *pass, size_t thread, size_t n_threads) {
    const rk__share channels = rk__share_of(pass->stage->dims.n_embd, 16, thread, n_threads);
    rk__keep_last(pass, channels, RK__STATE_FFN_XX);
    rk__input *hidden = &pass->workspace->ffn_hidden;
    const rk__share tokens = rk__share_of(pass->batch->n_tokens, 1, thread, n_threads);
    float *x = hidden->x + tokens.begin * hidden->columns;
    pass->stage->kernels.vector.squared_relu(x, x, (tokens.end - tokens.begin) * hidden->columns);
    rk__round_tokens(pass, hidden, pass->common->ffn.value, thread, n_threads);
}

static void gate(const rk__pass *pass, size_t thread, size_t n_threads) {
    const rk__vector *vector = &pass->stage->kernels.vector;
    const size_t n_embd = pass->stage->dims.n_embd;
    const rk__share tokens = rk__share_of(pass->batch->n_tokens, 1, thread, n_threads);
    const size_t n = (tokens.end - tokens.begin) * n_embd;
    float *receptance = pass->workspace->ffn_gate + tokens.begin * n_embd;
    float *branch = pass->workspace->branch + tokens.begin * n_embd;
    vector->sigmoid(receptance, receptance, n);
    vector->multiply(branch, branch, receptance, n);
}

static void finish(const rk__pass *pass, size_t thread, size_t n_threads) {
    if (pass->common->ffn.receptance != NULL) gate(pass, thread, n_threads);
    rk__add_branch(pass, thread, n_threads);
}

void rk__channel_mixing(const rk__pass *pass) {
    const rk__channel_mixing_weights *w = &pass->common->ffn;
    rk__workspace *ws = pass->workspace;
    const size_t n_embd = pass->stage->dims.n_embd;
    rk__run_token_step(pass, norm);
    rk__run_token_step(pass, mix);
    const rk__product_job inputs[] = {
        {w->key, &ws->ffn_key, ws->ffn_hidden.x, ws->ffn_hidden.columns},
        {w->receptance, &ws->ffn_receptance, ws->ffn_gate, n_embd}, // the last one: may be absent
    };
    const size_t n_inputs = sizeof inputs / sizeof inputs[0];
    rk__run_products(pass, inputs, w->receptance == NULL ? n_inputs - 1 : n_inputs);
    rk__run_token_step(pass, activate);
    const rk__product_job output = {w->value, &ws->ffn_hidden, ws->branch, n_embd};
    rk__run_products(pass, &output, 1);
    rk__run_token_step(pass, finish);
}
