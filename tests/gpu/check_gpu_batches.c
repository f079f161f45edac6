// Several sequences together on a GPU, and an observer of what goes into the matrices: each
// sequence is what it is alone, bit for bit, and the observer sees what it sees on the CPU.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu_check.h"
#include "gpu_run.h"
#include "model/observe.h"

enum { N_SEQUENCES = 3, N_STEPS = 5, MOST_TOKENS = 16 };
static const size_t prompts[N_SEQUENCES] = {9, 1, 4}; // together fewer than go to cuBLASLt

static void require(rk_status status, const rk_error *err) {
    if (status == RK_OK) return;
    printf("FAILED: %s\n", err->message);
    exit(EXIT_FAILURE);
}

// What comes out of one sequence: logits after the prompt and after each step, then the state.
typedef struct output {
    float *values; // owned
    size_t n;
} output;

static output output_new(const rk_model *model) {
    const rk_model_info *info = rk_model_describe(model);
    output o = {.n = (N_STEPS + 1) * info->dims.n_vocab + info->state_floats};
    o.values = calloc(o.n, sizeof o.values[0]);
    if (o.values == NULL) abort();
    return o;
}

// Sequences `only` (all of them: N_SEQUENCES): their prompts in one call, then step by step.
static void run(const gpu_fixture *f, rk_model *model, size_t only, output *outputs) {
    rk_context *context = NULL;
    rk_state *state = NULL;
    rk_error err = {0};
    const rk_model_info *info = rk_model_describe(model);
    const rk_context_options options = {.max_chunk = MOST_TOKENS};
    require(rk_context_new(&context, model, &options, &err), &err);
    require(rk_state_new(&state, model, N_SEQUENCES, &err), &err);
    for (size_t step = 0; step <= N_STEPS; step++) {
        rk_sequence sequences[N_SEQUENCES];
        size_t n = 0;
        for (size_t i = 0; i < N_SEQUENCES; i++) {
            if (only != N_SEQUENCES && only != i) continue;
            const size_t done = step == 0 ? 0 : prompts[i] + step - 1;
            sequences[n++] =
                (rk_sequence){.index = N_SEQUENCES - 1 - i, // not in the order of the tokens
                              .tokens = f->tokens + 7 * i + done,
                              .n_tokens = step == 0 ? prompts[i] : 1,
                              .wanted = RK_LOGITS_LAST,
                              .logits = outputs[i].values + step * info->dims.n_vocab};
        }
        require(rk_eval_batch(context, state, sequences, n, &err), &err);
    }
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        if (only != N_SEQUENCES && only != i) continue;
        float *flat = outputs[i].values + (N_STEPS + 1) * info->dims.n_vocab;
        require(rk_state_export(state, N_SEQUENCES - 1 - i, flat, info->state_floats, &err), &err);
    }
    rk_state_free(&state);
    rk_context_free(&context);
}

static void check_batch(const gpu_fixture *f, const char *strategy) {
    rk_model *model = gpu_open(f->path, strategy, 0);
    output alone[N_SEQUENCES], together[N_SEQUENCES];
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        alone[i] = output_new(model);
        together[i] = output_new(model);
    }
    for (size_t i = 0; i < N_SEQUENCES; i++) run(f, model, i, alone);
    run(f, model, N_SEQUENCES, together);
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        gpu_expect(memcmp(alone[i].values, together[i].values,
                          alone[i].n * sizeof alone[i].values[0]) == 0,
                   "%s, \"%s\": sequence %zu is not what it is alone", f->name, strategy, i);
        free(alone[i].values);
        free(together[i].values);
    }
    rk_model_close(&model);
}

// ---- observing

enum { MOST_SEEN = 128 };

// What was seen of each matrix: sums over all tokens.
typedef struct seen {
    char names[MOST_SEEN][64];
    double squares[MOST_SEEN];
    size_t n_tokens[MOST_SEEN], n;
} seen;

static void see(void *user, const char *tensor, const float *x, size_t n_tokens, size_t columns) {
    seen *s = user;
    size_t i = 0;
    while (i < s->n && strcmp(s->names[i], tensor) != 0) i++;
    if (i == MOST_SEEN) abort();
    if (i == s->n) (void)snprintf(s->names[s->n++], sizeof s->names[0], "%s", tensor);
    s->n_tokens[i] += n_tokens;
    for (size_t k = 0; k < n_tokens * columns; k++) s->squares[i] += (double)x[k] * (double)x[k];
}

static seen observe(const gpu_fixture *f, const char *strategy) {
    rk_model *model = gpu_open(f->path, strategy, 0);
    rk_context *context = NULL;
    rk_state *state = NULL;
    rk_error err = {0};
    seen s = {.n = 0};
    const rk__observer observer = {see, &s};
    const rk_model_info *info = rk_model_describe(model);
    float *logits = calloc(info->dims.n_vocab, sizeof *logits);
    require(rk_context_new(&context, model, NULL, &err), &err);
    require(rk_state_new(&state, model, 1, &err), &err);
    rk__context_observe(context, &observer);
    // One by one, a few, and more than are shown at once.
    static const size_t lengths[] = {1, 1, 1, 6, 37};
    size_t done = 0;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        require(rk_eval(context, state, f->tokens + done, lengths[i], RK_LOGITS_LAST, logits, &err),
                &err);
        done += lengths[i];
    }
    free(logits);
    rk_state_free(&state);
    rk_context_free(&context);
    rk_model_close(&model);
    return s;
}

static void check_observer(const gpu_fixture *f) {
    static seen cpu, cuda;
    cpu = observe(f, "cpu fp32");
    cuda = observe(f, "cuda fp32");
    gpu_expect(cpu.n > 8 && cpu.n == cuda.n, "%s: %zu matrices are seen, %zu on the CPU", f->name,
               cuda.n, cpu.n);
    for (size_t i = 0; i < cpu.n; i++) {
        size_t j = 0;
        while (j < cuda.n && strcmp(cpu.names[i], cuda.names[j]) != 0) j++;
        const bool found = j < cuda.n;
        const double apart = found ? fabs(cuda.squares[j] / cpu.squares[i] - 1.0) : INFINITY;
        gpu_expect(found && cuda.n_tokens[j] == cpu.n_tokens[i] && apart < 1e-4,
                   "%s: %s: %zu tokens, %zu on the CPU; squares apart by %g", f->name, cpu.names[i],
                   found ? cuda.n_tokens[j] : 0, cpu.n_tokens[i], apart);
    }
}

int main(void) {
    static const char *const names[] = {"v4", "v5.1g", "v6", "v7"};
    gpu_begin();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        gpu_fixture f = gpu_fixture_read(names[i]);
        check_batch(&f, "cuda fp32");
        check_batch(&f, "cuda Q5_1");
        check_batch(&f, "cuda fp16 *1+ -> cuda fp16 *1");
        check_observer(&f);
        gpu_fixture_free(&f);
    }
    return gpu_end();
}
