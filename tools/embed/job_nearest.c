// The texts most like a query.
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/json_input.h"
#include "cli/json_output.h"
#include "cli/messages.h"
#include "cli/table.h"
#include "embed/embed_jobs.h"
#include "embed/embed_loop.h"
#include "embed/index_file.h"
#include "rk/npy.h"
#include "rk/similarity.h"

enum { PREVIEW = 60 };

// ---- what is known of the rows that are the nearest so far

typedef struct search {
    rk_nearest *nearest;
    index_line *kept; // [most], as in an index; without an object: free
    size_t most;
} search;

static bool is_found(const rk_neighbour *found, size_t count, uint64_t row) {
    for (size_t i = 0; i < count; i++) {
        if (found[i].row == row) return true;
    }
    return false;
}

// As a line of an index has it.
static cJSON *object_of(const embedded_row *row) {
    const text_item *item = row->item;
    char *text = cli_json_quote(item->text, item->length, NULL);
    const char *comma = item->fields[0] != '\0' ? "," : "";
    char *line = cli_format("{\"index\":%" PRIu64 ",\"id\":%s%s%s,\"text\":%s}", row->index,
                            item->id, comma, item->fields, text);
    char reason[CLI_REASON];
    cJSON *object = cli_json_parse_object(line, strlen(line), reason);
    free(line);
    free(text);
    if (object == NULL) cli_complain("%s: %s", item->where, reason);
    return object;
}

// Keeps the text of a row that has just become one of the best, in the place of one that no longer
// is.
static int take(void *user, const embedded_row *row) {
    search *s = user;
    assert(s->kept != NULL);
    rk_nearest_add(s->nearest, row->index, row->values);
    size_t count;
    const rk_neighbour *found = rk_nearest_found(s->nearest, &count);
    if (!is_found(found, count, row->index)) return CLI_EXIT_DONE;
    for (size_t i = 0; i < s->most; i++) {
        index_line *kept = &s->kept[i];
        if (kept->object != NULL && is_found(found, count, kept->row)) continue;
        cJSON_Delete(kept->object);
        *kept = (index_line){row->index, object_of(row)};
        return kept->object != NULL ? CLI_EXIT_DONE : CLI_EXIT_FAILED;
    }
    return CLI_EXIT_DONE;
}

// Moves the kept texts into the order of the result.
static void sort_kept(index_line *lines, const search *s, const rk_neighbour *found, size_t count) {
    assert(s->kept != NULL);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < s->most; k++) {
            if (s->kept[k].object == NULL || s->kept[k].row != found[i].row) continue;
            lines[i] = s->kept[k];
            s->kept[k].object = NULL;
        }
    }
}

// ---- where the vectors are

static int search_texts(search *s, const embed_job *job, uint64_t *n_rows) {
    const embed_loop loop = {.machine = job->machine,
                             .source = job->source,
                             .take = take,
                             .user = s,
                             .common = job->common};
    return embed_loop_run(&loop, n_rows);
}

static rk_status search_rows(search *s, const rk_npy_rows *rows, rk_error *err) {
    enum { TOGETHER = 64 };
    const size_t n_columns = rk_npy_columns(rows);
    const uint64_t n_rows = rk_npy_count(rows);
    float *values = cli_allocate(TOGETHER * n_columns, sizeof *values);
    rk_status status = RK_OK;
    for (uint64_t first = 0; status == RK_OK && first < n_rows; first += TOGETHER) {
        const size_t n = n_rows - first < TOGETHER ? (size_t)(n_rows - first) : TOGETHER;
        status = rk_npy_read(rows, first, n, values, err);
        for (size_t i = 0; status == RK_OK && i < n; i++) {
            rk_nearest_add(s->nearest, first + i, values + i * n_columns);
        }
    }
    free(values);
    return status;
}

static int search_file(search *s, const embed_job *job, uint64_t *n_rows) {
    const char *path = job->settings->tasks.vectors;
    rk_npy_rows *rows = NULL;
    rk_error err;
    int code = CLI_EXIT_DONE;
    if (rk_npy_open(&rows, path, &err) != RK_OK) return cli_failure(&err);
    *n_rows = rk_npy_count(rows);
    if (rk_npy_columns(rows) != job->machine->length) {
        cli_complain("%s: vectors of %zu values; the query has %zu", path, rk_npy_columns(rows),
                     job->machine->length);
        code = CLI_EXIT_FAILED;
    } else if (search_rows(s, rows, &err) != RK_OK) {
        code = cli_failure(&err);
    }
    rk_npy_close(&rows);
    return code;
}

// ---- the result

// Of an object's member, for a table: a text as it is, other values as JSON. Release: free.
static char *member_text(const cJSON *object, const char *key) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    if (value == NULL) return cli_copy("");
    if (cJSON_IsString(value)) {
        return text_preview(value->valuestring, strlen(value->valuestring), PREVIEW);
    }
    char *printed = cJSON_PrintUnformatted(value);
    char *copy = cli_copy(printed);
    cJSON_free(printed);
    return copy;
}

static void print_table(const rk_neighbour *found, const index_line *lines, size_t count) {
    static const cli_column columns[] = {
        {"similarity", true}, {"row", true}, {"id", false}, {"text", false}};
    cli_table table;
    cli_table_init(&table, columns, lines[0].object != NULL ? 4 : 2);
    for (size_t i = 0; i < count; i++) {
        cli_table_add(&table, "%.4f", found[i].similarity);
        cli_table_add(&table, "%" PRIu64, found[i].row);
        if (lines[0].object == NULL) continue;
        char *id = member_text(lines[i].object, "id"), *text = member_text(lines[i].object, "text");
        cli_table_add(&table, "%s", id);
        cli_table_add(&table, "%s", text);
        free(id);
        free(text);
    }
    cli_table_print(&table, stdout);
    cli_table_fini(&table);
}

static void print_json(const embed_job *job, const rk_neighbour *found, index_line *lines,
                       size_t count, uint64_t n_rows) {
    cJSON *object = cli_json_new(1);
    cli_json_add_text(object, "query", job->query);
    cli_json_add_text(object, "vectors", job->machine->key);
    cli_json_add_size(object, "searched", n_rows);
    cJSON *list = cli_json_add_array(object, "nearest");
    for (size_t i = 0; i < count; i++) {
        cJSON *one = cli_json_append_object(list);
        cli_json_add_number(one, "similarity", found[i].similarity);
        cli_json_add_size(one, "row", found[i].row);
        if (lines[i].object == NULL) continue;
        cJSON_AddItemToObject(one, "about", lines[i].object);
        lines[i].object = NULL;
    }
    cli_json_finish(object);
}

static int print_found(const embed_job *job, search *s, uint64_t n_rows) {
    size_t count;
    const rk_neighbour *found = rk_nearest_found(s->nearest, &count);
    index_line *lines = cli_allocate(count + 1, sizeof *lines);
    const char *index = job->settings->output.index;
    int code = CLI_EXIT_DONE;
    sort_kept(lines, s, found, count);
    if (job->source == NULL && index != NULL && count > 0 &&
        !index_file_find(lines, found, count, index, job->machine->key)) {
        code = CLI_EXIT_FAILED;
    } else if (job->common->json) {
        print_json(job, found, lines, count, n_rows);
    } else {
        print_table(found, lines, count);
    }
    for (size_t i = 0; i < count; i++) cJSON_Delete(lines[i].object);
    free(lines);
    return code;
}

static int start_search(search *s, const embed_job *job) {
    const rk_text query = {job->query, strlen(job->query)};
    rk_error err;
    *s = (search){.most = job->settings->tasks.nearest};
    rk_status status = embed_machine_run(job->machine, &query, 1, NULL, &err);
    if (status != RK_OK) return cli_failure_of("the query", &err);
    status = rk_nearest_new(&s->nearest, job->machine->rows, job->machine->length, s->most, &err);
    if (status != RK_OK) return cli_failure(&err);
    s->kept = cli_allocate(s->most, sizeof *s->kept);
    return CLI_EXIT_DONE;
}

int job_nearest(const embed_job *job) {
    search s;
    uint64_t n_rows = 0;
    int code = start_search(&s, job);
    if (code == CLI_EXIT_DONE) {
        code = job->source != NULL ? search_texts(&s, job, &n_rows) : search_file(&s, job, &n_rows);
    }
    if (code == CLI_EXIT_DONE) code = print_found(job, &s, n_rows);
    for (size_t i = 0; s.kept != NULL && i < s.most; i++) cJSON_Delete(s.kept[i].object);
    free(s.kept);
    rk_nearest_free(&s.nearest);
    return code;
}
