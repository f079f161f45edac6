// Contexts of include/rwkv.h: loading, cloning, freeing, and what they know about their model.
#include "compat/rwkv_context.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "rk/device.h"
#include "rk/version.h"

// More than any model has; strategies count no further.
enum { MOST_LAYERS = 100000 };

struct rk__compat_model {
    atomic_size_t holders;
    rk_model *model;    // owned
    float *empty_state; // owned, [state_floats]
};

static void let_go(rk__compat_model *shared) {
    if (shared == NULL || atomic_fetch_sub(&shared->holders, 1) > 1) return;
    rk_model_close(&shared->model);
    rk__free(shared->empty_state);
    rk__free(shared);
}

// A pool is pinned only when its owner asks for that; this interface has no word for it.
static rk_status make_pool(rk_pool **pool, uint32_t n_threads, rk_error *err) {
    if (n_threads == 0) return rk__fail(err, RK_ERR_ARGUMENT, "0 threads, expected at least 1");
    const rk_pool_options options = {.n_threads = n_threads, .pin = false};
    const rk_status status = rk_pool_new(pool, &options, err);
    return status == RK_ERR_RANGE ? RK_ERR_ARGUMENT : status; // more than a pool can have
}

static rk_status note_empty_state(rk__compat_model *shared, rk_error *err) {
    const size_t n_floats = rk_model_describe(shared->model)->state_floats;
    RK_TRY(rk__alloc((void **)&shared->empty_state, n_floats, sizeof(float), err));
    rk_state *state = NULL;
    RK_TRY(rk_state_new(&state, shared->model, 1, err));
    const rk_status status = rk_state_export(state, 0, shared->empty_state, n_floats, err);
    rk_state_free(&state);
    return status;
}

// The strategy that so many layers on the first GPU are; without a GPU they have no effect.
enum { STRATEGY_TEXT = 48 };
static char *name_strategy(char text[STRATEGY_TEXT], uint32_t n_gpu_layers) {
    if (n_gpu_layers == 0 || rk_device_count() == 0) {
        (void)snprintf(text, STRATEGY_TEXT, "cpu");
    } else if (n_gpu_layers < MOST_LAYERS) {
        (void)snprintf(text, STRATEGY_TEXT, "cuda *%u -> cpu", (unsigned)n_gpu_layers);
    } else {
        (void)snprintf(text, STRATEGY_TEXT, "cuda");
    }
    return text;
}

// Opens the model; the caller becomes its first holder.
static rk_status open_model(rk__compat_model **out, const char *path, uint32_t n_gpu_layers,
                            rk_pool *pool, rk_error *err) {
    char strategy[STRATEGY_TEXT];
    rk__compat_model *shared = NULL;
    rk_status status = rk__alloc((void **)&shared, 1, sizeof *shared, err);
    if (status != RK_OK) goto out;
    atomic_init(&shared->holders, 1);
    const rk_model_options options = {.strategy = name_strategy(strategy, n_gpu_layers),
                                      .pool = pool,
                                      .rwkv5_group_norm_eps = 1e-5F};
    status = rk_model_open(&shared->model, path, &options, err);
    if (status != RK_OK) goto out;
    status = note_empty_state(shared, err);
out:
    if (status != RK_OK) {
        let_go(shared);
        shared = NULL;
    }
    *out = shared;
    return status;
}

// Makes a context that takes over the pool and the hold on the model, also on failure.
static rk_status make_context(struct rwkv_context **out, rk__compat_model *shared, rk_pool *pool,
                              bool print, rk_error *err) {
    *out = NULL;
    struct rwkv_context *ctx = NULL;
    rk_status status = rk__alloc((void **)&ctx, 1, sizeof *ctx, err);
    if (status != RK_OK) {
        rk_pool_free(&pool);
        let_go(shared);
        return status;
    }
    *ctx = (struct rwkv_context){.shared = shared,
                                 .info = rk_model_describe(shared->model),
                                 .pool = pool,
                                 .errors = {.print = print}};
    const rk_context_options options = {.pool = pool};
    status = rk_context_new(&ctx->context, shared->model, &options, err);
    if (status != RK_OK) goto out;
    status = rk_state_new(&ctx->state, shared->model, 1, err);
out:
    if (status != RK_OK) {
        rwkv_free(ctx);
        ctx = NULL;
    }
    *out = ctx;
    return status;
}

static struct rwkv_context *fail_to_load(enum rwkv_error_flags flags, const char *message) {
    rk__compat_fail(NULL, flags, message);
    return NULL;
}

struct rwkv_context *rwkv_init_from_file(const char *model_file_path, uint32_t n_threads,
                                         uint32_t n_gpu_layers) {
    rk__compat_forget();
    if (model_file_path == NULL) return fail_to_load(RWKV_ERROR_ARGS, "no path of a model given");

    rk_error err;
    rk_pool *pool = NULL;
    rk_status status = make_pool(&pool, n_threads, &err);
    if (status != RK_OK) return fail_to_load(rk__compat_flags_of_context(status), err.message);

    rk__compat_model *shared = NULL;
    status = open_model(&shared, model_file_path, n_gpu_layers, pool, &err);
    if (status != RK_OK) {
        rk_pool_free(&pool);
        return fail_to_load(rk__compat_flags_of_model(status, model_file_path), err.message);
    }

    struct rwkv_context *ctx = NULL;
    status = make_context(&ctx, shared, pool, rwkv_get_print_errors(NULL), &err);
    if (status != RK_OK) return fail_to_load(rk__compat_flags_of_context(status), err.message);
    return ctx;
}

struct rwkv_context *rwkv_clone_context(struct rwkv_context *ctx, uint32_t n_threads) {
    if (ctx == NULL) {
        rk__compat_fail(NULL, RWKV_ERROR_ARGS, "rwkv_clone_context: no context");
        return NULL;
    }
    ctx->errors.last = RWKV_ERROR_NONE;
    rk_error err;
    rk_pool *pool = NULL;
    struct rwkv_context *clone = NULL;
    rk_status status = make_pool(&pool, n_threads, &err);
    if (status == RK_OK) {
        atomic_fetch_add(&ctx->shared->holders, 1);
        status = make_context(&clone, ctx->shared, pool, ctx->errors.print, &err);
    }
    if (status != RK_OK) {
        rk__compat_fail(&ctx->errors, rk__compat_flags_of_context(status), err.message);
    }
    return clone;
}

void rwkv_free(struct rwkv_context *ctx) {
    if (ctx == NULL) return;
    rk_state_free(&ctx->state);
    rk_context_free(&ctx->context);
    rk_pool_free(&ctx->pool);
    let_go(ctx->shared);
    rk__free(ctx);
}

// Weights never move: the model is opened again, and this context goes on with that one. Clones
// stay with the old one.
bool rwkv_gpu_offload_layers(struct rwkv_context *ctx, uint32_t n_gpu_layers) {
    if (ctx == NULL || rk_device_count() == 0) return false;
    rk_error err;
    rk__compat_model *shared = NULL;
    struct rwkv_context *other = NULL;
    rk_pool *pool = NULL;
    const uint32_t n_threads = (uint32_t)rk_pool_threads(ctx->pool);
    rk_status status = make_pool(&pool, n_threads, &err);
    if (status == RK_OK) status = open_model(&shared, ctx->info->path, n_gpu_layers, pool, &err);
    if (status != RK_OK) rk_pool_free(&pool);
    if (status == RK_OK) status = make_context(&other, shared, pool, ctx->errors.print, &err);
    if (status != RK_OK) {
        rk__compat_fail(&ctx->errors, rk__compat_flags_of_context(status), err.message);
        return false;
    }
    const struct rwkv_context old = *ctx;
    *ctx = *other;
    ctx->errors = old.errors;
    *other = old;
    rwkv_free(other);
    return true;
}

size_t rwkv_get_n_vocab(const struct rwkv_context *ctx) {
    return ctx == NULL ? 0 : ctx->info->dims.n_vocab;
}

size_t rwkv_get_n_embed(const struct rwkv_context *ctx) {
    return ctx == NULL ? 0 : ctx->info->dims.n_embd;
}

size_t rwkv_get_n_layer(const struct rwkv_context *ctx) {
    return ctx == NULL ? 0 : ctx->info->dims.n_layer;
}

size_t rwkv_get_state_len(const struct rwkv_context *ctx) {
    return ctx == NULL ? 0 : ctx->info->state_floats;
}

size_t rwkv_get_logits_len(const struct rwkv_context *ctx) {
    return rwkv_get_n_vocab(ctx);
}

uint32_t rwkv_get_state_buffer_element_count(const struct rwkv_context *ctx) {
    return (uint32_t)rwkv_get_state_len(ctx);
}

uint32_t rwkv_get_logits_buffer_element_count(const struct rwkv_context *ctx) {
    return (uint32_t)rwkv_get_logits_len(ctx);
}

void rwkv_init_state(const struct rwkv_context *ctx, float *state) {
    if (ctx == NULL || state == NULL) return;
    memcpy(state, ctx->shared->empty_state, ctx->info->state_floats * sizeof *state);
}

const char *rwkv_get_system_info_string(void) {
    return rk_system_info();
}
