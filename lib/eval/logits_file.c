// Writing and reading files of logits.
#include "rk/logits_file.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "eval/logits_header.h"
#include "eval/logits_row.h"

// ---- writing

struct rk_logits_writer {
    rk__output *output;
    rk__logits_header header;
    uint64_t n_rows; // written
};

rk_status rk_logits_writer_create(rk_logits_writer **out, const char *path, const rk_model *model,
                                  const rk_passage *passages, size_t n_passages,
                                  const char *protocol, const char *source, rk_error *err) {
    uint8_t bytes[RK__LOGITS_MAX_HEADER];
    rk_logits_writer *w = NULL;
    rk_status status = rk__alloc((void **)&w, 1, sizeof *w, err);
    if (status != RK_OK) goto out;
    status =
        rk__logits_header_describe(&w->header, model, passages, n_passages, protocol, source, err);
    if (status != RK_OK) goto out;
    status = rk__output_open(&w->output, path, err);
    if (status != RK_OK) goto out;
    const size_t size = rk__logits_header_encode(bytes, &w->header);
    status = rk__output_write(w->output, bytes, size, err);
out:
    if (status != RK_OK) rk_logits_writer_abort(&w);
    *out = w;
    return status;
}

void rk_logits_writer_abort(rk_logits_writer **writer) {
    if (*writer == NULL) return;
    rk__output_abort(&(*writer)->output);
    rk__free(*writer);
    *writer = NULL;
}

rk_status rk_logits_writer_commit(rk_logits_writer **writer, rk_error *err) {
    rk_logits_writer *w = *writer;
    rk_status status;
    if (w->n_rows < w->header.info.n_rows) {
        status = rk__fail(err, RK_ERR_ARGUMENT, "%" PRIu64 " of %" PRIu64 " predictions are there",
                          w->n_rows, w->header.info.n_rows);
    } else {
        status = rk__output_commit(&w->output, true, err);
    }
    rk_logits_writer_abort(writer);
    return status;
}

size_t rk__logits_writer_vocabulary(const rk_logits_writer *writer) {
    return (size_t)writer->header.info.n_vocab;
}

rk_status rk__logits_writer_append(rk_logits_writer *writer, const uint8_t *rows, size_t n_rows,
                                   rk_error *err) {
    const rk_logits_info *info = &writer->header.info;
    if (n_rows > info->n_rows - writer->n_rows) {
        return rk__fail(err, RK_ERR_ARGUMENT, "more than the %" PRIu64 " predictions announced",
                        info->n_rows);
    }
    writer->n_rows += n_rows;
    return rk__output_write(writer->output, rows,
                            n_rows * rk__logits_row_bytes((size_t)info->n_vocab), err);
}

// ---- reading

struct rk_logits_reader {
    rk__file file;
    rk__logits_header header;
    float codes[RK__LOGITS_CODES];
};

rk_status rk_logits_reader_open(rk_logits_reader **out, const char *path, rk_error *err) {
    rk_logits_reader *r = NULL;
    *out = NULL;
    RK_TRY(rk__alloc((void **)&r, 1, sizeof *r, err));
    rk_status status = rk__file_open(&r->file, path, err);
    if (status != RK_OK) {
        rk__free(r);
        return status;
    }
    status = rk__logits_header_read(&r->header, &r->file, err);
    if (status != RK_OK) {
        rk_logits_reader_close(&r);
        return status;
    }
    rk__logits_codes_init(r->codes);
    *out = r;
    return RK_OK;
}

void rk_logits_reader_close(rk_logits_reader **reader) {
    if (*reader == NULL) return;
    rk__file_close(&(*reader)->file);
    rk__free(*reader);
    *reader = NULL;
}

const rk_logits_info *rk_logits_reader_describe(const rk_logits_reader *reader) {
    return &reader->header.info;
}

const float *rk__logits_reader_codes(const rk_logits_reader *reader) {
    return reader->codes;
}

rk_status rk__logits_reader_read(const rk_logits_reader *reader, uint64_t first, size_t n_rows,
                                 uint8_t *rows, rk_error *err) {
    const rk_logits_info *info = &reader->header.info;
    if (first > info->n_rows || n_rows > info->n_rows - first) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "%s: predictions from %" PRIu64 " on, %zu of them; there are %" PRIu64,
                        reader->file.path, first, n_rows, info->n_rows);
    }
    const size_t row_bytes = rk__logits_row_bytes((size_t)info->n_vocab);
    return rk__file_read(&reader->file, reader->header.size + first * row_bytes, rows,
                         n_rows * row_bytes, err);
}

rk_status rk__logits_reader_damage(const rk_logits_reader *reader, uint64_t row, rk_error *err) {
    return rk__fail(err, RK_ERR_FORMAT, "%s: prediction %" PRIu64 " is damaged", reader->file.path,
                    row);
}

// ---- does it belong to what is measured?

static rk_status check_passages(const rk_logits_reader *reader, const rk_logits_info *wanted,
                                rk_error *err) {
    const char *path = reader->file.path;
    const rk_logits_info *info = &reader->header.info;
    if (info->tokens_checksum != wanted->tokens_checksum || info->n_tokens != wanted->n_tokens) {
        return rk__fail(err, RK_ERR_MISMATCH,
                        "%s: is of another text: %" PRIu64
                        " tokens with checksum %08x, here %" PRIu64 " with %08x",
                        path, info->n_tokens, (unsigned)info->tokens_checksum, wanted->n_tokens,
                        (unsigned)wanted->tokens_checksum);
    }
    if (info->passages_checksum != wanted->passages_checksum || info->n_rows != wanted->n_rows ||
        strcmp(info->protocol, wanted->protocol) != 0) {
        return rk__fail(err, RK_ERR_MISMATCH,
                        "%s: is of another protocol: '%s', %" PRIu64
                        " predictions; here '%s', %" PRIu64,
                        path, info->protocol, info->n_rows, wanted->protocol, wanted->n_rows);
    }
    return RK_OK;
}

rk_status rk_logits_reader_check(const rk_logits_reader *reader, const rk_model *model,
                                 const rk_passage *passages, size_t n_passages,
                                 const char *protocol, rk_error *err) {
    const rk_logits_info *info = &reader->header.info;
    const rk_model_info *described = rk_model_describe(model);
    rk__logits_header wanted;
    if (info->n_vocab != described->dims.n_vocab) {
        return rk__fail(err, RK_ERR_MISMATCH,
                        "%s: has a vocabulary of %" PRIu64 " tokens, %s one of %zu",
                        reader->file.path, info->n_vocab, described->path, described->dims.n_vocab);
    }
    RK_TRY(rk__logits_header_describe(&wanted, model, passages, n_passages, protocol, "", err));
    if (info->fingerprint != wanted.info.fingerprint) {
        return rk__fail(err, RK_ERR_MISMATCH,
                        "%s: is of another model, %s (%016" PRIx64 "; %s has %016" PRIx64 ")",
                        reader->file.path, info->source, info->fingerprint, described->path,
                        wanted.info.fingerprint);
    }
    return check_passages(reader, &wanted.info, err);
}
