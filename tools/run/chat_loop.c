// The loop of a chat: read, do, until the end.
#include "run/chat_loop.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/messages.h"
#include "cli/paths.h"
#include "cli/signals.h"
#include "run/chat_commands.h"
#include "run/chat_input.h"
#include "run/conversation.h"

// Where somebody who types reads, too; NULL: nobody types.
static FILE *find_screen(void) {
    if (isatty(STDIN_FILENO) == 0) return NULL;
    if (isatty(STDOUT_FILENO) != 0) return stdout;
    return isatty(STDERR_FILENO) != 0 ? stderr : NULL;
}

static void greet(const conversation *c) {
    conversation_remark(c, "%s, preset %s; /help lists the commands, Ctrl-D ends",
                        cli_base_name(c->job->model->path), c->preset);
}

// Ctrl-C while nothing is going on but typing.
static void give_up_line(const conversation *c, bool was_empty) {
    fputc('\n', c->screen);
    if (was_empty) conversation_remark(c, "Ctrl-D or /exit ends");
}

// False: the chat is to end.
static bool take(conversation *c, const char *text, size_t length) {
    if (chat_is_command(text, length)) return chat_command(c, text, length);
    const size_t escape = length >= 2 && text[0] == '/' && text[1] == '/' ? 1 : 0;
    conversation_say(c, text + escape, length - escape);
    return true;
}

static int talk(conversation *c, chat_input *input) {
    for (;;) {
        char *text;
        size_t length;
        const line_end end = chat_input_read(input, &text, &length);
        bool go_on = end == LINE_DONE;
        if (go_on) go_on = take(c, text, length);
        const bool interrupted = end == LINE_INTERRUPTED && !cli_terminated();
        if (interrupted && c->screen != NULL) {
            give_up_line(c, text != NULL && length == 0);
            go_on = true;
        }
        free(text);
        if (c->display.failed || end == LINE_FAILED) return CLI_EXIT_FAILED;
        if (c->screen != NULL && !cli_terminated()) cli_interrupt_forget();
        if (go_on && !cli_interrupted()) continue;
        if (c->screen != NULL && end != LINE_DONE) fputc('\n', c->screen);
        if (cli_interrupted()) return CLI_EXIT_INTERRUPTED;
        return c->screen == NULL && c->failed ? CLI_EXIT_FAILED : CLI_EXIT_DONE;
    }
}

static int take_turns(conversation *c) {
    if (c->screen != NULL) cli_signals_converse();
    chat_input input;
    int code = CLI_EXIT_FAILED;
    if (chat_input_open(&input, c->screen, c->colors, c->job->settings->chat.history)) {
        greet(c);
        code = talk(c, &input);
    }
    chat_input_close(&input);
    return code;
}

static int take_one_turn(conversation *c) {
    conversation_say(c, c->job->prompt->data, c->job->prompt->size);
    if (cli_interrupted()) return CLI_EXIT_INTERRUPTED;
    return c->failed || c->display.failed ? CLI_EXIT_FAILED : CLI_EXIT_DONE;
}

int run_chat(const text_job *job) {
    const run_settings *s = job->settings;
    const bool one_turn = s->prompt.text != NULL || s->prompt.file != NULL;
    conversation c;
    int code = conversation_open(&c, job, one_turn ? NULL : find_screen());
    if (code == CLI_EXIT_DONE) {
        code = one_turn ? take_one_turn(&c) : take_turns(&c);
        rk_error err;
        if (s->states.out != NULL && rk_session_save(c.session, s->states.out, &err) != RK_OK) {
            code = cli_failure(&err);
        }
    }
    conversation_close(&c);
    return code;
}
