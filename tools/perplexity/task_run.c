// Running tasks: every ending of every item is a passage.
#include "perplexity/task_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/paths.h"
#include "cli/progress_line.h"
#include "cli/ranks.h"
#include "cli/sha256.h"
#include "cli/sizes.h"
#include "cli/utf8_text.h"
#include "perplexity/shared_scores.h"

typedef struct task_run {
    const measure_job *job;
    const bench *bench;
    rk_tokenizer *tokenizer;
    uint32_t *tokens; // of all passages
    size_t n_tokens, room;
    rk_passage *passages; // [n_passages]; their tokens are set when all are there
    size_t n_passages;
    rk_token_score *scores;
    size_t n_scores;
} task_run;

static void task_run_free(task_run *t) {
    rk_tokenizer_close(&t->tokenizer);
    free(t->tokens);
    free(t->passages);
    free(t->scores);
}

// ---- passages

static void append(task_run *t, const uint32_t *tokens, size_t n) {
    if (t->room - t->n_tokens < n) {
        t->room = 2 * t->room + n;
        t->tokens = cli_reallocate(t->tokens, t->room, sizeof *t->tokens);
    }
    if (n > 0) memcpy(t->tokens + t->n_tokens, tokens, n * sizeof *tokens);
    t->n_tokens += n;
}

static rk_status append_text(task_run *t, const char *text, size_t *n, rk_error *err) {
    uint32_t *tokens;
    const rk_status status = rk_tokenizer_encode(t->tokenizer, text, strlen(text), &tokens, n, err);
    if (status != RK_OK) return status;
    append(t, tokens, *n);
    rk_tokens_free(&tokens);
    return RK_OK;
}

// Context and ending are cut into tokens each for itself, so that all endings have one context.
static rk_status add_passage(task_run *t, const task_item *item, const char *ending,
                             rk_error *err) {
    const size_t bos = t->job->settings->protocol.bos;
    size_t n_context, n_ending;
    if (bos != SIZE_MAX) append(t, &(uint32_t){(uint32_t)bos}, 1);
    rk_status status = append_text(t, item->context, &n_context, err);
    if (status == RK_OK) status = append_text(t, ending, &n_ending, err);
    if (status != RK_OK) return status;
    if (bos != SIZE_MAX) n_context++;
    t->passages[t->n_passages++] =
        (rk_passage){.n_tokens = n_context + n_ending, .first_scored = n_context};
    t->n_scores += n_ending;
    return RK_OK;
}

static int fail_empty_context(const task_run *t, size_t item) {
    cli_complain("%s: item %zu has no context: --bos gives it a token to begin with",
                 t->job->task->name, item + 1);
    return CLI_EXIT_FAILED;
}

static int make_passages(task_run *t) {
    const task_items *task = t->job->task;
    rk_error err;
    size_t n = 0;
    for (size_t i = 0; i < task->n_items; i++) n += task->items[i].n_endings;
    t->passages = cli_allocate(n, sizeof *t->passages);
    for (size_t i = 0; i < task->n_items; i++) {
        for (size_t e = 0; e < task->items[i].n_endings; e++) {
            if (add_passage(t, &task->items[i], task->items[i].endings[e], &err) != RK_OK) {
                return cli_failure_of(t->job->model, &err);
            }
            if (t->passages[t->n_passages - 1].first_scored == 0) return fail_empty_context(t, i);
        }
    }
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        t->passages[i].tokens = t->tokens + at;
        at += t->passages[i].n_tokens;
    }
    return CLI_EXIT_DONE;
}

// ---- scoring

static rk_status run_scorer(task_run *t, const rk_progress *progress, rk_error *err) {
    const rk_scorer_options options = {
        .pool = t->job->pool, .part = cli_rank(), .n_parts = cli_ranks()};
    rk_scorer *scorer = NULL;
    t->scores = cli_allocate(t->n_scores, sizeof *t->scores);
    rk_status status = rk_scorer_new(&scorer, t->bench->context, &options, err);
    if (status == RK_OK) {
        status = rk_scorer_run(scorer, t->passages, t->n_passages, 0, progress, t->scores, err);
    }
    rk_scorer_free(&scorer);
    return status;
}

static int score_passages(task_run *t, result *out) {
    char *label = cli_format("%s %s", cli_base_name(t->job->model), out->type);
    cli_progress progress;
    cli_progress_begin(&progress, label, CLI_UNIT_TOKENS, t->job->common->quiet);
    const rk_progress hook = cli_progress_hook(&progress);
    rk_error err;
    const double start = cli_now();
    const rk_status status = run_scorer(t, &hook, &err);
    cli_progress_end(&progress);
    free(label);
    const int code = cli_ranks_agree(status == RK_OK ? CLI_EXIT_DONE : cli_failure(&err));
    if (code == CLI_EXIT_DONE) shared_scores_gather(t->passages, t->n_passages, t->scores);
    out->scored_per_s = (double)(t->n_tokens - t->n_passages) / (cli_now() - start);
    return code;
}

// The same model and tasks for all processes?
static int check_ranks(const task_run *t, const result *out, int code) {
    char sum[CLI_SHA256_TEXT];
    cli_sha256_bytes(sum, t->tokens, t->n_tokens * sizeof *t->tokens);
    char *what = cli_format("%s of %ju bytes, tokens %s", out->type, (uintmax_t)out->bytes, sum);
    code = shared_scores_check(code, what, t->job->model);
    free(what);
    return code;
}

// ---- figures

// The loss of a whole ending, and whether each of its tokens was the most probable one. Moves
// *score behind it.
static double ending_loss(const rk_passage *passage, const rk_token_score **score, bool *found) {
    double loss = 0;
    *found = true;
    for (size_t i = passage->first_scored; i < passage->n_tokens; i++, (*score)++) {
        loss += (*score)->loss;
        *found = *found && (*score)->best == passage->tokens[i];
    }
    return loss;
}

static rk_status sum_lambada(const task_run *t, task_result *out, rk_error *err) {
    const size_t n = t->n_passages;
    double *losses = cli_allocate(n, sizeof *losses), *right = cli_allocate(n, sizeof *right);
    const rk_token_score *score = t->scores;
    for (size_t i = 0; i < n; i++) {
        bool found;
        losses[i] = ending_loss(&t->passages[i], &score, &found);
        right[i] = found;
    }
    rk_estimate loss;
    rk_status status = rk_estimate_mean(&loss, losses, n, NULL, err);
    if (status == RK_OK) status = rk_estimate_mean(&out->accuracy, right, n, NULL, err);
    if (status == RK_OK) {
        out->perplexity = exp(loss.mean);
        out->perplexity_error = out->perplexity * loss.standard_error;
    }
    free(losses);
    free(right);
    return status;
}

// Which ending is the most probable one, as a whole and by its length: the first of them in a tie.
static void choose(const task_item *item, const rk_passage *passages, const rk_token_score **score,
                   size_t *best, size_t *best_by_length) {
    double least = INFINITY, least_by_length = INFINITY;
    for (size_t e = 0; e < item->n_endings; e++) {
        bool found;
        const double loss = ending_loss(&passages[e], score, &found);
        const double by_length = loss / (double)cli_utf8_width(item->endings[e]);
        if (loss < least) {
            least = loss;
            *best = e;
        }
        if (by_length < least_by_length) {
            least_by_length = by_length;
            *best_by_length = e;
        }
    }
}

static rk_status sum_choices(const task_run *t, task_result *out, rk_error *err) {
    const task_items *task = t->job->task;
    const size_t n = task->n_items;
    double *right = cli_allocate(n, sizeof *right), *by_length = cli_allocate(n, sizeof *by_length);
    const rk_token_score *score = t->scores;
    const rk_passage *passages = t->passages;
    for (size_t i = 0; i < n; i++) {
        const task_item *item = &task->items[i];
        size_t best = 0, best_by_length = 0;
        choose(item, passages, &score, &best, &best_by_length);
        passages += item->n_endings;
        right[i] = best == item->label;
        by_length[i] = best_by_length == item->label;
    }
    rk_status status = rk_estimate_mean(&out->accuracy, right, n, NULL, err);
    if (status == RK_OK) {
        status = rk_estimate_mean(&out->normalized_accuracy, by_length, n, NULL, err);
    }
    free(right);
    free(by_length);
    return status;
}

int task_measure(result *out, const bench *b, const measure_job *job) {
    task_run t = {.job = job, .bench = b};
    rk_error err;
    int code = CLI_EXIT_DONE;
    if (open_tokenizer(&t.tokenizer, b, NULL, job->settings->tokenizer, &err) != RK_OK) {
        code = cli_failure_of(job->model, &err);
    }
    if (code == CLI_EXIT_DONE) code = make_passages(&t);
    code = check_ranks(&t, out, code);
    if (code == CLI_EXIT_DONE) code = score_passages(&t, out);
    if (code == CLI_EXIT_DONE && cli_rank() == 0) {
        out->task.n_items = job->task->n_items;
        const rk_status status = job->task->is_choice ? sum_choices(&t, &out->task, &err)
                                                      : sum_lambada(&t, &out->task, &err);
        out->has_task = status == RK_OK;
        if (status != RK_OK) code = cli_failure(&err);
    }
    task_run_free(&t);
    return code;
}
