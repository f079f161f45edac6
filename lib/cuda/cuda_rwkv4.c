// Time mixing of RWKV-4 on a GPU. Equations: docs/numerics.md.
#include "cuda/cuda_internal.h"

enum { INPUT_K, INPUT_V, INPUT_R, N_INPUTS };
enum { KEY, VALUE, RECEPTANCE, N_VECTORS };

static void time_mixing(rk__pass *pass) {
    const rk__layer_rwkv4 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    const rk__cuda_input *input = ws->input;
    const rk__cuda_mix mixes[] = {{w->mix_k, NULL, &input[INPUT_K], w->key, NULL},
                                  {w->mix_v, NULL, &input[INPUT_V], w->value, NULL},
                                  {w->mix_r, NULL, &input[INPUT_R], w->receptance, NULL}};
    rk__cuda_norm_mix(pass, w->common.ln1_weight, w->common.ln1_bias, RK__CUDA_ATT_XX, true, mixes,
                      N_INPUTS);
    const rk__cuda_job jobs[] = {
        {w->key, &input[INPUT_K], ws->vector[KEY], RK__END_STORE, NULL},
        {w->value, &input[INPUT_V], ws->vector[VALUE], RK__END_STORE, NULL},
        {w->receptance, &input[INPUT_R], ws->vector[RECEPTANCE], RK__END_STORE, NULL}};
    rk__cuda_multiply(pass, jobs, sizeof jobs / sizeof jobs[0]);
    // The output's input takes the place of one whose matrix has been multiplied by now.
    const rk__gpu_wkv4 wkv = {.r = ws->vector[RECEPTANCE],
                              .k = ws->vector[KEY],
                              .v = ws->vector[VALUE],
                              .first = w->first,
                              .decay = w->decay,
                              .state = rk__cuda_state_row(pass, RK__CUDA_STATE_ROWS),
                              .sequence_floats = pass->state->sequence_floats,
                              .tokens = pass->tokens,
                              .out = input[INPUT_K].gpu.x,
                              .n_embd = (uint32_t)pass->stage->dims.n_embd};
    if (pass->code == 0) pass->code = rk__gpu_wkv4_run(ws->stream, &wkv);
    rk__cuda_round(pass, &input[INPUT_K], w->output);
    const rk__cuda_job output = {w->output, &input[INPUT_K], ws->x, RK__END_ADD, NULL};
    rk__cuda_multiply(pass, &output, 1);
}

const rk__cuda_version rk__cuda_rwkv4 = {.arch = RK_ARCH_RWKV4,
                                         .n_inputs = N_INPUTS,
                                         .n_vectors = N_VECTORS,
                                         .shifts_towards_previous = false,
                                         .time_mixing = time_mixing};
