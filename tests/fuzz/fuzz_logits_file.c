// Fuzz target: files of logits, as the base of a very small model.
#include <math.h>
#include <stdlib.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/eval.h"

static const uint32_t tokens[] = {0, 1, 2, 3, 2, 1};
static const rk_passage passage = {tokens, 6, 1};
enum { N_SCORES = 5 };

static rk_context *open_context(void) {
    rk_error err = {0};
    rk_model *model = NULL;
    rk_context *context = NULL;
    const char *path = fuzz_copy_fixture("tiny-rwkv6.bin", "model.bin");
    fuzz_require(rk_model_open(&model, path, NULL, &err) == RK_OK, err.message);
    fuzz_require(rk_context_new(&context, model, NULL, &err) == RK_OK, err.message);
    rk_model_close(&model);
    return context;
}

static rk_status score(rk_context *context, rk_logits_reader *reader, rk_error *err) {
    rk_scorer *scorer = NULL;
    rk_token_score scores[N_SCORES];
    const rk_scorer_options options = {.saved_base = reader};
    rk_status status = rk_scorer_new(&scorer, context, &options, err);
    if (status == RK_OK) status = rk_scorer_run(scorer, &passage, 1, 0, NULL, scores, err);
    rk_scorer_free(&scorer);
    for (size_t i = 0; status == RK_OK && i < N_SCORES; i++) {
        fuzz_require(isfinite(scores[i].base_loss) && scores[i].base_loss >= 0,
                     "losses are finite");
        fuzz_require(isfinite(scores[i].divergence) && scores[i].divergence >= 0,
                     "divergences are finite");
        fuzz_require(scores[i].base_best < 4, "the best token is one");
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static rk_context *context;
    if (context == NULL) context = open_context();
    rk_error err = {0};
    rk_logits_reader *reader = NULL;
    memory_watch_begin();
    const char *path = fuzz_file(data, size);
    rk_status status = rk_logits_reader_open(&reader, path, &err);
    if (status == RK_OK) {
        (void)rk_logits_reader_check(reader, rk_context_model(context), &passage, 1, "p", &err);
        status = score(context, reader, &err);
    }
    rk_logits_reader_close(&reader);
    if (status != RK_OK) {
        probe_error(status, &err);
        fuzz_require(memory_watch_peak() <= probe_memory_limit(size),
                     "refusing takes less than 64 MB");
    }
    return 0;
}
