// The same model on every instruction set that this machine has. A level is chosen once a process,
// so each has one of its own.
//
// Levels with vector registers give the same bits. The scalar level does not fuse multiplications
// and additions of floats, so its logits differ within rounding: by less than 1e-4 of their range.
// With block formats a difference in the last bit can tip the rounding of an activation to 8 bits,
// which is a step of 1/127 of the largest of 32; then they differ by more, but not by much.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rk/model.h"
#include "rk/version.h"
#include "support/model_fixture.h"

enum { CHUNK = 24 }; // more tokens than kernels for few tokens take

// In a child: the logits after each token. Exit code 0 when all went well.
static _Noreturn void compute(const test_fixture *f, const char *strategy, float *logits) {
    rk_model *model = NULL;
    rk_context *context = NULL;
    rk_state *state = NULL;
    const rk_model_options options = {.strategy = strategy};
    const rk_context_options context_options = {.max_chunk = CHUNK};
    const bool good =
        rk_model_open(&model, f->path, &options, NULL) == RK_OK &&
        rk_context_new(&context, model, &context_options, NULL) == RK_OK &&
        rk_state_new(&state, model, 1, NULL) == RK_OK &&
        rk_eval(context, state, f->tokens, f->n_tokens, RK_LOGITS_ALL, logits, NULL) == RK_OK;
    _exit(good ? 0 : 1);
}

// The logits of a level. Shared memory, released with munmap.
static float *logits_of(const test_fixture *f, const char *strategy, const char *level) {
    const size_t size = f->n_logits * sizeof(float);
    float *logits = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq((void *)logits, MAP_FAILED);
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        setenv("RWKV_CPU", level, 1);
        compute(f, strategy, logits);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s, %s on %s", f->path, strategy,
              level);
    return logits;
}

static double range_of(const float *values, size_t n) {
    float least = values[0], greatest = values[0];
    for (size_t i = 1; i < n; i++) {
        least = fminf(least, values[i]);
        greatest = fmaxf(greatest, values[i]);
    }
    return (double)greatest - (double)least;
}

static void compare_levels(const char *version, const char *strategy, double tolerance) {
    test_fixture f = test_fixture_read(version, "");
    const char *const *levels = rk_cpu_levels();
    float *const scalar = logits_of(&f, strategy, levels[0]);
    float *const first = levels[1] != NULL ? logits_of(&f, strategy, levels[1]) : scalar;
    const double range = range_of(scalar, f.n_logits);
    const double difference = test_max_difference(scalar, first, f.n_logits);
    cr_expect_gt(range, 0.1, "%s", version);
    cr_expect_leq(difference, tolerance * range, "%s, %s: off by %g of %g", version, strategy,
                  difference, range);
    for (size_t i = 2; levels[1] != NULL && levels[i] != NULL; i++) {
        float *const logits = logits_of(&f, strategy, levels[i]);
        cr_expect_eq(memcmp(logits, first, f.n_logits * sizeof *logits), 0, "%s, %s: %s", version,
                     strategy, levels[i]);
        munmap(logits, f.n_logits * sizeof *logits);
    }
    if (first != scalar) munmap(first, f.n_logits * sizeof *first);
    munmap(scalar, f.n_logits * sizeof *scalar);
    test_fixture_free(&f);
}

static const char *const versions[] = {"v4", "v5.1", "v5.2", "v6", "v7"};
enum { N_VERSIONS = sizeof versions / sizeof versions[0] };

Test(levels, float_logits_agree) {
    for (size_t v = 0; v < N_VERSIONS; v++) {
        compare_levels(versions[v], "cpu fp32", 1e-4);
        compare_levels(versions[v], "cpu fp16", 1e-4);
        compare_levels(versions[v], "cpu bf16", 1e-4);
    }
}

Test(levels, quantized_logits_agree) {
    static const char *const strategies[] = {"cpu Q4_0", "cpu Q4_1", "cpu Q5_0", "cpu Q5_1",
                                             "cpu Q8_0"};
    for (size_t v = 0; v < N_VERSIONS; v++) {
        for (size_t s = 0; s < sizeof strategies / sizeof strategies[0]; s++) {
            compare_levels(versions[v], strategies[s], 1e-2);
        }
    }
}
