// The commands of a chat, as one table.
#include "run/chat_commands.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/paths.h"
#include "run/line_editor.h"

typedef struct command {
    const char *names; // separated by blanks; the first is the one that the help shows
    const char *argument;
    const char *help;
    void (*run)(conversation *c, const char *argument); // NULL: ends the chat
} command;

// ---- what they do

static void retry(conversation *c, const char *argument) {
    const bool same = strcmp(argument, "same") == 0;
    if (!same && argument[0] != '\0') {
        cli_complain("/retry: choose 'same', or nothing");
        c->failed = true;
        return;
    }
    conversation_retry(c, same);
}

static void undo(conversation *c, const char *argument) {
    (void)argument;
    rk_error err;
    if (rk_chat_undo(c->chat, &err) != RK_OK) {
        conversation_fail(c, &err);
        return;
    }
    const size_t n = rk_chat_turns(c->chat);
    conversation_remark(c, "taken back; %zu turn%s left", n, n == 1 ? " is" : "s are");
}

static void reset(conversation *c, const char *argument) {
    (void)argument;
    rk_error err;
    if (rk_chat_reset(c->chat, &err) != RK_OK) {
        conversation_fail(c, &err);
        return;
    }
    conversation_remark(c, "back at the beginning");
}

static bool require_file(conversation *c, const char *name, const char *file) {
    if (file[0] != '\0') return true;
    cli_complain("%s: missing argument FILE", name);
    c->failed = true;
    return false;
}

static void save(conversation *c, const char *file) {
    if (!require_file(c, "/save", file)) return;
    rk_error err = {.message = "there is nothing to save yet"};
    const bool anything = rk_session_logits(c->session) != NULL;
    if (anything && cli_same_file(file, c->job->model->path)) {
        snprintf(err.message, sizeof err.message, "%.400s: that is the model", file);
    } else if (anything && rk_session_save(c->session, file, &err) == RK_OK) {
        conversation_remark(c, "saved in %s", file);
        return;
    }
    conversation_fail(c, &err);
}

static void load(conversation *c, const char *file) {
    if (!require_file(c, "/load", file)) return;
    rk_error err;
    rk_status status = rk_session_load(c->session, file, &err);
    if (status == RK_OK) status = rk_chat_resume(c->chat, &err);
    if (status != RK_OK) {
        conversation_fail(c, &err);
        return;
    }
    conversation_remark(c, "going on with %s", file);
}

static void show_prompt(conversation *c, const char *text) {
    conversation_show_prompt(c, text, strlen(text));
}

static double rate(size_t n, double seconds) {
    return seconds > 0.0 ? (double)n / seconds : 0.0;
}

static void show(conversation *c, const char *argument) {
    (void)argument;
    const rk_model_info *info = rk_model_describe(c->job->model->model);
    const rk_generate_result *last = &c->last;
    printf("model     %s: %s, %s\n", cli_base_name(c->job->model->path), info->arch_name,
           info->strategy);
    printf("preset    %s\n", c->preset);
    printf("turns     %zu", rk_chat_turns(c->chat));
    if (rk_chat_undoable(c->chat) < rk_chat_turns(c->chat)) {
        printf(", of which the last %zu can be undone", rk_chat_undoable(c->chat));
    }
    putchar('\n');
    printf("tokens    %zu\n", c->max_tokens);
    fputs("sampling  ", stdout);
    sampling_print(stdout, &c->sampling, rk_sampler_seed(rk_session_sampler(c->session)));
    putchar('\n');
    if (last->n_drawn_tokens > 0) {
        printf("answer    %zu tokens, %.1f tokens/s; prompt %zu tokens, %.1f tokens/s\n",
               last->n_drawn_tokens, rate(last->n_drawn_tokens, last->draw_seconds),
               last->n_prompt_tokens, rate(last->n_prompt_tokens, last->prompt_seconds));
    }
    printf("editing   %s\n", line_editor_name);
    fflush(stdout);
}

static void help(conversation *c, const char *argument);

static const command commands[] = {
    {"retry alt regen +", "", "answer again, differently; also +", retry},
    {"retry", "same", "the same with the random numbers of the last time", retry},
    {"undo", "", "take back your last turn and its answer", undo},
    {"reset clear", "", "back to the beginning", reset},
    {"save", "FILE", "keep the conversation in FILE", save},
    {"load", "FILE", "go on with the one in FILE", load},
    {"set", "NAME VALUE", "temp, top-p, seed, tokens, chat-preset, ...; /set lists them", chat_set},
    {"show", "", "settings and figures", show},
    {"prompt", "TEXT", "what the model would be given for TEXT", show_prompt},
    {"help ?", "", "this", help},
    {"exit quit", "", "end; also Ctrl-D", NULL},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void help(conversation *c, const char *argument) {
    (void)c;
    (void)argument;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const command *it = &commands[i];
        char form[32];
        snprintf(form, sizeof form, "/%.*s %s", (int)strcspn(it->names, " "), it->names,
                 it->argument);
        printf("%-17s %s\n", form, it->help);
    }
    puts("Ctrl-C stops an answer; what has come of it stays. A \\ at the end of a line\n"
         "goes on with the next. // at the beginning says something that begins with /.");
    if (line_editor_remembers) {
        puts("Up and Down go through what was typed, Ctrl-R searches, Alt-Enter begins\n"
             "another line.");
    }
    fflush(stdout);
}

// ---- finding them

static bool is_named(const command *it, const char *name, size_t length) {
    for (const char *at = it->names; *at != '\0';) {
        const size_t n = strcspn(at, " ");
        if (n == length && memcmp(at, name, n) == 0) return true;
        at += n + strspn(at + n, " ");
    }
    return false;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Release: free.
static char *trimmed(const char *text, size_t length) {
    while (length > 0 && is_blank(text[length - 1])) length--;
    while (length > 0 && is_blank(text[0])) {
        text++;
        length--;
    }
    return cli_format("%.*s", (int)length, text);
}

bool chat_command(conversation *c, const char *line, size_t length) {
    if (length > 0 && line[0] == '/') {
        line++;
        length--;
    }
    size_t n_name = 0;
    while (n_name < length && !is_blank(line[n_name])) n_name++;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (!is_named(&commands[i], line, n_name)) continue;
        if (commands[i].run == NULL) return false;
        char *argument = trimmed(line + n_name, length - n_name);
        commands[i].run(c, argument);
        free(argument);
        return true;
    }
    cli_complain("unknown command /%.*s: /help lists them, // says a /", (int)n_name, line);
    c->failed = true;
    return true;
}
