// Keeping rows.
#include "embed/kept_rows.h"

#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"

enum { PREVIEW = 40 };

static void make_room(kept_rows *k) {
    if (k->count < k->capacity) return;
    k->capacity = k->capacity == 0 ? 64 : 2 * k->capacity;
    k->values = cli_reallocate(k->values, k->capacity * k->length, sizeof *k->values);
    k->labels = cli_reallocate(k->labels, k->capacity, sizeof *k->labels);
    k->ids = cli_reallocate(k->ids, k->capacity, sizeof *k->ids);
    k->texts = cli_reallocate(k->texts, k->capacity, sizeof *k->texts);
}

static int keep(void *user, const embedded_row *row) {
    kept_rows *k = user;
    const text_item *item = row->item;
    if (k->most > 0 && k->count == k->most) {
        cli_complain("%s: more than %zu texts", item->where, k->most);
        return CLI_EXIT_FAILED;
    }
    make_room(k);
    memcpy(k->values + k->count * k->length, row->values, k->length * sizeof *row->values);
    k->labels[k->count] = item->label != NULL ? cli_copy(item->label) : NULL;
    k->ids[k->count] = cli_copy(item->id);
    k->texts[k->count] = k->keep_text ? text_preview(item->text, item->length, PREVIEW) : NULL;
    k->count++;
    return CLI_EXIT_DONE;
}

int kept_rows_collect(kept_rows *rows, const embed_job *job) {
    rows->length = job->machine->length;
    const embed_loop loop = {.machine = job->machine,
                             .source = job->source,
                             .take = keep,
                             .user = rows,
                             .common = job->common};
    uint64_t n_rows;
    return embed_loop_run(&loop, &n_rows);
}

void kept_rows_free(kept_rows *rows) {
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->labels[i]);
        free(rows->ids[i]);
        free(rows->texts[i]);
    }
    free(rows->values);
    free(rows->labels);
    free(rows->ids);
    free(rows->texts);
    *rows = (kept_rows){0};
}
