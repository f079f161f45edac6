// A story in two parts, of which the second goes on from a file.
//
//     cc story.c -lrwkv && ./a.out MODEL SESSION
#include <stdio.h>
#include <string.h>

#include "rk/generate.h"

static bool print(void *user, const char *text, size_t length) {
    return fwrite(text, 1, length, user) == length;
}

// Sees every token with its logits and the state before it. The probability of the whole text is
// the sum of these.
static bool add_up(void *user, const rk_drawn_token *token) {
    (void)user;
    return token->log_p <= 0;
}

static rk_status tell(rk_session *session, const char *file, rk_error *err) {
    static const char warm_up[] = "Tim had a dog. ", prompt[] = "Once upon a time";
    const rk_text stops[] = {{"\n\n", 2}};
    const rk_generate_options options = {.max_tokens = 100,
                                         .text = print,
                                         .user = stdout,
                                         .token = add_up,
                                         .stops = stops,
                                         .n_stops = 1};
    rk_status status = rk_session_feed(session, warm_up, strlen(warm_up), NULL, NULL, err);
    if (status == RK_OK) {
        status = rk_session_feed(session, prompt, strlen(prompt), NULL, NULL, err);
    }
    if (status == RK_OK) status = rk_session_generate(session, &options, NULL, err);
    if (status == RK_OK) status = rk_session_save(session, file, err);
    // Everything is forgotten, and comes back from the file.
    if (status == RK_OK) status = rk_session_clear(session, err);
    if (status == RK_OK) status = rk_session_load(session, file, err);
    if (status == RK_OK) status = rk_session_generate(session, &options, NULL, err);
    if (status == RK_OK && !rk_session_flush(session, print, stdout)) status = RK_ERR_IO;
    return status;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: story MODEL SESSION\n");
        return 2;
    }
    rk_error err = {.message = ""};
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
    if (status == RK_OK) status = tell(session, argv[2], &err);
    if (status != RK_OK) fprintf(stderr, "story: %s\n", err.message);
    rk_session_free(&session);
    rk_tokenizer_close(&tokenizer);
    rk_context_free(&context);
    rk_model_close(&model);
    return status == RK_OK ? 0 : 1;
}
