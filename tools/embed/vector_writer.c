// Writing vectors.
#include "embed/vector_writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_output.h"
#include "cli/messages.h"
#include "cli/paths.h"

vector_format vector_format_of(const char *path) {
    if (cli_ends_with(path, ".npy")) return VECTORS_NPY;
    if (cli_ends_with(path, ".jsonl")) return VECTORS_JSONL;
    if (cli_ends_with(path, ".csv")) return VECTORS_CSV;
    return VECTORS_UNKNOWN;
}

static bool reported(rk_status status, const rk_error *err) {
    if (status != RK_OK) cli_failure(err);
    return status == RK_OK;
}

// id,v0,v1,...
static void write_csv_head(FILE *file, size_t length) {
    fputs("id", file);
    for (size_t i = 0; i < length; i++) fprintf(file, ",v%zu", i);
    fputc('\n', file);
}

// The index begins with what the rows are; whoever searches in them needs the same of a query.
static void write_index_head(FILE *file, const embed_machine *m, const char *vectors) {
    char *key = cli_json_quote(m->key, strlen(m->key), NULL);
    char *name = cli_json_quote(cli_base_name(vectors), strlen(cli_base_name(vectors)), NULL);
    fprintf(file, "{\"schema\":1,\"file\":%s,\"vectors\":%s,\"columns\":%zu}\n", name, key,
            m->length);
    free(key);
    free(name);
}

bool vector_writer_open(vector_writer *w, const output_settings *settings,
                        const embed_machine *machine) {
    *w = (vector_writer){.format = vector_format_of(settings->path),
                         .path = settings->path,
                         .keep_text = settings->keep_text,
                         .length = machine->length};
    if (settings->index != NULL) {
        if (!cli_text_output_open(&w->index, settings->index)) return false;
        write_index_head(w->index.file, machine, settings->path);
    }
    if (w->format == VECTORS_NPY) {
        const bool half = strcmp(settings->dtype, "float16") == 0;
        rk_error err;
        return reported(
            rk_npy_create(&w->npy, w->path, half ? RK_DTYPE_F16 : RK_DTYPE_F32, w->length, &err),
            &err);
    }
    if (!cli_text_output_open(&w->lines, w->path)) return false;
    if (w->format == VECTORS_CSV) write_csv_head(w->lines.file, w->length);
    return true;
}

// What is known of a row, as the beginning of a JSON object.
static void write_members(const vector_writer *w, FILE *file, const embedded_row *row) {
    fprintf(file, "{\"index\":%" PRIu64 ",\"id\":%s", row->index, row->item->id);
    if (row->item->fields[0] != '\0') fprintf(file, ",%s", row->item->fields);
    if (w->keep_text) {
        char *text = cli_json_quote(row->item->text, row->item->length, NULL);
        fprintf(file, ",\"text\":%s", text);
        free(text);
    }
}

// Numbers read back as the same floats.
static void write_numbers(FILE *file, const float *values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char number[CLI_NUMBER_TEXT];
        if (i > 0) fputc(',', file);
        fputs(cli_float_format(number, values[i]), file);
    }
}

// A text's quotes are doubled (RFC 4180); the id is JSON.
static void write_csv_id(FILE *file, const char *id) {
    cJSON *value = cJSON_Parse(id);
    const char *text = cJSON_IsString(value) ? value->valuestring : id;
    const bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    if (quoted) fputc('"', file);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"') fputc('"', file);
        fputc(*at, file);
    }
    if (quoted) fputc('"', file);
    cJSON_Delete(value);
}

static bool append_npy(vector_writer *w, const embedded_row *row) {
    rk_error err;
    const rk_status status = rk_npy_append(w->npy, row->values, &err);
    if (status == RK_ERR_RANGE) {
        cli_complain("%s: %s", row->item->where, err.message); // the text's fault
        return false;
    }
    return reported(status, &err);
}

bool vector_writer_append(vector_writer *w, const embedded_row *row) {
    FILE *file = w->lines.file;
    switch (w->format) {
    case VECTORS_JSONL:
        write_members(w, file, row);
        fputs(",\"embedding\":[", file);
        write_numbers(file, row->values, w->length);
        fputs("]}\n", file);
        break;
    case VECTORS_CSV:
        write_csv_id(file, row->item->id);
        fputc(',', file);
        write_numbers(file, row->values, w->length);
        fputc('\n', file);
        break;
    default:
        if (!append_npy(w, row)) return false;
    }
    if (w->index.file != NULL) {
        write_members(w, w->index.file, row);
        fputs("}\n", w->index.file);
    }
    return true;
}

bool vector_writer_commit(vector_writer *w) {
    if (w->index.file != NULL && !cli_text_output_commit(&w->index)) return false;
    if (w->format != VECTORS_NPY) return cli_text_output_commit(&w->lines);
    rk_error err;
    return reported(rk_npy_commit(&w->npy, &err), &err);
}

void vector_writer_close(vector_writer *w) {
    rk_npy_abort(&w->npy);
    cli_text_output_abort(&w->lines);
    cli_text_output_abort(&w->index);
}
