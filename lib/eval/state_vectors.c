// Vectors taken out of the flat form of a state.
#include "rk/embed.h"

#include <string.h>

#include "base/memory.h"

// The rows of a layer of RWKV-4's flat state, n_embd floats each.
enum { FFN_XX, ATT_XX, AA, BB, PP, ROWS };

static const char *const names[RK_STATE_VECTOR_COUNT] = {[RK_STATE_ATT_XX] = "att_xx",
                                                         [RK_STATE_FFN_XX] = "ffn_xx",
                                                         [RK_STATE_AA] = "aa",
                                                         [RK_STATE_BB] = "bb",
                                                         [RK_STATE_AA_OVER_BB] = "aa/bb"};

const char *rk_state_vector_name(rk_state_vector vector) {
    return names[vector];
}

bool rk_state_vector_parse(rk_state_vector *out, const char *name, size_t length) {
    for (size_t i = 0; i < RK_STATE_VECTOR_COUNT; i++) {
        if (strlen(names[i]) != length || memcmp(names[i], name, length) != 0) continue;
        *out = (rk_state_vector)i;
        return true;
    }
    return false;
}

rk_status rk_state_vectors_length(size_t *out, const rk_model *model, size_t n_vectors,
                                  rk_error *err) {
    *out = 0;
    const rk_model_info *info = rk_model_describe(model);
    if (info->arch != RK_ARCH_RWKV4) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s is %s: state vectors are those of RWKV-4",
                        info->path, info->arch_name);
    }
    size_t rows;
    if (rk_size_mul(&rows, info->dims.n_layer, n_vectors) &&
        rk_size_mul(out, rows, info->dims.n_embd)) {
        return RK_OK;
    }
    return rk__fail(err, RK_ERR_ARGUMENT, "%zu state vectors a layer are too many", n_vectors);
}

static void divide(float *out, const float *a, const float *b, size_t n) {
    // bb is 0 only where no token has been seen, and aa is then too.
    for (size_t i = 0; i < n; i++) out[i] = b[i] == 0 ? 0 : a[i] / b[i];
}

// Writes one vector of a layer, `layer` being its ROWS x n rows of the flat state.
static void take_vector(float *out, const float *layer, rk_state_vector vector, size_t n) {
    static const int rows[RK_STATE_VECTOR_COUNT] = {[RK_STATE_ATT_XX] = ATT_XX,
                                                    [RK_STATE_FFN_XX] = FFN_XX,
                                                    [RK_STATE_AA] = AA,
                                                    [RK_STATE_BB] = BB};
    if (vector == RK_STATE_AA_OVER_BB) {
        divide(out, layer + AA * n, layer + BB * n, n);
    } else {
        memcpy(out, layer + (size_t)rows[vector] * n, n * sizeof(float));
    }
}

static void take_vectors(float *out, const float *flat, const rk_dims *dims,
                         const rk_state_vector *vectors, size_t n_vectors) {
    const size_t n = dims->n_embd;
    for (size_t layer = 0; layer < dims->n_layer; layer++) {
        for (size_t i = 0; i < n_vectors; i++, out += n) {
            take_vector(out, flat + layer * ROWS * n, vectors[i], n);
        }
    }
}

static rk_status check_request(const rk_model *model, const rk_state_vector *vectors,
                               size_t n_vectors, size_t n_floats, rk_error *err) {
    size_t wanted;
    RK_TRY(rk_state_vectors_length(&wanted, model, n_vectors, err));
    if (n_floats != wanted) {
        return rk__fail(err, RK_ERR_SHAPE,
                        "room for %zu floats; %zu vectors a layer of %s have %zu", n_floats,
                        n_vectors, rk_model_describe(model)->path, wanted);
    }
    for (size_t i = 0; i < n_vectors; i++) {
        if ((unsigned)vectors[i] < RK_STATE_VECTOR_COUNT) continue;
        return rk__fail(err, RK_ERR_ARGUMENT, "state vector %u does not exist",
                        (unsigned)vectors[i]);
    }
    return RK_OK;
}

rk_status rk_state_vectors(const rk_state *state, size_t sequence, const rk_state_vector *vectors,
                           size_t n_vectors, float *out, size_t n_floats, rk_error *err) {
    const rk_model *model = rk_state_model(state);
    RK_TRY(check_request(model, vectors, n_vectors, n_floats, err));

    const rk_model_info *info = rk_model_describe(model);
    void *memory;
    RK_TRY(rk__alloc_aligned(&memory, info->state_floats, sizeof(float), err));
    float *flat = memory;
    const rk_status status = rk_state_export(state, sequence, flat, info->state_floats, err);
    if (status == RK_OK) take_vectors(out, flat, &info->dims, vectors, n_vectors);
    rk__free(flat);
    return status;
}
