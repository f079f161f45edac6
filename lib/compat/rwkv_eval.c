// Evaluation through include/rwkv.h: flat states in, flat states out.
#include "compat/rwkv_context.h"

#include <inttypes.h>
#include <stdint.h>

static rk_status check_tokens(const struct rwkv_context *ctx, const uint32_t *tokens, size_t n,
                              rk_error *err) {
    const size_t n_vocab = ctx->info->dims.n_vocab;
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] < n_vocab) continue;
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "token %zu of %zu is %" PRIu32 ", expected less than %zu", i, n, tokens[i],
                        n_vocab);
    }
    return RK_OK;
}

static rk_status set_state(struct rwkv_context *ctx, const float *flat, rk_error *err) {
    return flat == NULL ? rk_state_clear(ctx->state, 0, err)
                        : rk_state_import(ctx->state, 0, flat, ctx->info->state_floats, err);
}

// The outputs are written after everything else has succeeded.
static rk_status evaluate(struct rwkv_context *ctx, const uint32_t *tokens, size_t n, size_t chunk,
                          const float *state_in, float *state_out, float *logits, rk_error *err) {
    if (n == 0) return rk__fail(err, RK_ERR_ARGUMENT, "0 tokens, expected at least 1");
    if (chunk == 0)
        return rk__fail(err, RK_ERR_ARGUMENT, "chunks of 0 tokens, expected at least 1");
    if (tokens == NULL) return RK_OK;
    RK_TRY(check_tokens(ctx, tokens, n, err));
    RK_TRY(set_state(ctx, state_in, err));
    for (size_t first = 0; first < n;) {
        const size_t left = n - first;
        const size_t count = chunk < left ? chunk : left;
        const rk_logits wanted = count == left && logits != NULL ? RK_LOGITS_LAST : RK_LOGITS_NONE;
        RK_TRY(rk_eval(ctx->context, ctx->state, tokens + first, count, wanted, logits, err));
        first += count;
    }
    if (state_out == NULL) return RK_OK;
    return rk_state_export(ctx->state, 0, state_out, ctx->info->state_floats, err);
}

bool rwkv_eval_sequence_in_chunks(struct rwkv_context *ctx, const uint32_t *tokens,
                                  size_t sequence_len, size_t chunk_size, const float *state_in,
                                  float *state_out, float *logits_out) {
    if (ctx == NULL) {
        rk__compat_fail(NULL, RWKV_ERROR_ARGS, "evaluation without a context");
        return false;
    }
    ctx->errors.last = RWKV_ERROR_NONE;
    rk_error err;
    const rk_status status =
        evaluate(ctx, tokens, sequence_len, chunk_size, state_in, state_out, logits_out, &err);
    if (status == RK_OK) return true;
    rk__compat_fail(&ctx->errors, rk__compat_flags_of_context(status), err.message);
    return false;
}

bool rwkv_eval_sequence(struct rwkv_context *ctx, const uint32_t *tokens, size_t sequence_len,
                        const float *state_in, float *state_out, float *logits_out) {
    return rwkv_eval_sequence_in_chunks(ctx, tokens, sequence_len, SIZE_MAX, state_in, state_out,
                                        logits_out);
}

bool rwkv_eval(struct rwkv_context *ctx, uint32_t token, const float *state_in, float *state_out,
               float *logits_out) {
    return rwkv_eval_sequence(ctx, &token, 1, state_in, state_out, logits_out);
}
