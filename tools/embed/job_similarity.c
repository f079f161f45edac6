// The cosines of all texts with each other.
#include <stdio.h>
#include <stdlib.h>

#include "cli/allocate.h"
#include "cli/json_output.h"
#include "cli/messages.h"
#include "cli/table.h"
#include "embed/kept_rows.h"
#include "rk/similarity.h"

enum { MOST_TEXTS = 1000, MOST_COLUMNS = 20 };

static double similarity(const kept_rows *k, size_t a, size_t b) {
    return rk_cosine(k->values + a * k->length, k->values + b * k->length, k->length);
}

static void print_json(const embed_job *job, const kept_rows *k) {
    cJSON *object = cli_json_new(1);
    cli_json_add_text(object, "vectors", job->machine->key);
    cJSON *ids = cli_json_add_array(object, "ids");
    cJSON *matrix = cli_json_add_array(object, "similarity");
    for (size_t i = 0; i < k->count; i++) {
        cJSON_AddItemToArray(ids, cJSON_CreateRaw(k->ids[i]));
        cJSON *row = cJSON_CreateArray();
        for (size_t j = 0; j < k->count; j++) {
            char number[CLI_NUMBER_TEXT];
            const cJSON *value = cJSON_CreateRaw(cli_double_format(number, similarity(k, i, j)));
            cJSON_AddItemToArray(row, (cJSON *)value);
        }
        cJSON_AddItemToArray(matrix, row);
    }
    cli_json_finish(object);
}

// A column for each text, under its number; the texts stand at the end of the rows.
static void print_table(const kept_rows *k) {
    cli_column columns[MOST_COLUMNS + 2] = {{"", true}};
    char *titles[MOST_COLUMNS];
    for (size_t i = 0; i < k->count; i++) {
        titles[i] = cli_format("%zu", i + 1);
        columns[i + 1] = (cli_column){titles[i], true};
    }
    columns[k->count + 1] = (cli_column){"text", false};
    cli_table table;
    cli_table_init(&table, columns, k->count + 2);
    for (size_t i = 0; i < k->count; i++) {
        cli_table_add(&table, "%zu", i + 1);
        for (size_t j = 0; j < k->count; j++) cli_table_add(&table, "%.3f", similarity(k, i, j));
        cli_table_add(&table, "%s", k->texts[i]);
    }
    cli_table_print(&table, stdout);
    cli_table_fini(&table);
    for (size_t i = 0; i < k->count; i++) free(titles[i]);
}

int job_similarity(const embed_job *job) {
    kept_rows kept = {.most = job->common->json ? MOST_TEXTS : MOST_COLUMNS, .keep_text = true};
    const int code = kept_rows_collect(&kept, job);
    if (code == CLI_EXIT_DONE && job->common->json) {
        print_json(job, &kept);
    } else if (code == CLI_EXIT_DONE) {
        print_table(&kept);
    }
    kept_rows_free(&kept);
    return code;
}
