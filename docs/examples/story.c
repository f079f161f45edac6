// Stories that begin alike: a warm-up context that is read once, a callback that sees every token,
// a session kept in a file, and a state that is taken out and put back.
//
//     cc story.c -lrwkv -lm && ./a.out MODEL SESSION
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/generate.h"

typedef struct listener {
    double log_p; // of all tokens so far
    size_t n_tokens;
    bool state_is_finite;
} listener;

// Receives the text, in whole characters.
static bool print(void *user, const char *text, size_t length) {
    (void)user;
    return fwrite(text, 1, length, stdout) == length;
}

// Sees every token with what it was drawn from: log p, logits, and the state before it. Returning
// false would end the text.
static bool listen(void *user, const rk_drawn_token *drawn) {
    listener *l = user;
    l->log_p += (double)drawn->log_p;
    l->n_tokens++;
    const float first_logit = drawn->logits[0];
    l->state_is_finite = isfinite(first_logit) && rk_state_sequences(drawn->state) == 1;
    return l->state_is_finite;
}

static rk_status tell(rk_session *session, size_t n_tokens, rk_error *err) {
    const rk_text stops[] = {{"\n\n", 2}};
    listener heard = {0};
    const rk_generate_options options = {.max_tokens = n_tokens,
                                         .text = print,
                                         .token = listen,
                                         .user = &heard,
                                         .stops = stops,
                                         .n_stops = 1};
    const rk_status status = rk_session_generate(session, &options, NULL, err);
    if (status == RK_OK && heard.n_tokens > 0) {
        fprintf(stderr, "perplexity %.3f\n", exp(-heard.log_p / (double)heard.n_tokens));
    }
    return status;
}

// Part one, a file, part two: the text is the same as in one go.
static rk_status tell_in_two_parts(rk_session *session, const char *file, rk_error *err) {
    rk_status status = tell(session, 60, err);
    if (status == RK_OK) status = rk_session_save(session, file, err);
    if (status == RK_OK) status = rk_session_clear(session, err); // all is forgotten
    if (status == RK_OK) status = rk_session_load(session, file, err);
    if (status == RK_OK) status = tell(session, 60, err);
    if (status == RK_OK) rk_session_flush(session, print, NULL);
    putchar('\n');
    return status;
}

static rk_status run(rk_session *session, const char *file, rk_error *err) {
    static const char warm_up[] = "Tim had a dog. Once upon";
    const size_t n = rk_model_describe(rk_state_model(rk_session_state(session)))->state_floats;
    float *start = malloc(n * sizeof *start);
    if (start == NULL) return RK_ERR_MEMORY;
    rk_status status = rk_session_feed(session, warm_up, strlen(warm_up), NULL, NULL, err);
    if (status == RK_OK) {
        status = rk_state_export(rk_session_state(session), 0, start, n, err); // get
    }
    for (int i = 0; status == RK_OK && i < 2; i++) {
        status = rk_session_clear(session, err); // empty
        if (status == RK_OK) {
            status = rk_state_import(rk_session_state(session), 0, start, n, err); // set
        }
        rk_session_state_changed(session);
        if (status == RK_OK) status = rk_session_feed(session, " a", 2, NULL, NULL, err);
        if (status == RK_OK) status = tell_in_two_parts(session, file, err);
    }
    free(start);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: story MODEL SESSION\n");
        return 2;
    }
    rk_error err = {.message = "out of memory"};
    rk_model *model = NULL;
    rk_context *context = NULL;
    rk_tokenizer *tokenizer = NULL;
    rk_session *session = NULL;
    rk_status status = rk_model_open(&model, argv[1], NULL, &err);
    if (status == RK_OK) status = rk_context_new(&context, model, NULL, &err);
    if (status == RK_OK) {
        const size_t n_vocab = rk_model_describe(model)->dims.n_vocab;
        status = rk_tokenizer_find(&tokenizer, n_vocab, argv[1], NULL, &err);
    }
    if (status == RK_OK) {
        rk_sampler_options sampling = rk_sampler_preset_options(RK_PRESET_RWKV);
        sampling.tokenizer = tokenizer;
        sampling.seed = 1;
        status = rk_session_new(&session, context, tokenizer, &sampling, &err);
    }
    if (status == RK_OK) status = run(session, argv[2], &err);
    if (status != RK_OK) fprintf(stderr, "story: %s\n", err.message);
    rk_session_free(&session);
    rk_tokenizer_close(&tokenizer);
    rk_context_free(&context);
    rk_model_close(&model);
    return status == RK_OK ? 0 : 1;
}
