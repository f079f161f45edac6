// Whole models on a GPU against the float64 reference and against the CPU: every version, every
// type, one token at a time (from the second one on as a graph) and many together; split, and
// streamed.
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gpu_check.h"
#include "gpu_run.h"

// A vector's products, a few together, and matrices' (more than RK__CUDA_FEW_TOKENS).
static const size_t chunks[] = {1, 5, 18};
enum { N_CHUNKS = sizeof chunks / sizeof chunks[0], SOME_TOKENS = 18 };

static void expect_near(const gpu_fixture *f, const char *strategy, double limit) {
    for (size_t i = 0; i < N_CHUNKS; i++) {
        gpu_result r = gpu_run(f, strategy, 0, chunks[i]);
        const double logits = gpu_distance(r.values, f->logits, r.n_logits);
        printf("%-6s %-10s chunks of %2zu: logits off by %.2g\n", f->name, strategy, chunks[i],
               logits);
        gpu_expect(logits <= limit, "%s, %s, chunks of %zu: logits off by %g", f->name, strategy,
                   chunks[i], logits);
        gpu_result_free(&r);
    }
}

// All tokens together, and what they leave in the state.
static void expect_state_near(const gpu_fixture *f, double limit) {
    gpu_result r = gpu_run(f, "cuda fp32", 0, f->n_tokens);
    const double logits = gpu_distance(r.values, f->logits, r.n_logits);
    const double state = gpu_distance(r.values + r.n_logits + r.n_hidden, f->state, f->n_state);
    printf("%-6s all tokens: logits off by %.2g, state by %.2g\n", f->name, logits, state);
    gpu_expect(logits <= limit, "%s, all tokens: logits off by %g", f->name, logits);
    gpu_expect(state <= limit, "%s, all tokens: state off by %g", f->name, state);
    gpu_result_free(&r);
}

// The CPU rounds weights and activations in the same way: what is left is the order of sums, which
// a later rounding to 8 bits makes larger now and then. Many tokens are not rounded to 8 bits.
static void expect_like_cpu(const gpu_fixture *f, const char *type) {
    char cpu[32], cuda[32];
    (void)snprintf(cpu, sizeof cpu, "cpu %s", type);
    (void)snprintf(cuda, sizeof cuda, "cuda %s", type);
    gpu_result wanted = gpu_run(f, cpu, 0, 1);
    const double own = gpu_distance(wanted.values, f->logits, wanted.n_logits);
    for (size_t i = 0; i < N_CHUNKS; i++) {
        gpu_result r = gpu_run(f, cuda, 0, chunks[i]);
        const double apart = gpu_distance(r.values, wanted.values, r.n_logits);
        const double off = gpu_distance(r.values, f->logits, r.n_logits);
        printf("%-6s %-10s chunks of %2zu: %.2g from the CPU; off by %.2g, the CPU by %.2g\n",
               f->name, cuda, chunks[i], apart, off, own);
        gpu_expect(apart <= 0.5, "%s, %s, chunks of %zu: %g from the CPU", f->name, cuda, chunks[i],
                   apart);
        gpu_expect(off <= 1.25 * own + 0.02, "%s, %s, chunks of %zu: off by %g, the CPU by %g",
                   f->name, cuda, chunks[i], off, own);
        gpu_result_free(&r);
    }
    gpu_result_free(&wanted);
}

static void expect_equal(const gpu_fixture *f, const char *a, const char *b, size_t chunk) {
    gpu_result one = gpu_run(f, a, 0, chunk), other = gpu_run(f, b, 0, chunk);
    gpu_expect(one.n == other.n &&
                   memcmp(one.values, other.values, one.n * sizeof one.values[0]) == 0,
               "%s, chunks of %zu: \"%s\" is not \"%s\"", f->name, chunk, b, a);
    gpu_result_free(&one);
    gpu_result_free(&other);
}

static void check_parts(const gpu_fixture *f) {
    for (size_t i = 0; i < N_CHUNKS; i++) {
        expect_equal(f, "cuda fp32", "cuda fp32 *1 -> cuda fp32", chunks[i]);
        expect_equal(f, "cuda Q8_0", "cuda Q8_0 *0+", chunks[i]);
    }
    expect_equal(f, "cuda fp32", "cuda fp32 *0+ -> cuda fp32 *1", 1);
    expect_equal(f, "cuda fp16", "cuda fp16 *1+", 5);
    expect_near(f, "cuda fp32 *1 -> cpu fp32", 5e-4);
    expect_near(f, "cpu fp32 *1 -> cuda fp32", 5e-4);
}

// Every type of one fixture; of the others, which have the same matrices, two.
static void check_types(const gpu_fixture *f, bool all) {
    static const char *const types[] = {"Q8_0", "Q4_1", "bf16", "Q4_0", "Q5_0", "Q5_1"};
    for (size_t i = 0; i < (all ? sizeof types / sizeof types[0] : 2); i++) {
        expect_like_cpu(f, types[i]);
    }
}

int main(void) {
    gpu_begin();
    for (const char *const *name = gpu_fixture_names; *name != NULL; name++) {
        gpu_fixture f = gpu_fixture_read(*name);
        expect_state_near(&f, 5e-4);
        f.n_tokens = SOME_TOKENS;
        expect_near(&f, "cuda fp32", 5e-4);
        expect_near(&f, "cuda fp16", 2e-2);
        check_types(&f, strcmp(f.name, "v7") == 0 || strcmp(f.name, "v4") == 0);
        check_parts(&f);
        fflush(stdout);
        gpu_fixture_free(&f);
    }
    return gpu_end();
}
