// Writing embeddings.
#include "embed/embedding_writer.h"

#include "cli/json_output.h"
#include "cli/messages.h"
#include "cli/paths.h"

embedding_format embedding_format_of(const char *path) {
    if (cli_ends_with(path, ".npy")) return EMBEDDING_NPY;
    if (cli_ends_with(path, ".jsonl")) return EMBEDDING_JSONL;
    return EMBEDDING_UNKNOWN;
}

static bool reported(rk_status status, const rk_error *err) {
    if (status != RK_OK) cli_failure(err);
    return status == RK_OK;
}

bool embedding_writer_open(embedding_writer *writer, const char *path, size_t n_columns) {
    *writer = (embedding_writer){.format = embedding_format_of(path), .n_columns = n_columns};
    if (writer->format == EMBEDDING_JSONL) return cli_text_output_open(&writer->lines, path);
    rk_error err;
    return reported(rk_npy_create(&writer->npy, path, n_columns, &err), &err);
}

// {"index":0,"embedding":[...]}; the numbers read back as the same floats.
static void append_line(embedding_writer *writer, const float *row) {
    FILE *file = writer->lines.file;
    fprintf(file, "{\"index\":%zu,\"embedding\":[", writer->n_rows);
    for (size_t i = 0; i < writer->n_columns; i++) {
        char number[CLI_NUMBER_TEXT];
        fprintf(file, "%s%s", i == 0 ? "" : ",", cli_float_format(number, row[i]));
    }
    fputs("]}\n", file);
}

bool embedding_writer_append(embedding_writer *writer, const float *row) {
    rk_error err;
    if (writer->format == EMBEDDING_JSONL) {
        append_line(writer, row);
    } else if (!reported(rk_npy_append(writer->npy, row, &err), &err)) {
        return false;
    }
    writer->n_rows++;
    return true;
}

bool embedding_writer_commit(embedding_writer *writer) {
    if (writer->format == EMBEDDING_JSONL) return cli_text_output_commit(&writer->lines);
    rk_error err;
    return reported(rk_npy_commit(&writer->npy, &err), &err);
}

void embedding_writer_close(embedding_writer *writer) {
    rk_npy_abort(&writer->npy);
    cli_text_output_abort(&writer->lines);
}
