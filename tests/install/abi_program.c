// A program made for rwkv.cpp's library: the header <rwkv.h>, the C library and threads, no more.
//
//     abi_program functions MODEL.bin FOLDER    calls every function of the interface
//     abi_program clones MODEL.bin FOLDER       contexts on shared weights, used at the same time
//     abi_program rounds MODEL.bin N            opens, evaluates and frees N times
#include <rwkv.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_TOKENS = 40, N_THREADS = 4, REPEATS = 10 };

static void require(bool good, const char *what) {
    if (good) return;
    printf("failed: %s\n", what);
    exit(1);
}

// Any vocabulary has 12 tokens.
static const uint32_t tokens[N_TOKENS] = {1, 7, 3, 0, 11, 2, 9, 4,  4, 6, 10, 8, 5, 1,
                                          1, 0, 3, 7, 2,  9, 8, 11, 6, 5, 10, 4, 0, 2,
                                          7, 7, 3, 9, 1,  8, 6, 11, 5, 2, 4,  10};

static float *new_floats(size_t n) {
    float *floats = calloc(n, sizeof *floats);
    require(floats != NULL, "memory");
    return floats;
}

static struct rwkv_context *load(const char *path, uint32_t n_threads) {
    struct rwkv_context *ctx = rwkv_init_from_file(path, n_threads, 0);
    require(ctx != NULL, "loading the model");
    return ctx;
}

static void path_in(char path[1024], const char *folder, const char *name) {
    require(snprintf(path, 1024, "%s/%s", folder, name) < 1024, "a short path");
}

// ---- functions

static void check_sizes(const struct rwkv_context *ctx) {
    require(rwkv_get_n_vocab(ctx) >= 12 && rwkv_get_n_embed(ctx) > 0, "sizes");
    require(rwkv_get_n_layer(ctx) > 0 && rwkv_get_state_len(ctx) > 0, "sizes");
    require(rwkv_get_logits_len(ctx) == rwkv_get_n_vocab(ctx), "length of the logits");
    require(rwkv_get_state_buffer_element_count(ctx) == rwkv_get_state_len(ctx), "older name");
    require(rwkv_get_logits_buffer_element_count(ctx) == rwkv_get_logits_len(ctx), "older name");
    require(strlen(rwkv_get_system_info_string()) > 0, "system information");
}

// Three ways to the same state and logits.
static void check_evaluation(struct rwkv_context *ctx) {
    const size_t n_state = rwkv_get_state_len(ctx);
    const size_t n_logits = rwkv_get_logits_len(ctx);
    float *states = new_floats(3 * n_state);
    float *logits = new_floats(3 * n_logits);
    rwkv_init_state(ctx, states);
    for (size_t i = 0; i < N_TOKENS; i++) {
        require(rwkv_eval(ctx, tokens[i], states, states, logits), "rwkv_eval");
    }
    require(rwkv_eval_sequence(ctx, tokens, N_TOKENS, NULL, states + n_state, logits + n_logits),
            "rwkv_eval_sequence");
    require(rwkv_eval_sequence_in_chunks(ctx, tokens, N_TOKENS, 7, NULL, states + 2 * n_state,
                                         logits + 2 * n_logits),
            "rwkv_eval_sequence_in_chunks");
    for (size_t i = n_logits; i < 3 * n_logits; i++) {
        const float difference = logits[i] - logits[i % n_logits];
        require(difference < 1e-3F && difference > -1e-3F, "the same logits");
    }
    for (size_t i = n_state; i < 3 * n_state; i++) {
        const float difference = states[i] - states[i % n_state];
        require(difference < 1e-3F && difference > -1e-3F, "the same states");
    }
    free(states);
    free(logits);
}

static void check_errors(struct rwkv_context *ctx, const char *folder) {
    char missing[1024];
    path_in(missing, folder, "missing.bin");
    rwkv_set_print_errors(NULL, false);
    rwkv_set_print_errors(ctx, false);
    require(!rwkv_get_print_errors(NULL) && !rwkv_get_print_errors(ctx), "the switch");
    require(rwkv_init_from_file(missing, 1, 0) == NULL, "refusing a missing file");
    require((int)rwkv_get_last_error(NULL) == RWKV_ERROR_FILE + RWKV_ERROR_FILE_OPEN, "flags");
    require(rwkv_get_last_error(NULL) == RWKV_ERROR_NONE, "cleared flags");
    require(!rwkv_eval(ctx, UINT32_MAX, NULL, NULL, NULL), "refusing a token");
    require((int)rwkv_get_last_error(ctx) == RWKV_ERROR_ARGS, "flags");
    require(!rwkv_gpu_offload_layers(ctx, 1) || true, "no crash"); // true where there is a GPU
    rwkv_set_print_errors(NULL, true);
}

static void check_functions(const char *path, const char *folder) {
    struct rwkv_context *ctx = load(path, 2);
    check_sizes(ctx);
    check_evaluation(ctx);
    check_errors(ctx, folder);
    struct rwkv_context *clone = rwkv_clone_context(ctx, 1);
    require(clone != NULL, "cloning");
    rwkv_free(ctx);
    check_evaluation(clone);
    rwkv_free(clone);
    rwkv_free(NULL);

    static const char *const formats[] = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        char output[1024];
        path_in(output, folder, formats[i]);
        require(rwkv_quantize_model_file(path, output, formats[i]), "quantizing");
        struct rwkv_context *quantized = load(output, 1);
        check_evaluation(quantized);
        rwkv_free(quantized);
    }
}

// ---- clones

typedef struct user {
    struct rwkv_context *ctx; // owned
    const float *expected;    // logits
} user;

// Evaluates in ever new pieces, then frees the context while others use theirs.
static void *use_clone(void *argument) {
    const user *u = argument;
    const size_t n_logits = rwkv_get_logits_len(u->ctx);
    float *logits = new_floats(n_logits);
    float *state = new_floats(rwkv_get_state_len(u->ctx));
    for (size_t i = 0; i < REPEATS; i++) {
        const size_t half = N_TOKENS / 2 + i;
        require(
            rwkv_eval_sequence_in_chunks(u->ctx, tokens, half, 1 + i, NULL, state, NULL) &&
                rwkv_eval_sequence(u->ctx, tokens + half, N_TOKENS - half, state, state, logits),
            "evaluating in a thread");
        for (size_t k = 0; k < n_logits; k++) {
            const float difference = logits[k] - u->expected[k];
            require(difference < 1e-3F && difference > -1e-3F, "the same logits in every thread");
        }
    }
    free(logits);
    free(state);
    rwkv_free(u->ctx);
    return NULL;
}

static void check_clones(const char *path) {
    struct rwkv_context *first = load(path, 2);
    float *expected = new_floats(rwkv_get_logits_len(first));
    require(rwkv_eval_sequence(first, tokens, N_TOKENS, NULL, NULL, expected), "evaluating");
    pthread_t threads[N_THREADS];
    user users[N_THREADS];
    for (uint32_t i = 0; i < N_THREADS; i++) {
        users[i] = (user){rwkv_clone_context(first, 1 + i % 2), expected};
        require(users[i].ctx != NULL, "cloning");
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        require(pthread_create(&threads[i], NULL, use_clone, &users[i]) == 0, "a thread");
    }
    rwkv_free(first); // its clones are in use
    for (size_t i = 0; i < N_THREADS; i++) pthread_join(threads[i], NULL);
    free(expected);
}

// Float and quantized weights.
static void check_all_clones(const char *path, const char *folder) {
    char quantized[1024];
    path_in(quantized, folder, "quantized.bin");
    check_clones(path);
    require(rwkv_quantize_model_file(path, quantized, "Q4_1"), "quantizing");
    check_clones(quantized);
}

// ---- rounds

static void check_rounds(const char *path, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct rwkv_context *ctx = load(path, 1 + (uint32_t)(i % 2));
        float *state = new_floats(rwkv_get_state_len(ctx));
        float *logits = new_floats(rwkv_get_logits_len(ctx));
        require(rwkv_eval(ctx, (uint32_t)(i % 12), NULL, state, logits), "evaluating");
        if (i % 10 == 0) {
            struct rwkv_context *clone = rwkv_clone_context(ctx, 1);
            require(clone != NULL && rwkv_eval(clone, 1, state, state, logits), "a clone");
            rwkv_free(clone);
        }
        rwkv_free(ctx);
        free(state);
        free(logits);
    }
}

int main(int argc, char **argv) {
    require(argc == 4, "three arguments");
    if (strcmp(argv[1], "functions") == 0) {
        check_functions(argv[2], argv[3]);
    } else if (strcmp(argv[1], "clones") == 0) {
        check_all_clones(argv[2], argv[3]);
    } else if (strcmp(argv[1], "rounds") == 0) {
        check_rounds(argv[2], strtoul(argv[3], NULL, 10));
    } else {
        require(false, "a known job");
    }
    return 0;
}
