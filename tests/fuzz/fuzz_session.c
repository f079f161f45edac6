// Fuzz target: session files, and the samplers' memory inside, loaded into a session of a very
// small RWKV-6 that speaks bytes. A session that was loaded goes on for some tokens.
#include <string.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/generate.h"

enum { N_FLOATS = 80, PENALTY_WINDOW = 4 };

typedef struct machine {
    rk_context *context;
    rk_tokenizer *tokenizer;
} machine;

static machine open_machine(void) {
    rk_error err = {0};
    rk_model *model = NULL;
    machine m = {0};
    const char *path = fuzz_copy_fixture("tiny-rwkv6-bytes.bin", "model.bin");
    fuzz_require(rk_model_open(&model, path, NULL, &err) == RK_OK, err.message);
    fuzz_require(rk_context_new(&m.context, model, NULL, &err) == RK_OK, err.message);
    fuzz_require(rk_tokenizer_open(&m.tokenizer, 256, &err) == RK_OK, err.message);
    rk_model_close(&model);
    return m;
}

// One that has fed and drawn something, so that loading has something to replace.
static rk_session *new_session(const machine *m) {
    rk_error err = {0};
    rk_session *session = NULL;
    rk_sampler_options sampling = rk_sampler_defaults();
    sampling.penalty_window = PENALTY_WINDOW;
    fuzz_require(rk_session_new(&session, m->context, m->tokenizer, &sampling, &err) == RK_OK,
                 err.message);
    fuzz_require(rk_session_feed(session, "ab", 2, NULL, NULL, &err) == RK_OK, err.message);
    return session;
}

// Generates a little, with stop strings that text held back may be the beginning of.
static void go_on(rk_session *session) {
    static const rk_text stops[] = {{"abc", 3}, {"\n\n", 2}};
    rk_error err = {0};
    const rk_generate_options options = {.max_tokens = 3, .stops = stops, .n_stops = 2};
    const rk_status status = rk_session_generate(session, &options, NULL, &err);
    if (status != RK_OK) probe_error(status, &err);
}

static void export_state(rk_session *session, float flat[N_FLOATS]) {
    rk_error err = {0};
    const rk_state *state = rk_session_state(session);
    fuzz_require(rk_state_export(state, 0, flat, N_FLOATS, &err) == RK_OK, err.message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static machine m;
    if (!m.context) m = open_machine();
    float before[N_FLOATS], after[N_FLOATS];
    rk_error err = {0};
    rk_session *session = new_session(&m);
    export_state(session, before);
    memory_watch_begin();
    const char *path = fuzz_file(data, size);
    const rk_status status = rk_session_load(session, path, &err);
    if (status == RK_OK) {
        go_on(session);
    } else {
        fuzz_require(memory_watch_peak() <= probe_memory_limit(size), "refusing takes little");
        probe_error(status, &err);
        probe_path(status, &err, path);
        export_state(session, after);
        fuzz_require(memcmp(before, after, sizeof after) == 0, "a failure changes nothing");
        fuzz_require(rk_session_logits(session) != NULL, "a failure leaves the logits");
    }
    rk_session_free(&session);
    return 0;
}
