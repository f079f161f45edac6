// Time mixing of RWKV-7 on a GPU. Equations: docs/numerics.md.
#include "cuda/cuda_internal.h"

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
enum { RECEPTANCE, DECAY, KEY, VALUE, RATE, GATE, RESIDUAL, FIRST_VALUE, N_VECTORS };

static void mix(rk__pass *pass) {
    const rk__layer_rwkv7 *w = pass->weights;
    const rk__cuda_input *input = pass->workspace->input;
    const rk__cuda_mix mixes[] = {{w->mix_r, NULL, &input[INPUT_R], w->receptance, NULL},
                                  {w->mix_w, NULL, &input[INPUT_W], w->w.in, NULL},
                                  {w->mix_k, NULL, &input[INPUT_K], w->key, NULL},
                                  {w->mix_v, NULL, &input[INPUT_V], w->value, w->v.in},
                                  {w->mix_a, NULL, &input[INPUT_A], w->a.in, NULL},
                                  {w->mix_g, NULL, &input[INPUT_G], w->g.in, NULL}};
    rk__cuda_norm_mix(pass, w->common.ln1_weight, w->common.ln1_bias, RK__CUDA_ATT_XX, true, mixes,
                      sizeof mixes / sizeof mixes[0]);
}

// The matrices and the low-rank ones; those of the value residual are not in layer 0.
static void multiply(rk__pass *pass) {
    const rk__layer_rwkv7 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    const rk__cuda_input *input = ws->input;
    const rk__cuda_job in[] = {
        {w->receptance, &input[INPUT_R], ws->vector[RECEPTANCE], RK__END_STORE, NULL},
        {w->key, &input[INPUT_K], ws->vector[KEY], RK__END_STORE, NULL},
        {w->value, &input[INPUT_V], ws->vector[VALUE], RK__END_STORE, NULL},
        {w->w.in, &input[INPUT_W], input[INPUT_LOW_W].gpu.x, RK__END_TANH, NULL},
        {w->a.in, &input[INPUT_A], input[INPUT_LOW_A].gpu.x, RK__END_STORE, NULL},
        {w->g.in, &input[INPUT_G], input[INPUT_LOW_G].gpu.x, RK__END_SIGMOID, NULL},
        {w->v.in, &input[INPUT_V], input[INPUT_LOW_V].gpu.x, RK__END_STORE, NULL}};
    rk__cuda_multiply(pass, in, sizeof in / sizeof in[0]);
    const rk__cuda_job out[] = {
        {w->w.out, &input[INPUT_LOW_W], ws->vector[DECAY], RK__END_STORE, NULL},
        {w->a.out, &input[INPUT_LOW_A], ws->vector[RATE], RK__END_STORE, NULL},
        {w->g.out, &input[INPUT_LOW_G], ws->vector[GATE], RK__END_STORE, NULL},
        {w->v.out, &input[INPUT_LOW_V], ws->vector[RESIDUAL], RK__END_STORE, NULL}};
    const size_t n_out = sizeof out / sizeof out[0];
    for (size_t i = 0; i < n_out; i++) {
        if (out[i].matrix != NULL) rk__cuda_round(pass, out[i].input, out[i].matrix);
    }
    rk__cuda_multiply(pass, out, n_out);
}

static void time_mixing(rk__pass *pass) {
    const rk__layer_rwkv7 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    const rk__cuda_input *y = &ws->input[INPUT_R]; // its matrix has been multiplied by then
    mix(pass);
    multiply(pass);
    const rk__gpu_wkv7 wkv = {.heads = rk__cuda_heads(pass, w->ln_x_weight, w->ln_x_bias, y->gpu.x),
                              .r = ws->vector[RECEPTANCE],
                              .k = ws->vector[KEY],
                              .v = ws->vector[VALUE],
                              .gate = ws->vector[GATE],
                              .decay = ws->vector[DECAY],
                              .rate = ws->vector[RATE],
                              .residual = w->v.in == NULL ? NULL : ws->vector[RESIDUAL],
                              .first_value = ws->vector[FIRST_VALUE],
                              .w0 = w->w0,
                              .a0 = w->a0,
                              .v0 = w->v0,
                              .k_k = w->k_k,
                              .k_a = w->k_a,
                              .r_k = w->r_k};
    if (pass->code == 0) pass->code = rk__gpu_wkv7_run(ws->stream, &wkv);
    rk__cuda_round(pass, y, w->output);
    const rk__cuda_job output = {w->output, y, ws->x, RK__END_ADD, NULL};
    rk__cuda_multiply(pass, &output, 1);
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

const rk__cuda_version rk__cuda_rwkv7 = {.arch = RK_ARCH_RWKV7,
                                         .n_inputs = N_INPUTS,
                                         .n_vectors = N_VECTORS,
                                         .input_width = input_width,
                                         .shifts_towards_previous = true,
                                         .hands_on_value = true,
                                         .first_value = FIRST_VALUE,
                                         .time_mixing = time_mixing};
