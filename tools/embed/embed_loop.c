// The loop over the texts.
#include "embed/embed_loop.h"

#include <stdlib.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/progress_line.h"

// What is under way.
typedef struct state {
    const embed_loop *loop;
    text_item *items; // [batch], of the batch under way
    rk_text *texts;   // [batch], their texts
    size_t n_items;
    float *resumed;  // [length], a row that was there
    uint64_t n_rows; // handed on
    uint64_t before; // bytes of the source before this batch
    cli_progress progress;
} state;

// The progress of a batch, as a part of that of all texts.
static bool report(void *user, uint64_t done, uint64_t total) {
    state *s = user;
    const text_source *source = s->loop->source;
    const double share = (double)done / (double)total;
    const uint64_t now = s->before + (uint64_t)(share * (double)(source->done - s->before));
    return cli_progress_report(&s->progress, now, source->total > now ? source->total : now);
}

static int hand_on(state *s, const text_item *item, const float *raw, const float *values) {
    const embedded_row row = {item, s->n_rows++, raw, values};
    return s->loop->take(s->loop->user, &row);
}

static void forget_items(state *s) {
    for (size_t i = 0; i < s->n_items; i++) text_item_free(&s->items[i]);
    s->n_items = 0;
}

static int run_batch(state *s) {
    embed_machine *m = s->loop->machine;
    for (size_t i = 0; i < s->n_items; i++) {
        s->texts[i] = (rk_text){s->items[i].text, s->items[i].length};
    }
    const rk_progress progress = {.report = report, .user = s};
    rk_error err;
    if (embed_machine_run(m, s->texts, s->n_items, &progress, &err) != RK_OK) {
        return cli_failure_of(s->items[m->culprit].where, &err);
    }
    int code = CLI_EXIT_DONE;
    for (size_t i = 0; code == CLI_EXIT_DONE && i < s->n_items; i++) {
        const float *values = m->rows + i * m->length;
        partial_rows *partial = s->loop->partial;
        if (partial != NULL && !partial_rows_append(partial, &s->items[i], values)) {
            return CLI_EXIT_FAILED;
        }
        code = hand_on(s, &s->items[i], m->raw + i * m->raw_length, values);
    }
    forget_items(s);
    s->before = s->loop->source->done;
    return code;
}

// Takes the row of a text that an earlier job has made. *found: there was one.
static int resume(state *s, text_item *item, bool *found) {
    *found = false;
    if (s->loop->partial == NULL) return CLI_EXIT_DONE;
    const partial_result result = partial_rows_next(s->loop->partial, item, s->resumed);
    if (result == PARTIAL_FAILED) return CLI_EXIT_FAILED;
    *found = result == PARTIAL_ROW;
    if (!*found) return CLI_EXIT_DONE;
    rk_error err;
    if (rk_embedding_check(s->resumed, s->loop->machine->length, &err) != RK_OK) {
        return cli_failure_of(s->loop->partial->path, &err);
    }
    return hand_on(s, item, NULL, s->resumed);
}

static int run_all(state *s) {
    for (;;) {
        text_item item;
        const text_result result = text_source_next(s->loop->source, &item);
        if (result == TEXT_END) return s->n_items > 0 ? run_batch(s) : CLI_EXIT_DONE;
        if (result == TEXT_INTERRUPTED) return CLI_EXIT_INTERRUPTED;
        if (result == TEXT_FAILED) return CLI_EXIT_FAILED;
        bool found;
        int code = resume(s, &item, &found);
        if (code != CLI_EXIT_DONE || found) {
            text_item_free(&item);
            if (code != CLI_EXIT_DONE) return code;
            continue;
        }
        s->items[s->n_items++] = item;
        if (s->n_items == s->loop->machine->batch) code = run_batch(s);
        if (code != CLI_EXIT_DONE) return code;
    }
}

int embed_loop_run(const embed_loop *loop, uint64_t *n_rows) {
    const size_t batch = loop->machine->batch;
    state s = {.loop = loop,
               .items = cli_allocate(batch, sizeof *s.items),
               .texts = cli_allocate(batch, sizeof *s.texts),
               .resumed = cli_allocate(loop->machine->length, sizeof *s.resumed)};
    cli_progress_begin(&s.progress, "embedding", CLI_UNIT_BYTES, loop->common->quiet);
    const int code = run_all(&s);
    cli_progress_end(&s.progress);
    forget_items(&s);
    free(s.items);
    free(s.texts);
    free(s.resumed);
    *n_rows = s.n_rows;
    return code;
}
