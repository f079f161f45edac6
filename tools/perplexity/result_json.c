// Records as JSON, by the table of names.
#include "perplexity/result_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/json_input.h"
#include "cli/json_output.h"
#include "cli/messages.h"
#include "cli/text_file.h"
#include "cli/text_output.h"
#include "perplexity/result_fields.h"

enum { SCHEMA = 1 };

// ---- writing

// null where nothing is known.
static void write_text(cJSON *out, const char *key, const char *text) {
    cli_json_add_text(out, key, text != NULL && text[0] != '\0' ? text : NULL);
}

static void write_field(cJSON *out, const field *f, const void *object) {
    const void *at = (const char *)object + f->offset;
    switch (f->kind) {
    case FIELD_TEXT:
        write_text(out, f->key, *(char *const *)at);
        break;
    case FIELD_CHARS:
        write_text(out, f->key, at);
        break;
    case FIELD_SIZE:
        cli_json_add_size(out, f->key, *(const uint64_t *)at);
        break;
    case FIELD_INDEX:
        cli_json_add_size(out, f->key, *(const size_t *)at);
        break;
    case FIELD_NUMBER:
        cli_json_add_number(out, f->key, *(const double *)at);
        break;
    case FIELD_BOOL:
        cli_json_add_bool(out, f->key, *(const bool *)at);
        break;
    }
}

static void write_group(cJSON *out, const field_group *group, const void *object) {
    if (!field_group_present(group, object)) return;
    for (size_t i = 0; i < group->n_fields; i++) write_field(out, &group->fields[i], object);
}

static void write_result(cJSON *results, const result *r) {
    cJSON *object = cli_json_append_object(results);
    for (size_t i = 0; i < RESULT_N_GROUPS; i++) write_group(object, &result_groups[i], r);
    if (r->n_positions > 0) {
        cJSON *positions = cli_json_add_array(object, "positions");
        for (size_t i = 0; i < r->n_positions; i++) {
            cJSON *bin = cli_json_append_object(positions);
            write_group(bin, &position_group, &r->positions[i]);
            if (r->is_compared) write_group(bin, &position_divergence_group, &r->positions[i]);
        }
    }
    if (r->n_latency > 0) {
        cJSON *rows = cli_json_add_array(object, "latency");
        for (size_t i = 0; i < r->n_latency; i++) {
            write_group(cli_json_append_object(rows), &latency_group, &r->latency[i]);
        }
    }
}

static cJSON *write_record(const record *r) {
    cJSON *object = cli_json_new(SCHEMA);
    write_group(object, &record_group, r);
    cJSON *results = cli_json_add_array(object, "results");
    for (size_t i = 0; i < r->n_results; i++) write_result(results, &r->results[i]);
    return object;
}

void result_json_print(const record *r) {
    cli_json_finish(write_record(r));
}

bool result_json_save(const record *r, const char *path) {
    cli_text_output output;
    if (!cli_text_output_open(&output, path)) return false;
    cJSON *object = write_record(r);
    char *text = cJSON_Print(object);
    fprintf(output.file, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(object);
    return cli_text_output_commit(&output);
}

// ---- reading: a member that is missing or of another kind stays zero

static double read_number(const cJSON *value) {
    return cJSON_IsNumber(value) && isfinite(value->valuedouble) ? value->valuedouble : 0;
}

static uint64_t read_size(const cJSON *value) {
    const double number = read_number(value);
    return number >= 0 && number < 0x1p53 ? (uint64_t)number : 0;
}

static void read_field(const cJSON *in, const field *f, void *object) {
    void *at = (char *)object + f->offset;
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(in, f->key);
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    switch (f->kind) {
    case FIELD_TEXT:
        *(char **)at = cli_copy(text);
        break;
    case FIELD_CHARS:
        snprintf(at, f->size, "%s", text);
        break;
    case FIELD_SIZE:
        *(uint64_t *)at = read_size(value);
        break;
    case FIELD_INDEX:
        *(size_t *)at = (size_t)read_size(value);
        break;
    case FIELD_NUMBER:
        *(double *)at = read_number(value);
        break;
    case FIELD_BOOL:
        *(bool *)at = cJSON_IsTrue(value);
        break;
    }
}

// A group is there when its first member is.
static void read_group(const cJSON *in, const field_group *group, void *object) {
    if (group->flag != SIZE_MAX) {
        bool *flag = (bool *)((char *)object + group->flag);
        *flag = cJSON_HasObjectItem(in, group->fields[0].key);
        if (!*flag) return;
    }
    for (size_t i = 0; i < group->n_fields; i++) read_field(in, &group->fields[i], object);
}

static void read_result(const cJSON *in, result *r) {
    for (size_t i = 0; i < RESULT_N_GROUPS; i++) read_group(in, &result_groups[i], r);
    r->comparison.loss = r->loss;
    const cJSON *positions = cJSON_GetObjectItemCaseSensitive(in, "positions"), *item;
    r->positions = cli_allocate((size_t)cJSON_GetArraySize(positions), sizeof *r->positions);
    cJSON_ArrayForEach(item, positions) {
        rk_position_bin *bin = &r->positions[r->n_positions++];
        read_group(item, &position_group, bin);
        read_group(item, &position_divergence_group, bin);
    }
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(in, "latency");
    r->latency = cli_allocate((size_t)cJSON_GetArraySize(rows), sizeof *r->latency);
    cJSON_ArrayForEach(item, rows) {
        read_group(item, &latency_group, &r->latency[r->n_latency++]);
    }
}

static bool read_record(record *r, const cJSON *in, const char *path) {
    const cJSON *schema = cJSON_GetObjectItemCaseSensitive(in, "schema"), *item;
    const cJSON *results = cJSON_GetObjectItemCaseSensitive(in, "results");
    if (read_number(schema) != SCHEMA || !cJSON_IsArray(results)) {
        cli_complain("%s: holds no results of perplexity", path);
        return false;
    }
    read_group(in, &record_group, r);
    cJSON_ArrayForEach(item, results) read_result(item, record_add(r));
    return true;
}

bool result_json_load(record *r, const char *path) {
    *r = (record){0};
    if (access(path, F_OK) != 0) return true;
    cli_text text;
    if (!cli_text_read(&text, path)) return false;
    char reason[CLI_REASON];
    cJSON *object = cli_json_parse_object(text.data, text.size, reason);
    cli_text_free(&text);
    if (object == NULL) {
        cli_complain("%s: %s", path, reason);
        return false;
    }
    const bool done = read_record(r, object, path);
    cJSON_Delete(object);
    return done;
}
