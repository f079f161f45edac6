// Many requests, several of them at work together. Answers are printed as soon as those before them
// have been.
#include "run/jsonl_loop.h"

#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/signals.h"
#include "cli/sizes.h"
#include "rk/state_file.h"
#include "run/jsonl_request.h"
#include "run/request_lines.h"
#include "run/timings.h"

// Answers that wait for an earlier one take memory: so many requests, as a multiple of those at
// work together, are in hand at most.
enum { MOST_WAITING = 16 };

typedef struct place {
    struct place *next;
    jsonl_request request;
} place;

typedef struct loop {
    const loaded_model *model;
    const run_settings *settings;
    request_lines lines;
    rk_session *prefix; // what every text begins with: its state, or NULL
    rk_batch *batch;
    place *first, *last; // in the order of the input; [n_places]
    size_t n_places;
    bool at_end;       // nothing more will be read
    bool input_failed; // after a message
    bool stdout_failed;
    size_t n_failed, first_failed_line;
    text_counts counts;
} loop;

static rk_status loop_open(loop *l, rk_error *err) {
    const loaded_model *m = l->model;
    const char *state = l->settings->states.initial, *session = l->settings->states.in;
    rk_status status = RK_OK;
    if (state != NULL || session != NULL) {
        status = rk_session_new(&l->prefix, m->context, m->tokenizer, NULL, err);
    }
    if (status == RK_OK && state != NULL) {
        status = rk_state_load(rk_session_state(l->prefix), 0, state, err);
    }
    if (status == RK_OK && session != NULL) status = rk_session_load(l->prefix, session, err);
    if (status == RK_OK) {
        status = rk_batch_new(&l->batch, m->context, m->tokenizer, l->settings->modes.batch, err);
    }
    return status;
}

static void remove_first(loop *l) {
    place *p = l->first;
    l->first = p->next;
    if (l->first == NULL) l->last = NULL;
    l->n_places--;
    jsonl_request_free(&p->request);
    free(p);
}

static void loop_close(loop *l) {
    rk_batch_free(&l->batch); // before what its requests borrow
    while (l->first != NULL) remove_first(l);
    rk_session_free(&l->prefix);
    request_lines_close(&l->lines);
}

// ---- requests come

static void on_done(void *user, rk_status status, const rk_generate_result *result,
                    const rk_error *err) {
    jsonl_request *r = user;
    r->record.result = *result;
    r->done = true;
    if (status != RK_OK) jsonl_request_fail(r, err->message);
}

static void begin(const loop *l, jsonl_request *r) {
    const rk_request request = {
        .prompt = r->prompt,
        .prompt_length = strlen(r->prompt),
        .sampling = &r->sampling.options,
        .options = &r->options,
        .initial = l->prefix != NULL ? rk_session_state(l->prefix) : NULL,
        .done = on_done,
        .user = r,
    };
    rk_error err = {.message =
                        "field 'prompt': empty, and --state-in wants something to go on with"};
    const bool empty = l->settings->states.in != NULL && request.prompt_length == 0;
    if (!empty && rk_batch_add(l->batch, &request, &err) == RK_OK) return;
    jsonl_request_fail(r, err.message);
    r->done = true;
}

static void add_request(loop *l, bool too_long, const char *text, size_t length) {
    place *p = cli_allocate(1, sizeof *p);
    jsonl_request *r = &p->request;
    if (too_long) {
        char reason[CLI_REASON];
        snprintf(reason, sizeof reason, "a line of more than %d bytes", REQUEST_MAX_BYTES);
        *r = (jsonl_request){.line = l->lines.line, .done = true};
        jsonl_request_fail(r, reason);
    } else {
        jsonl_request_read(r, l->lines.line, text, length, l->settings, l->model);
        r->done = r->error != NULL;
        if (!r->done) begin(l, r);
    }
    if (l->last != NULL) l->last->next = p;
    if (l->first == NULL) l->first = p;
    l->last = p;
    l->n_places++;
}

// Takes requests as long as there is room for them. Waits for one only when there is nothing else
// to do.
static void take_requests(loop *l) {
    const size_t most = MOST_WAITING * l->settings->modes.batch;
    while (!l->at_end && rk_batch_room(l->batch) > 0 && l->n_places < most) {
        char *text;
        size_t length;
        const request_line line = request_lines_next(&l->lines, l->n_places == 0, &text, &length);
        if (line == REQUEST_LINE_LATER) break;
        if (line == REQUEST_LINE || line == REQUEST_LINE_TOO_LONG) {
            add_request(l, line == REQUEST_LINE_TOO_LONG, text, length);
        } else {
            l->at_end = true;
            l->input_failed = line == REQUEST_LINES_FAILED;
        }
    }
}

// ---- answers go

static void count(loop *l, const jsonl_request *r) {
    l->counts.n_texts++;
    l->counts.n_prompt_tokens += r->record.result.n_prompt_tokens;
    l->counts.n_drawn_tokens += r->record.result.n_drawn_tokens;
    if (r->error == NULL) return;
    if (l->n_failed == 0) l->first_failed_line = r->line;
    l->n_failed++;
}

static void print_answers(loop *l) {
    while (l->first != NULL && l->first->request.done && !l->stdout_failed) {
        const jsonl_request *r = &l->first->request;
        count(l, r);
        l->stdout_failed = !jsonl_request_answer(r, l->model->tokenizer);
        remove_first(l);
    }
}

static void run(loop *l) {
    for (;;) {
        take_requests(l);
        rk_error err; // what went wrong with all is in the answer of each
        if (rk_batch_active(l->batch) > 0) (void)rk_batch_step(l->batch, &err);
        if (cli_interrupted()) return; // texts that were cut short are no answers
        print_answers(l);
        if (l->stdout_failed || (l->at_end && l->n_places == 0)) return;
    }
}

static int exit_code(const loop *l) {
    if (cli_interrupted()) return CLI_EXIT_INTERRUPTED;
    if (l->n_failed == 0) {
        return l->input_failed || l->stdout_failed ? CLI_EXIT_FAILED : CLI_EXIT_DONE;
    }
    if (!l->input_failed) {
        cli_complain("%s: %zu of %zu requests failed, the first of them in line %zu", l->lines.name,
                     l->n_failed, l->counts.n_texts, l->first_failed_line);
    }
    return CLI_EXIT_FAILED;
}

int answer_requests(const loaded_model *model, const char *path, const run_settings *settings) {
    loop l = {.model = model, .settings = settings};
    if (!request_lines_open(&l.lines, path)) return CLI_EXIT_FAILED;
    const double start = cli_now();
    rk_error err;
    int code;
    if (loop_open(&l, &err) != RK_OK) {
        code = cli_failure(&err);
    } else {
        run(&l);
        code = exit_code(&l);
        if (settings->report.timings) print_total_timings(model, &l.counts, cli_now() - start);
    }
    loop_close(&l);
    return code;
}
