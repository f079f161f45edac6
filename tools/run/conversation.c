// Conversations.
#include "run/conversation.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "run/quoted_prompt.h"
#include "run/timings.h"

// ---- remarks

static void print_remark(const conversation *c, const char *format, va_list arguments) {
    if (c->screen == NULL || c->job->common->quiet) return;
    fputs(c->colors ? "\033[2m(" : "(", c->screen);
    vfprintf(c->screen, format, arguments);
    fputs(c->colors ? ")\033[0m\n" : ")\n", c->screen);
    fflush(c->screen);
}

void conversation_remark(const conversation *c, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_remark(c, format, arguments);
    va_end(arguments);
}

void conversation_fail(conversation *c, const rk_error *err) {
    cli_complain("%s", err->message);
    c->failed = true;
}

// ---- beginning and end

// Loads a template, unless it has been used before. NULL on failure.
static const named_template *find_template(conversation *c, const char *name, bool is_file,
                                           rk_error *err) {
    for (size_t i = 0; i < c->n_templates; i++) {
        if (strcmp(c->templates[i].name, name) == 0) return &c->templates[i];
    }
    rk_chat_template *chat_template = NULL;
    const rk_status status = is_file ? rk_chat_template_load(&chat_template, name, err)
                                     : rk_chat_template_preset(&chat_template, name, err);
    if (status != RK_OK) return NULL;
    c->templates = cli_reallocate(c->templates, c->n_templates + 1, sizeof c->templates[0]);
    named_template *added = &c->templates[c->n_templates++];
    *added = (named_template){cli_copy(name), chat_template};
    return added;
}

static rk_status open_chat(conversation *c, rk_error *err) {
    const chat_settings *s = &c->job->settings->chat;
    const char *preset = chat_settings_preset(s, c->job->model->n_vocab);
    const named_template *t =
        find_template(c, preset != NULL ? preset : s->template_file, preset == NULL, err);
    if (t == NULL) return err->code;
    c->preset = t->name;
    rk_status status = open_session(&c->session, c->job, err);
    if (status != RK_OK) return status;
    const rk_chat_options options = {.system = s->system};
    status = rk_chat_new(&c->chat, c->session, t->chat_template, &options, err);
    // A session that was saved before anything was said in it is a beginning still.
    const bool goes_on = rk_session_logits(c->session) != NULL;
    if (status == RK_OK && goes_on) status = rk_chat_resume(c->chat, err);
    return status;
}

int conversation_open(conversation *c, const text_job *job, FILE *screen) {
    *c = (conversation){
        .job = job,
        .max_tokens = job->settings->ending.n_tokens,
        .wanted = job->settings->sampling,
        .screen = screen,
        .colors = cli_has_colors(STDOUT_FILENO),
    };
    rk_error err;
    char reason[CLI_REASON];
    if (open_chat(c, &err) != RK_OK) return cli_failure(&err);
    if (!sampling_read(&c->sampling, &c->wanted, reason)) return CLI_EXIT_FAILED; // it was once
    c->sampling.options.seed = rk_sampler_seed(rk_session_sampler(c->session));
    return CLI_EXIT_DONE;
}

void conversation_close(conversation *c) {
    rk_chat_free(&c->chat);
    rk_session_free(&c->session);
    for (size_t i = 0; i < c->n_templates; i++) {
        rk_chat_template_free(&c->templates[i].chat_template);
        free(c->templates[i].name);
    }
    for (size_t i = 0; i < c->n_texts; i++) free(c->texts[i]);
    free(c->templates);
    free(c->texts);
    sampling_free(&c->sampling);
}

// ---- prompts

void conversation_show_prompt(conversation *c, const char *text, size_t length) {
    char *prompt;
    size_t n_prompt;
    rk_error err;
    rk_status status = rk_chat_prompt(c->chat, text, length, &prompt, &n_prompt, &err);
    if (status == RK_OK) {
        status = quoted_prompt_print(stdout, c->job->model->tokenizer, prompt, n_prompt, &err);
        fflush(stdout);
    }
    rk_chat_text_free(&prompt);
    if (status != RK_OK) conversation_fail(c, &err);
}

static bool is_blank(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0') return false;
    }
    return true;
}

// ---- answers

static rk_generate_options begin_answer(conversation *c, cli_progress *progress) {
    // Between the answers in a file or a pipe.
    if (c->screen != stdout && c->n_answers > 0) puts("");
    c->n_answers++;
    chat_display_begin(&c->display, isatty(STDOUT_FILENO) != 0, c->colors);
    cli_progress_begin(progress, "prompt", CLI_UNIT_TOKENS, c->job->common->quiet);
    rk_generate_options options = {0};
    ending_apply(&options, c->job->ending, &c->job->settings->ending);
    options.max_tokens = c->max_tokens;
    options.text = chat_display_write;
    options.user = &c->display;
    options.progress = cli_progress_hook(progress);
    return options;
}

static void end_answer(conversation *c, cli_progress *progress, rk_status status,
                       const rk_generate_result *result, const rk_error *err) {
    cli_progress_end(progress);
    if (status == RK_OK || c->display.last != 0) chat_display_end(&c->display);
    if (status == RK_ERR_CANCELLED) {
        // The terminal has put ^C where the progress line was.
        if (c->screen != NULL && cli_is_capable_terminal(fileno(c->screen))) {
            fputs("\r\033[K", c->screen);
        }
        conversation_remark(c, "stopped; the turn has not been said");
    } else if (status != RK_OK) {
        conversation_fail(c, err);
    } else {
        c->last = *result;
        if (result->end == RK_END_LENGTH) {
            conversation_remark(c, "cut off after %zu tokens; /set tokens N changes that",
                                c->max_tokens);
        }
        if (c->job->settings->report.timings) {
            print_timings(c->job, result, rk_sampler_seed(rk_session_sampler(c->session)));
        }
    }
    if (c->screen != NULL) fputc('\n', c->screen);
    if (c->screen != NULL) fflush(c->screen);
}

void conversation_say(conversation *c, const char *text, size_t length) {
    if (is_blank(text, length)) return;
    if (c->job->settings->chat.print_prompt) {
        conversation_show_prompt(c, text, length);
        if (c->max_tokens == 0) return;
    }
    cli_progress progress;
    const rk_generate_options options = begin_answer(c, &progress);
    rk_generate_result result = {0};
    rk_error err;
    const rk_status status = rk_chat_say(c->chat, text, length, &options, &result, &err);
    end_answer(c, &progress, status, &result, &err);
}

void conversation_retry(conversation *c, bool same_numbers) {
    if (rk_chat_undoable(c->chat) == 0) {
        const rk_error nothing = {.message = "there is no answer to take back"};
        conversation_fail(c, &nothing);
        return;
    }
    cli_progress progress;
    const rk_generate_options options = begin_answer(c, &progress);
    rk_generate_result result = {0};
    rk_error err;
    const rk_status status = rk_chat_answer_again(c->chat, same_numbers, &options, &result, &err);
    end_answer(c, &progress, status, &result, &err);
}

// ---- templates

void conversation_use_preset(conversation *c, const char *name) {
    rk_error err;
    const named_template *t = find_template(c, name, false, &err);
    if (t == NULL || rk_chat_use_template(c->chat, t->chat_template, &err) != RK_OK) {
        conversation_fail(c, &err);
        return;
    }
    c->preset = t->name;
}
