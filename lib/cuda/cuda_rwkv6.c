// Time mixing of RWKV-6 on a GPU. Equations: docs/numerics.md.
#include "cuda/cuda_internal.h"

// Inputs of products: the five mixes in the order of rk__layer_rwkv6, then the data-dependent token
// shift's own, its low-rank values cut in five, and those of the decay.
enum {
    INPUT_X = RK__RWKV6_MIXES,
    INPUT_LOW,
    INPUT_LOW_MIX,
    INPUT_LOW_DECAY = INPUT_LOW_MIX + RK__RWKV6_MIXES,
    N_INPUTS
};

// Five vectors that first hold what is added to the mixing weights, then the matrices' outputs.
enum { DECAY, KEY, VALUE, RECEPTANCE, GATE, N_VECTORS };
_Static_assert((int)DECAY == (int)RK__RWKV6_W && (int)GATE == (int)RK__RWKV6_G, "the same order");

// Rows [i rank, (i + 1) rank) of the low-rank matrix, which the five mixes share: its values come
// out as the inputs of five matrices.
static rk__matrix part_of(const rk__matrix *matrix, size_t i, size_t rank) {
    rk__matrix part = *matrix;
    const size_t row_values = matrix->gpu.stride, n_blocks = matrix->gpu.columns / 32;
    const rk_dtype_info *info = rk_dtype_describe(matrix->gpu.dtype);
    part.gpu.rows = (uint32_t)rank;
    if (info->class_ != RK_CLASS_BLOCK) {
        part.gpu.values =
            (const uint8_t *)matrix->gpu.values + i * rank * row_values * info->block_bytes;
        return part;
    }
    const bool has_m = matrix->gpu.dtype == RK_DTYPE_Q4_1 || matrix->gpu.dtype == RK_DTYPE_Q5_1;
    const size_t first = i * rank * n_blocks;
    const size_t code_bytes = matrix->gpu.dtype == RK_DTYPE_Q8_0 ? 32 : 16;
    part.gpu.values = (const uint8_t *)matrix->gpu.values + first * code_bytes;
    part.gpu.steps = matrix->gpu.steps + first * (has_m ? 2 : 1);
    if (matrix->gpu.fifths != NULL) part.gpu.fifths = matrix->gpu.fifths + first;
    return part;
}

static void token_shift(rk__pass *pass) {
    const rk__layer_rwkv6 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    const rk__cuda_input *input = ws->input;
    const rk__cuda_mix mix_x = {w->maa_x, NULL, &input[INPUT_X], w->maa_in, NULL};
    rk__cuda_norm_mix(pass, w->common.ln1_weight, w->common.ln1_bias, RK__CUDA_ATT_XX, false,
                      &mix_x, 1);
    rk__matrix parts[RK__RWKV6_MIXES];
    rk__cuda_job in[RK__RWKV6_MIXES], out[RK__RWKV6_MIXES];
    for (size_t i = 0; i < RK__RWKV6_MIXES; i++) {
        const rk__cuda_input *low = &input[INPUT_LOW_MIX + i];
        parts[i] = part_of(w->maa_in, i, low->columns);
        if (i > 0) parts[i].name = NULL; // observers see the input once
        in[i] = (rk__cuda_job){&parts[i], &input[INPUT_X], low->gpu.x, RK__END_TANH, NULL};
        out[i] = (rk__cuda_job){w->maa_out[i], low, ws->vector[i], RK__END_STORE, NULL};
    }
    rk__cuda_multiply(pass, in, RK__RWKV6_MIXES);
    for (size_t i = 0; i < RK__RWKV6_MIXES; i++) {
        rk__cuda_round(pass, &input[INPUT_LOW_MIX + i], w->maa_out[i]);
    }
    rk__cuda_multiply(pass, out, RK__RWKV6_MIXES);
    const rk__matrix *const readers[] = {w->decay_in, w->key, w->value, w->receptance, w->gate};
    rk__cuda_mix mixes[RK__RWKV6_MIXES];
    for (size_t i = 0; i < RK__RWKV6_MIXES; i++) {
        mixes[i] = (rk__cuda_mix){w->maa[i], ws->vector[i], &input[i], readers[i], NULL};
    }
    rk__cuda_norm_mix(pass, w->common.ln1_weight, w->common.ln1_bias, RK__CUDA_ATT_XX, true, mixes,
                      RK__RWKV6_MIXES);
}

static void time_mixing(rk__pass *pass) {
    const rk__layer_rwkv6 *w = pass->weights;
    rk__workspace *ws = pass->workspace;
    const rk__cuda_input *input = ws->input, *low = &input[INPUT_LOW_DECAY];
    token_shift(pass);
    const rk__cuda_job jobs[] = {
        {w->decay_in, &input[RK__RWKV6_W], low->gpu.x, RK__END_TANH, NULL},
        {w->key, &input[RK__RWKV6_K], ws->vector[KEY], RK__END_STORE, NULL},
        {w->value, &input[RK__RWKV6_V], ws->vector[VALUE], RK__END_STORE, NULL},
        {w->receptance, &input[RK__RWKV6_R], ws->vector[RECEPTANCE], RK__END_STORE, NULL},
        {w->gate, &input[RK__RWKV6_G], ws->vector[GATE], RK__END_STORE, NULL}};
    rk__cuda_multiply(pass, jobs, sizeof jobs / sizeof jobs[0]);
    rk__cuda_round(pass, low, w->decay_out);
    const rk__cuda_job decay = {w->decay_out, low, ws->vector[DECAY], RK__END_STORE, NULL};
    rk__cuda_multiply(pass, &decay, 1);
    const rk__gpu_wkv6 wkv = {
        .heads = rk__cuda_heads(pass, w->ln_x_weight, w->ln_x_bias, input[INPUT_X].gpu.x),
        .r = ws->vector[RECEPTANCE],
        .k = ws->vector[KEY],
        .v = ws->vector[VALUE],
        .gate = ws->vector[GATE],
        .first = w->first,
        .decay = w->decay,
        .token_decay = ws->vector[DECAY]};
    if (pass->code == 0) pass->code = rk__gpu_wkv6_run(ws->stream, &wkv);
    rk__cuda_round(pass, &input[INPUT_X], w->output);
    const rk__cuda_job output = {w->output, &input[INPUT_X], ws->x, RK__END_ADD, NULL};
    rk__cuda_multiply(pass, &output, 1);
}

static size_t input_width(const rk_dims *dims, const rk__sizes *sizes, size_t i) {
    if (i == INPUT_LOW) return 0; // nobody's
    if (i == INPUT_LOW_DECAY) return sizes->of['W'];
    return i >= INPUT_LOW_MIX ? sizes->of['M'] : dims->n_embd;
}

const rk__cuda_version rk__cuda_rwkv6 = {.arch = RK_ARCH_RWKV6,
                                         .n_inputs = N_INPUTS,
                                         .n_vectors = N_VECTORS,
                                         .input_width = input_width,
                                         .shifts_towards_previous = true,
                                         .time_mixing = time_mixing};
