// The loop over the texts.
#include "embed/embed_loop.h"

#include <stdlib.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/progress_line.h"
#include "cli/ranks.h"
#include "embed/embed_ranks.h"

// What is under way: a batch for each rank.
typedef struct state {
    const embed_loop *loop;
    text_item *items; // [capacity], of the batches under way
    rk_text *texts;   // [capacity], their texts
    size_t n_items, capacity;
    float *rows, *raw; // [batch] those that come from other ranks; NULL where there are none
    float *resumed;    // [length], a row that was there
    uint64_t n_rows;   // handed on
    uint64_t before;   // bytes of the source before this batch
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

// The rows of one batch, from this process or another.
static rk_status run_batch(state *s, size_t rank, size_t first, size_t n, rk_error *err) {
    embed_machine *m = s->loop->machine;
    const rk_progress progress = {.report = report, .user = s};
    if (rank == 0) return embed_machine_run(m, s->texts + first, n, &progress, err);
    return embed_ranks_fetch(m, rank, n, s->rows, s->raw, err);
}

static int hand_on_batch(state *s, size_t rank, size_t first, size_t n) {
    const embed_machine *m = s->loop->machine;
    partial_rows *partial = s->loop->partial;
    const float *rows = rank == 0 ? m->rows : s->rows, *raw = rank == 0 ? m->raw : s->raw;
    for (size_t i = 0; i < n; i++) {
        const text_item *item = &s->items[first + i];
        const float *values = rows + i * m->length;
        if (partial != NULL && !partial_rows_append(partial, item, values)) return CLI_EXIT_FAILED;
        const int code = hand_on(s, item, raw != NULL ? raw + i * m->raw_length : NULL, values);
        if (code != CLI_EXIT_DONE) return code;
    }
    return CLI_EXIT_DONE;
}

static size_t batch_size(const state *s, size_t first) {
    const size_t batch = s->loop->machine->batch, left = s->n_items - first;
    return left < batch ? left : batch;
}

// All that is under way. Every batch that was given away is fetched, also after a failure.
static int run_round(state *s) {
    const embed_machine *m = s->loop->machine;
    int code = CLI_EXIT_DONE;
    for (size_t i = 0; i < s->n_items; i++) {
        s->texts[i] = (rk_text){s->items[i].text, s->items[i].length};
    }
    for (size_t first = m->batch, rank = 1; first < s->n_items; first += m->batch, rank++) {
        embed_ranks_give(rank, s->texts + first, batch_size(s, first));
    }
    for (size_t first = 0, rank = 0; first < s->n_items; first += m->batch, rank++) {
        const size_t n = batch_size(s, first);
        rk_error err;
        const rk_status status = run_batch(s, rank, first, n, &err);
        if (code != CLI_EXIT_DONE) continue;
        code = status == RK_OK ? hand_on_batch(s, rank, first, n)
                               : cli_failure_of(s->items[first + m->culprit].where, &err);
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
        if (result == TEXT_END) return s->n_items > 0 ? run_round(s) : CLI_EXIT_DONE;
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
        if (s->n_items == s->capacity) code = run_round(s);
        if (code != CLI_EXIT_DONE) return code;
    }
}

int embed_loop_run(const embed_loop *loop, uint64_t *n_rows) {
    const embed_machine *m = loop->machine;
    const size_t capacity = m->batch * cli_ranks();
    state s = {.loop = loop,
               .items = cli_allocate(capacity, sizeof *s.items),
               .texts = cli_allocate(capacity, sizeof *s.texts),
               .capacity = capacity,
               .resumed = cli_allocate(m->length, sizeof *s.resumed)};
    if (cli_ranks() > 1) {
        s.rows = cli_allocate(m->batch * m->length, sizeof *s.rows);
        if (loop->wants_raw) s.raw = cli_allocate(m->batch * m->raw_length, sizeof *s.raw);
    }
    cli_progress_begin(&s.progress, "embedding", CLI_UNIT_BYTES, loop->common->quiet);
    const int code = run_all(&s);
    cli_progress_end(&s.progress);
    forget_items(&s);
    free(s.items);
    free(s.texts);
    free(s.resumed);
    free(s.rows);
    free(s.raw);
    *n_rows = s.n_rows;
    return code;
}
