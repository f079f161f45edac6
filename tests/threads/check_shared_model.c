// One model used by several threads at once, each with a context, a state and a pool of its own:
// the thread sanitizer sees that the model is only read, and the logits are the same bits
// everywhere.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rk/model.h"

enum { N_THREADS = 4, N_TOKENS = 24 };

static const char model_path[] = RK_MODELS "/demo/demo-rwkv4.pth";

// What one thread computes with.
typedef struct user {
    rk_model *model;  // shared
    size_t n_threads; // of its pool
    float *logits;    // [n_vocab], owned
    rk_error err;
} user;

static rk_status evaluate(user *u, rk_pool *pool) {
    rk_context *context = NULL;
    rk_state *state = NULL;
    static const uint8_t text[N_TOKENS + 1] = "One day, the small fox s";
    uint32_t tokens[N_TOKENS];
    for (size_t i = 0; i < N_TOKENS; i++) tokens[i] = text[i];

    const rk_context_options options = {.pool = pool, .max_chunk = 16};
    rk_status status = rk_context_new(&context, u->model, &options, &u->err);
    if (status != RK_OK) goto out;
    status = rk_state_new(&state, u->model, 1, &u->err);
    if (status != RK_OK) goto out;
    status = rk_eval(context, state, tokens, N_TOKENS, RK_LOGITS_LAST, u->logits, &u->err);
out:
    rk_state_free(&state);
    rk_context_free(&context);
    return status;
}

// Gives NULL when all went well.
static void *use_model(void *argument) {
    user *u = argument;
    rk_pool *pool = NULL;
    const rk_pool_options options = {.n_threads = u->n_threads};
    rk_status status = rk_pool_new(&pool, &options, &u->err);
    if (status == RK_OK) status = evaluate(u, pool);
    rk_pool_free(&pool);
    return status == RK_OK ? NULL : u->err.message;
}

static void fail(const char *message) {
    printf("%s\n", message);
    exit(1);
}

static void check_type(const char *strategy) {
    rk_error err;
    rk_model *model = NULL;
    const rk_model_options options = {.strategy = strategy};
    if (rk_model_open(&model, model_path, &options, &err) != RK_OK) fail(err.message);
    const size_t n_vocab = rk_model_describe(model)->dims.n_vocab;

    pthread_t threads[N_THREADS];
    user users[N_THREADS];
    for (size_t i = 0; i < N_THREADS; i++) {
        users[i] = (user){.model = model, .n_threads = 1 + i % 3};
        users[i].logits = malloc(n_vocab * sizeof(float));
        if (!users[i].logits) fail("out of memory");
        if (pthread_create(&threads[i], NULL, use_model, &users[i]) != 0) fail("no thread");
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        void *message;
        pthread_join(threads[i], &message);
        if (message) fail(message);
        if (memcmp(users[i].logits, users[0].logits, n_vocab * sizeof(float)) != 0) {
            fail("the threads' logits differ");
        }
    }
    if (users[0].logits[0] == users[0].logits[1]) fail("the logits are all the same");
    for (size_t i = 0; i < N_THREADS; i++) free(users[i].logits);
    rk_model_close(&model);
    printf("%s: %d threads agree on the logits\n", strategy, N_THREADS);
}

int main(void) {
    if (access(model_path, R_OK) != 0) {
        printf("skipped: %s is not here\n", model_path);
        return 77;
    }
    check_type("cpu fp32");
    check_type("cpu q4_0");
    return 0;
}
