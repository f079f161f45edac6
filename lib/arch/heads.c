// The state of versions with heads: ffn_xx, att_xx, then head after head a matrix of head_size
// squared.
#include <string.h>

#include "arch/arch_internal.h"

size_t rk__head_state_rows(const rk_dims *dims) {
    return 2 + dims->head_size;
}

void rk__head_empty_state(float *state, const rk_dims *dims) {
    memset(state, 0, rk__head_state_rows(dims) * dims->n_embd * sizeof state[0]);
}
