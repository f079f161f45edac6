// Fuzz target: chat template files. One that loads says what a turn looks like.
#include <stdlib.h>
#include <string.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "memory_watch.h"
#include "rk/chat.h"

// An empty session of a very small model that speaks bytes; never used but for asking.
static rk_session *open_session(void) {
    rk_error err = {0};
    rk_model *model = NULL;
    static rk_context *context;
    static rk_tokenizer *tokenizer;
    rk_session *session = NULL;
    const char *path = fuzz_copy_fixture("tiny-rwkv6-bytes.bin", "model.bin");
    fuzz_require(rk_model_open(&model, path, NULL, &err) == RK_OK, err.message);
    fuzz_require(rk_context_new(&context, model, NULL, &err) == RK_OK, err.message);
    fuzz_require(rk_tokenizer_open(&tokenizer, 256, &err) == RK_OK, err.message);
    fuzz_require(rk_session_new(&session, context, tokenizer, NULL, &err) == RK_OK, err.message);
    rk_model_close(&model);
    return session;
}

static void ask(rk_session *session, const rk_chat_template *chat_template, const char *system) {
    static const char question[] = "Who are you?";
    rk_error err = {0};
    rk_chat *chat = NULL;
    char *prompt = NULL;
    size_t length = 0;
    const rk_chat_options options = {.system = system};
    rk_status status = rk_chat_new(&chat, session, chat_template, &options, &err);
    if (status == RK_OK) {
        status = rk_chat_prompt(chat, question, sizeof question - 1, &prompt, &length, &err);
    }
    if (status == RK_OK) {
        fuzz_require(strlen(prompt) <= length, "prompts are terminated");
        fuzz_require(memmem(prompt, length, question, sizeof question - 1) != NULL,
                     "the prompt contains what is said");
    } else {
        probe_error(status, &err);
    }
    rk_chat_text_free(&prompt);
    rk_chat_free(&chat);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static rk_session *session;
    if (!session) session = open_session();
    rk_error err = {0};
    rk_chat_template *chat_template = NULL;
    memory_watch_begin();
    const char *path = fuzz_file(data, size);
    const rk_status status = rk_chat_template_load(&chat_template, path, &err);
    if (status == RK_OK) {
        ask(session, chat_template, NULL);
        ask(session, chat_template, "Be brief."); // not every template has a place for it
    } else {
        fuzz_require(memory_watch_peak() <= probe_memory_limit(size), "refusing takes little");
        probe_error(status, &err);
        probe_path(status, &err, path);
    }
    rk_chat_template_free(&chat_template);
    return 0;
}
