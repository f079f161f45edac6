// From texts to vectors.
#include "embed/embed_machine.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/progress_line.h"
#include "cli/workers.h"
#include "embed/hash.h"

// ---- opening

static rk_status open_model(embed_machine *m, const embed_settings *s, const cli_common *common,
                            rk_error *err) {
    cli_progress progress;
    cli_progress_begin(&progress, "loading", CLI_UNIT_BYTES, common->quiet);
    const rk_model_options options = {.strategy = s->model.strategy.text,
                                      .vram_bytes = s->model.strategy.vram,
                                      .pool = m->pool,
                                      .progress = cli_progress_hook(&progress)};
    const rk_status status = rk_model_open(&m->model, m->path, &options, err);
    cli_progress_end(&progress);
    // The one argument that comes from the command line unread.
    if (status == RK_ERR_ARGUMENT && s->model.strategy.text != NULL) {
        cli_misuse("--strategy: %s", err->message);
    }
    if (status == RK_OK) cli_strategy_report(&s->model.strategy, m->model, common->quiet);
    return status;
}

// The vocabulary first: one that is missing should not be noticed after a minute of loading.
static rk_status open_tokenizer(embed_machine *m, const embed_settings *s, rk_error *err) {
    rk_dims dims = {0};
    const rk_status status = rk_model_read_dims(m->path, &dims, err);
    if (status != RK_OK) return status;
    if (m->append_eos && s->texts.eos_token >= dims.n_vocab) {
        cli_misuse("--eos-token: %zu; the vocabulary of %s has %zu", s->texts.eos_token, m->path,
                   dims.n_vocab);
    }
    return rk_tokenizer_find(&m->tokenizer, dims.n_vocab, m->path, s->model.tokenizer, err);
}

static rk_status open_embedder(embed_machine *m, const embed_settings *s, rk_error *err) {
    const vector_settings *v = &s->vectors;
    const rk_embed_options options = {
        .sources = v->sources.count > 0 ? v->sources.items : NULL,
        .n_sources = v->sources.count,
        .layers = v->layers,
        .pooling = strcmp(v->pool, "mean") == 0 ? RK_EMBED_MEAN : RK_EMBED_LAST,
        .batch = m->batch,
        .pool = m->pool,
    };
    const rk_status status = rk_embedder_new(&m->embedder, m->model, &options, err);
    if (status == RK_ERR_ARGUMENT) cli_misuse("--layers: %s", err->message);
    if (status != RK_OK) { // what is asked for does not go with this model
        const rk_error cause = *err;
        snprintf(err->message, sizeof err->message, "%.200s: %.300s", m->path, cause.message);
    }
    return status;
}

// Which statistics: the same numbers, the same text.
static uint64_t hash_stats(const rk_vector_stats *stats) {
    uint64_t hash = HASH_BEGIN;
    for (size_t i = 0; i < rk_vector_stats_columns(stats); i++) {
        const double values[2] = {rk_vector_stats_mean(stats, i),
                                  rk_vector_stats_deviation(stats, i)};
        unsigned char bytes[sizeof values];
        memcpy(bytes, values, sizeof values);
        hash = hash_add(hash, bytes, sizeof bytes);
    }
    return hash;
}

// Appends to a line. Release: free, of what is returned.
static char *extend(char *line, char *more) {
    char *longer = cli_format("%s %s", line, more);
    free(line);
    free(more);
    return longer;
}

static void describe(embed_machine *m) {
    char *key = cli_copy(m->raw_key);
    if (m->stats != NULL) key = extend(key, cli_format("stats=%016" PRIx64, hash_stats(m->stats)));
    if (m->projection.n_out > 0) {
        key = extend(key,
                     cli_format("project=%zu/%" PRIu64, m->projection.n_out, m->projection.seed));
    }
    if (m->l2) key = extend(key, cli_copy("l2"));
    m->key = key;
}

// As it is asked for. Matrix states that nobody asked for are long, and brought to a usual length.
static rk_projection choose_projection(const embed_machine *m, const vector_settings *v) {
    size_t n_out = v->project;
    const bool is_default = v->sources.count == 0 && n_out == 0;
    if (is_default && rk_model_describe(m->model)->arch != RK_ARCH_RWKV4 &&
        m->raw_length > EMBED_DEFAULT_LENGTH) {
        n_out = EMBED_DEFAULT_LENGTH;
    }
    return (rk_projection){m->raw_length, n_out, v->seed};
}

static rk_status open_parts(embed_machine *m, const embed_settings *s, const cli_common *common,
                            rk_error *err) {
    rk_status status = open_tokenizer(m, s, err);
    if (status == RK_OK) status = open_model(m, s, common, err);
    if (status == RK_OK) status = open_embedder(m, s, err);
    if (status != RK_OK) return status;
    m->raw_length = m->length = rk_embedder_length(m->embedder);
    m->raw_key = cli_copy(rk_embedder_describe(m->embedder));
    if (m->append_eos) m->raw_key = extend(m->raw_key, cli_format("eos=%" PRIu32, m->eos));
    if (s->vectors.stats != NULL) {
        status = rk_vector_stats_open(&m->stats, s->vectors.stats, m->raw_key, m->raw_length, err);
        if (status != RK_OK) return status;
    }
    m->projection = choose_projection(m, &s->vectors);
    if (m->projection.n_out > 0) m->length = m->projection.n_out;
    describe(m);
    return RK_OK;
}

int embed_machine_open(embed_machine *m, const char *model, const embed_settings *settings,
                       const cli_common *common) {
    *m = (embed_machine){.path = model,
                         .pool = cli_workers_new(common),
                         .batch = settings->model.batch,
                         .l2 = settings->vectors.l2,
                         .append_eos = settings->texts.append_eos,
                         .eos = (uint32_t)settings->texts.eos_token};
    if (m->pool == NULL) return CLI_EXIT_FAILED;
    rk_error err;
    if (open_parts(m, settings, common, &err) != RK_OK) return cli_failure(&err);
    m->raw = cli_allocate(m->batch * m->raw_length, sizeof *m->raw);
    const bool is_changed = m->stats != NULL || m->projection.n_out > 0 || m->l2;
    m->rows = is_changed ? cli_allocate(m->batch * m->length, sizeof *m->rows) : m->raw;
    return CLI_EXIT_DONE;
}

void embed_machine_close(embed_machine *m) {
    if (m->rows != m->raw) free(m->rows);
    free(m->raw);
    free(m->key);
    free(m->raw_key);
    rk_vector_stats_free(&m->stats);
    rk_embedder_free(&m->embedder);
    rk_tokenizer_close(&m->tokenizer);
    rk_model_close(&m->model);
    rk_pool_free(&m->pool);
}

// ---- running

// The tokens of one text. Release: rk_tokens_free, or free where the end was appended.
static rk_status encode(const embed_machine *m, const rk_text *text, uint32_t **tokens,
                        size_t *n_tokens, rk_error *err) {
    uint32_t *own = NULL;
    size_t n = 0;
    const rk_status status =
        rk_tokenizer_encode(m->tokenizer, text->bytes, text->length, &own, &n, err);
    if (status != RK_OK) return status;
    *tokens = cli_allocate(n + 1, sizeof **tokens);
    memcpy(*tokens, own, n * sizeof *own);
    rk_tokens_free(&own);
    if (m->append_eos) (*tokens)[n++] = m->eos;
    *n_tokens = n;
    return RK_OK;
}

static rk_status check_rows(embed_machine *m, const float *rows, size_t length, size_t n_rows,
                            rk_error *err) {
    for (size_t i = 0; i < n_rows; i++) {
        m->culprit = i;
        const rk_status status = rk_embedding_check(rows + i * length, length, err);
        if (status != RK_OK) return status;
    }
    return RK_OK;
}

static void make_unit(float *row, size_t n) {
    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += (double)row[i] * (double)row[i];
    if (squares == 0) return;
    const double scale = 1 / sqrt(squares);
    for (size_t i = 0; i < n; i++) row[i] = (float)((double)row[i] * scale);
}

// What becomes of the rows as they were taken. Those stay as they are: statistics are made of them.
static rk_status finish_rows(embed_machine *m, size_t n_rows, rk_error *err) {
    if (m->rows == m->raw) return RK_OK;
    float *normal = m->raw;
    rk_status status = RK_OK;
    if (m->stats != NULL) {
        // Into their final place when nothing else changes their width.
        normal = m->projection.n_out > 0 ? cli_allocate(n_rows * m->raw_length, sizeof *normal)
                                         : m->rows;
        memcpy(normal, m->raw, n_rows * m->raw_length * sizeof *normal);
        for (size_t i = 0; i < n_rows; i++) {
            rk_vector_stats_normalise(m->stats, normal + i * m->raw_length);
        }
    }
    if (m->projection.n_out > 0) {
        status = rk_project(m->rows, &m->projection, normal, n_rows, err);
        if (normal != m->raw) free(normal);
    } else if (normal == m->raw) {
        memcpy(m->rows, m->raw, n_rows * m->length * sizeof *m->rows);
    }
    for (size_t i = 0; m->l2 && status == RK_OK && i < n_rows; i++) {
        make_unit(m->rows + i * m->length, m->length);
    }
    return status == RK_OK ? check_rows(m, m->rows, m->length, n_rows, err) : status;
}

rk_status embed_machine_run(embed_machine *m, const rk_text *texts, size_t n_texts,
                            const rk_progress *progress, rk_error *err) {
    uint32_t **tokens = cli_allocate(n_texts, sizeof *tokens);
    rk_embed_text *encoded = cli_allocate(n_texts, sizeof *encoded);
    rk_status status = RK_OK;
    for (size_t i = 0; status == RK_OK && i < n_texts; i++) {
        m->culprit = i;
        status = encode(m, &texts[i], &tokens[i], &encoded[i].n_tokens, err);
        encoded[i].tokens = tokens[i];
    }
    if (status == RK_OK) {
        status = rk_embedder_run(m->embedder, encoded, n_texts, m->raw, progress, err);
    }
    if (status == RK_OK) status = check_rows(m, m->raw, m->raw_length, n_texts, err);
    if (status == RK_OK) status = finish_rows(m, n_texts, err);
    for (size_t i = 0; i < n_texts; i++) free(tokens[i]);
    free(tokens);
    free(encoded);
    return status;
}
