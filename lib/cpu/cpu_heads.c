// What the versions with matrix states share: heads, their states, their group norm.
#include "cpu/cpu_internal.h"

float *rk__head_state(const rk__pass *pass, size_t sequence, size_t head) {
    const rk_dims *dims = &pass->stage->dims;
    return rk__pass_state(pass, sequence) + RK__STATE_ROWS * dims->n_embd +
           head * dims->head_size * dims->head_size;
}

void rk__for_heads(const rk__pass *pass, size_t thread, size_t n_threads, rk__head_visitor visit) {
    const rk_dims *dims = &pass->stage->dims;
    const rk__share heads = rk__share_of(dims->n_head, 1, thread, n_threads);
    for (size_t head = heads.begin; head < heads.end; head++) {
        for (size_t i = 0; i < pass->batch->n_spans; i++) {
            visit(pass, &pass->batch->spans[i], head);
        }
    }
    const rk__share channels = {heads.begin * dims->head_size, heads.end * dims->head_size};
    rk__keep_last(pass, channels, RK__STATE_ATT_XX);
}

void rk__group_norm(const rk__pass *pass, float *y, const float *weight, const float *bias) {
    pass->stage->kernels.vector.layer_norm(y, y, weight, bias, pass->stage->dims.head_size,
                                           pass->stage->group_norm_eps);
}
