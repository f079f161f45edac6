// Measuring one model in one type.
#include "perplexity/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/paths.h"
#include "cli/peak_memory.h"
#include "cli/progress_line.h"
#include "cli/ranks.h"
#include "cli/sizes.h"
#include "perplexity/latency.h"
#include "perplexity/protocol.h"
#include "perplexity/shared_scores.h"
#include "perplexity/speed.h"
#include "perplexity/task_run.h"

rk_status open_tokenizer(rk_tokenizer **out, const bench *b, const corpus *c, const char *chosen,
                         rk_error *err) {
    const rk_model_info *info = rk_model_describe(b->model);
    const rk_status status = rk_tokenizer_find(out, info->dims.n_vocab, info->path, chosen, err);
    // Tokens need none but to count bytes.
    const bool needed = c == NULL || c->tokens == NULL || chosen != NULL;
    return status == RK_ERR_NOT_FOUND && !needed ? RK_OK : status;
}

// ---- describing the model

static void copy_name(char out[RESULT_NAME], const char *name) {
    snprintf(out, RESULT_NAME, "%s", name);
}

static void describe(result *out, const rk_model *model) {
    const rk_model_info *info = rk_model_describe(model);
    copy_name(out->type, rk_dtype_describe(info->dtype)->name);
    copy_name(out->architecture, info->arch_name);
    out->strategy = cli_copy(info->strategy);
    out->bytes = info->weight_bytes;
    out->n_parameters = info->n_parameters;
    out->bits_per_weight = 8.0 * (double)info->weight_bytes / (double)info->n_parameters;
}

// ---- a text

// One model's view of the text, and what comes out of it.
typedef struct text_run {
    const measure_job *job;
    const bench *bench;
    rk_tokenizer *tokenizer;
    corpus_tokens documents;
    passage_list list;
    rk_token_score *scores; // [list.n_scores]
    rk_logits_writer *writer;
} text_run;

static void text_run_free(text_run *t) {
    rk_logits_writer_abort(&t->writer);
    rk_tokenizer_close(&t->tokenizer);
    corpus_tokens_free(&t->documents);
    passage_list_free(&t->list);
    free(t->scores);
}

// Token files know nothing of models.
static int check_vocabulary(const text_run *t) {
    const size_t n_vocab = rk_model_describe(t->bench->model)->dims.n_vocab;
    const corpus_tokens *d = &t->documents;
    for (size_t document = 0, i = 0; i < d->n_tokens; i++) {
        while (i == d->ends[document]) document++;
        if (d->tokens[i] < n_vocab) continue;
        const size_t begin = document > 0 ? d->ends[document - 1] : 0;
        cli_complain("%s: token %zu of document %zu is %u; the vocabulary of %s has %zu",
                     t->job->corpus->name, i - begin, document, (unsigned)d->tokens[i],
                     t->job->model, n_vocab);
        return CLI_EXIT_FAILED;
    }
    const size_t bos = t->job->settings->protocol.bos;
    if (bos == SIZE_MAX || bos < n_vocab) return CLI_EXIT_DONE;
    cli_complain("%s: --bos %zu is no token: the vocabulary has %zu", t->job->model, bos, n_vocab);
    return CLI_EXIT_FAILED;
}

static int check_base_tokens(const text_run *t) {
    const comparison_base *base = t->job->base;
    if (base == NULL || base->bench.model == NULL) return CLI_EXIT_DONE;
    const rk_model_info *info = rk_model_describe(t->bench->model);
    const rk_model_info *base_info = rk_model_describe(base->bench.model);
    if (info->dims.n_vocab != base_info->dims.n_vocab) {
        cli_complain("%s has a vocabulary of %zu tokens, its base %s one of %zu: they cannot be "
                     "compared",
                     t->job->model, info->dims.n_vocab, base->path, base_info->dims.n_vocab);
        return CLI_EXIT_FAILED;
    }
    const corpus_tokens *a = &t->documents, *b = &base->tokens;
    if (a->n_tokens == b->n_tokens && a->n_documents == b->n_documents &&
        (a->n_tokens == 0 || memcmp(a->tokens, b->tokens, a->n_tokens * sizeof *a->tokens) == 0) &&
        memcmp(a->ends, b->ends, a->n_documents * sizeof *a->ends) == 0) {
        return CLI_EXIT_DONE;
    }
    cli_complain("%s: its tokenizer cuts %s into %zu tokens, that of its base %s into %zu others: "
                 "they cannot be compared",
                 t->job->model, t->job->corpus->name, a->n_tokens, base->path, b->n_tokens);
    return CLI_EXIT_FAILED;
}

static int cut_text(text_run *t) {
    const measure_job *job = t->job;
    const protocol_settings *p = &job->settings->protocol;
    rk_error err;
    if (open_tokenizer(&t->tokenizer, t->bench, job->corpus, job->settings->tokenizer, &err) !=
            RK_OK ||
        corpus_tokenize(&t->documents, job->corpus, t->tokenizer, p->limit, 0, &err) != RK_OK) {
        return cli_failure_of(job->model, &err);
    }
    int code = check_vocabulary(t);
    if (code == CLI_EXIT_DONE) code = check_base_tokens(t);
    if (code == CLI_EXIT_DONE) code = protocol_apply(&t->list, p, job->corpus, &t->documents);
    return code;
}

static rk_status open_logits(text_run *t, rk_error *err) {
    const measure_job *job = t->job;
    if (job->base != NULL && job->base->saved != NULL) {
        const rk_status status =
            rk_logits_reader_check(job->base->saved, t->bench->model, t->list.passages,
                                   t->list.n_passages, job->protocol, err);
        if (status != RK_OK) return status;
    }
    if (job->settings->save_logits == NULL) return RK_OK;
    const char *type = rk_dtype_describe(rk_model_describe(t->bench->model)->dtype)->name;
    char *source = cli_format("%.900s (%s)", cli_base_name(job->model), type);
    const rk_status status =
        rk_logits_writer_create(&t->writer, job->settings->save_logits, t->bench->model,
                                t->list.passages, t->list.n_passages, job->protocol, source, err);
    free(source);
    return status;
}

static rk_status run_scorer(text_run *t, const rk_progress *progress, rk_error *err) {
    const measure_job *job = t->job;
    const comparison_base *base = job->base;
    const rk_scorer_options options = {
        .pool = job->pool,
        .n_sequences = t->list.n_passages == 1 ? 1 : 0,
        .base = base != NULL ? base->bench.context : NULL,
        .saved_base = base != NULL ? base->saved : NULL,
        .writer = t->writer,
        .part = cli_rank(),
        .n_parts = cli_ranks(),
    };
    t->scores = cli_allocate(t->list.n_scores, sizeof *t->scores);
    rk_scorer *scorer = NULL;
    rk_status status = rk_scorer_new(&scorer, t->bench->context, &options, err);
    if (status == RK_OK) {
        status = rk_scorer_run(scorer, t->list.passages, t->list.n_passages, 0, progress, t->scores,
                               err);
    }
    rk_scorer_free(&scorer);
    if (status == RK_OK && t->writer != NULL) status = rk_logits_writer_commit(&t->writer, err);
    return status;
}

// This process's part of the scores.
static rk_status score_part(text_run *t, const result *out, rk_error *err) {
    const rk_status opened = open_logits(t, err);
    if (opened != RK_OK) return opened;
    char *label = cli_format("%s %s", cli_base_name(t->job->model), out->type);
    cli_progress progress;
    cli_progress_begin(&progress, label, CLI_UNIT_TOKENS, t->job->common->quiet);
    const rk_progress hook = cli_progress_hook(&progress);
    const rk_status status = run_scorer(t, &hook, err);
    cli_progress_end(&progress);
    free(label);
    return status;
}

// The same model and text for all processes?
static int check_ranks(const text_run *t, const result *out, int code) {
    char sum[CLI_SHA256_TEXT];
    cli_sha256_bytes(sum, t->list.tokens, t->list.n_tokens * sizeof *t->list.tokens);
    char *what = cli_format("%s of %ju bytes, tokens %s", out->type, (uintmax_t)out->bytes, sum);
    code = shared_scores_check(code, what, t->job->model);
    free(what);
    return code;
}

static int score_text(text_run *t, result *out) {
    rk_error err;
    const double start = cli_now();
    const rk_status status = score_part(t, out, &err);
    const int code = cli_ranks_agree(status == RK_OK ? CLI_EXIT_DONE : cli_failure(&err));
    if (code != CLI_EXIT_DONE) return code;
    shared_scores_gather(t->list.passages, t->list.n_passages, t->scores);
    out->scored_per_s = (double)(t->list.n_tokens - t->list.n_passages) / (cli_now() - start);
    return CLI_EXIT_DONE;
}

// ---- a text's figures

static uint64_t count_scored_bytes(const text_run *t) {
    uint64_t bytes = 0;
    if (t->tokenizer == NULL) return 0;
    for (size_t p = 0; p < t->list.n_passages; p++) {
        const rk_passage *passage = &t->list.passages[p];
        for (size_t i = passage->first_scored; i < passage->n_tokens; i++) {
            size_t length = 0;
            rk_tokenizer_decode(t->tokenizer, passage->tokens[i], &length);
            bytes += length;
        }
    }
    return bytes;
}

static rk_status summarize(const text_run *t, result *out, rk_error *err) {
    const perplexity_settings *s = t->job->settings;
    const rk_bootstrap bootstrap = {s->bootstrap, s->bootstrap_block, s->seed};
    const size_t n = t->list.n_scores;
    rk_position_bin bins[RK_MAX_POSITION_BINS];
    out->is_compared = t->job->base != NULL;
    rk_status status;
    if (out->is_compared) {
        status = rk_summarize_comparison(&out->comparison, t->scores, n, &bootstrap, err);
        out->loss = out->comparison.loss;
    } else {
        status = rk_summarize_losses(&out->loss, t->scores, n, &bootstrap, err);
    }
    if (status != RK_OK) return status;
    out->has_loss = true;
    out->n_passages = t->list.n_passages;
    out->n_left_out = t->list.n_empty;
    out->scored_bytes = count_scored_bytes(t);
    out->bits_per_byte = out->scored_bytes > 0 ? out->loss.mean * (double)out->loss.n_tokens /
                                                     log(2.0) / (double)out->scored_bytes
                                               : NAN;
    if (t->tokenizer != NULL) copy_name(out->tokenizer, rk_tokenizer_name(t->tokenizer));
    cli_sha256_bytes(out->tokens_sha256, t->list.tokens, t->list.n_tokens * sizeof(uint32_t));
    out->n_positions =
        rk_summarize_positions(bins, t->list.passages, t->list.n_passages, t->scores);
    out->positions = cli_allocate(out->n_positions, sizeof *out->positions);
    memcpy(out->positions, bins, out->n_positions * sizeof *bins);
    return RK_OK;
}

static int measure_text(result *out, const bench *b, const measure_job *job,
                        measured_pairs *pairs) {
    text_run t = {.job = job, .bench = b};
    rk_error err;
    int code = check_ranks(&t, out, cut_text(&t));
    if (code == CLI_EXIT_DONE) code = score_text(&t, out);
    const bool is_first = code == CLI_EXIT_DONE && cli_rank() == 0;
    if (is_first && summarize(&t, out, &err) != RK_OK) code = cli_failure(&err);
    if (is_first && code == CLI_EXIT_DONE && out->is_compared) {
        pairs->n = t.list.n_scores;
        pairs->divergences = cli_allocate(pairs->n, sizeof *pairs->divergences);
        for (size_t i = 0; i < pairs->n; i++) pairs->divergences[i] = t.scores[i].divergence;
    }
    text_run_free(&t);
    return code;
}

// ---- speed

static int measure_speeds(result *out, const bench *b, const measure_job *job) {
    rk_error err;
    if (speed_measure(b, &out->prefill_tokens_per_s, &out->decode_tokens_per_s, &err) != RK_OK) {
        return cli_failure_of(job->model, &err);
    }
    out->peak_rss_bytes = cli_peak_memory();
    out->has_speed = true;
    if (!job->settings->latency) return CLI_EXIT_DONE;
    return latency_measure(out, b, job);
}

// Rank 0 alone; the others wait, so that they do not disturb it.
static int measure_speeds_undisturbed(result *out, const bench *b, const measure_job *job,
                                      int code) {
    if (code == CLI_EXIT_DONE && cli_rank() == 0) code = measure_speeds(out, b, job);
    return cli_ranks_agree(code);
}

// The strategy is the one argument that comes from the command line unread.
static int opening_failed(const measure_job *job, const rk_error *err) {
    const bool is_misuse = err->code == RK_ERR_ARGUMENT && job->settings->strategy.text != NULL;
    if (is_misuse) cli_misuse("--strategy: %s", err->message);
    return cli_failure(err);
}

int measure(result *out, const measure_job *job, measured_pairs *pairs) {
    out->peak_is_own = cli_peak_memory_reset();
    bench b = {0};
    rk_error err;
    const double start = cli_now();
    int code = CLI_EXIT_DONE;
    if (bench_open(&b, job->model, &job->strategy, job->pool, job->common->quiet, &err) != RK_OK) {
        code = opening_failed(job, &err);
    }
    code = cli_ranks_agree(code);
    if (code != CLI_EXIT_DONE) goto out;
    out->load_seconds = cli_now() - start;
    cli_strategy_report(&job->strategy, b.model, job->common->quiet || cli_rank() > 0);
    describe(out, b.model);
    if (job->task != NULL) {
        code = task_measure(out, &b, job);
    } else if (job->corpus != NULL) {
        code = measure_text(out, &b, job, pairs);
    }
    code = measure_speeds_undisturbed(out, &b, job, code);
out:
    bench_close(&b);
    return code;
}
