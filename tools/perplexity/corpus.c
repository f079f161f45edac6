// Reading what models are measured on.
#include "perplexity/corpus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/paths.h"
#include "perplexity/json_lines.h"

// ---- opening

static int open_documents(corpus *c) {
    json_lines lines = {.text = &c->file};
    size_t room = 0;
    for (;;) {
        cJSON *object;
        const char *text;
        if (!json_lines_next(&lines, &object)) return CLI_EXIT_FAILED;
        if (object == NULL) return CLI_EXIT_DONE;
        if (!json_lines_text(&lines, object, "text", &text)) {
            cJSON_Delete(object);
            return CLI_EXIT_FAILED;
        }
        if (c->n_texts == room) {
            room = room > 0 ? 2 * room : 64;
            c->texts = cli_reallocate(c->texts, room, sizeof *c->texts);
        }
        const char *copy = cli_copy(text);
        c->texts[c->n_texts++] = (rk_text){.bytes = copy, .length = strlen(copy)};
        cJSON_Delete(object);
    }
}

static int open_text(corpus *c, const char *path, bool is_jsonl) {
    if (!cli_text_read(&c->file, path)) return CLI_EXIT_FAILED;
    c->name = c->file.name;
    c->kind = is_jsonl ? "jsonl" : "text";
    c->bytes = c->file.size;
    cli_sha256_bytes(c->sha256, c->file.data, c->file.size);
    if (is_jsonl) return open_documents(c);
    c->texts = cli_allocate(1, sizeof *c->texts);
    c->texts[0] = (rk_text){.bytes = c->file.data, .length = c->file.size};
    c->n_texts = 1;
    return CLI_EXIT_DONE;
}

static const char *data_path(const corpus *c) {
    const char *data = rk_token_file_data_path(c->tokens);
    return data != NULL ? data : rk_token_file_path(c->tokens);
}

static int open_tokens(corpus *c, const char *path) {
    rk_error err;
    if (rk_token_file_open(&c->tokens, path, &err) != RK_OK) return cli_failure(&err);
    c->name = path;
    c->kind = rk_token_file_kind(c->tokens);
    struct stat about;
    if (stat(data_path(c), &about) == 0) c->bytes = (uint64_t)about.st_size;
    return CLI_EXIT_DONE;
}

int corpus_open(corpus *c, const char *path, const char *format) {
    *c = (corpus){0};
    if (format != NULL && strcmp(format, "tokens") == 0) return open_tokens(c, path);
    if (format != NULL) return open_text(c, path, strcmp(format, "jsonl") == 0);
    if (strcmp(path, "-") != 0 && rk_token_file_recognize(path)) return open_tokens(c, path);
    return open_text(c, path, cli_ends_with(path, ".jsonl"));
}

void corpus_free(corpus *c) {
    if (c->kind != NULL && strcmp(c->kind, "jsonl") == 0) {
        for (size_t i = 0; i < c->n_texts; i++) free((char *)c->texts[i].bytes);
    }
    free(c->texts);
    cli_text_free(&c->file);
    rk_token_file_close(&c->tokens);
    *c = (corpus){0};
}

int corpus_checksum(corpus *c) {
    if (c->sha256[0] != '\0' || c->tokens == NULL) return CLI_EXIT_DONE;
    if (cli_sha256_file(c->sha256, data_path(c))) return CLI_EXIT_DONE;
    cli_complain("%s: %s", data_path(c), strerror(errno));
    return CLI_EXIT_FAILED;
}

bool corpus_has_documents(const corpus *c) {
    if (c->tokens != NULL) return rk_token_file_documents(c->tokens) != 1;
    return strcmp(c->kind, "jsonl") == 0;
}

// ---- tokens

// Room for `n` more tokens at the end.
static uint32_t *make_room(corpus_tokens *out, size_t n) {
    if (out->room - out->n_tokens < n) {
        out->room = n > out->room ? out->n_tokens + n : 2 * out->room;
        out->tokens = cli_reallocate(out->tokens, out->room, sizeof *out->tokens);
    }
    return out->tokens + out->n_tokens;
}

static void end_document(corpus_tokens *out, size_t n) {
    out->n_tokens += n;
    out->ends[out->n_documents++] = out->n_tokens;
}

static size_t at_most(size_t n, size_t limit, size_t used) {
    return limit != 0 && n > limit - used ? limit - used : n;
}

static rk_status encode_text(corpus_tokens *out, const rk_text *text, const rk_tokenizer *tokenizer,
                             size_t limit, rk_error *err) {
    uint32_t *tokens;
    size_t n;
    const rk_status status =
        rk_tokenizer_encode(tokenizer, text->bytes, text->length, &tokens, &n, err);
    if (status != RK_OK) return status;
    n = at_most(n, limit, out->n_tokens);
    if (n > 0) memcpy(make_room(out, n), tokens, n * sizeof *tokens);
    rk_tokens_free(&tokens);
    end_document(out, n);
    return RK_OK;
}

static rk_status read_document(corpus_tokens *out, const rk_token_file *file, uint64_t document,
                               size_t limit, rk_error *err) {
    uint64_t length;
    rk_status status = rk_token_file_length(file, document, &length, err);
    if (status != RK_OK) return status;
    const size_t n = at_most((size_t)length, limit, out->n_tokens);
    status = rk_token_file_read(file, document, n, make_room(out, n), err);
    if (status == RK_OK) end_document(out, n);
    return status;
}

rk_status corpus_tokenize(corpus_tokens *out, const corpus *c, const rk_tokenizer *tokenizer,
                          size_t limit, size_t max_documents, rk_error *err) {
    *out = (corpus_tokens){0};
    size_t n = c->tokens != NULL ? (size_t)rk_token_file_documents(c->tokens) : c->n_texts;
    if (max_documents != 0 && n > max_documents) n = max_documents;
    // Documents of tokens beyond a limit need no room: each that is used has a token at least.
    out->ends = cli_allocate(n < limit || limit == 0 ? n + 1 : limit + 1, sizeof *out->ends);
    rk_status status = RK_OK;
    for (size_t i = 0; i < n && status == RK_OK; i++) {
        if (limit != 0 && (out->n_tokens == limit || out->n_documents == limit)) break;
        status = c->tokens != NULL ? read_document(out, c->tokens, i, limit, err)
                                   : encode_text(out, &c->texts[i], tokenizer, limit, err);
    }
    if (status != RK_OK) corpus_tokens_free(out);
    return status;
}

void corpus_tokens_free(corpus_tokens *tokens) {
    free(tokens->tokens);
    free(tokens->ends);
    *tokens = (corpus_tokens){0};
}
