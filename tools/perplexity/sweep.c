// All models in all types, beside one base.
#include "perplexity/sweep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/paths.h"
#include "cli/ranks.h"
#include "cli/read_speed.h"
#include "cli/signals.h"
#include "cli/workers.h"
#include "perplexity/measure.h"
#include "perplexity/protocol.h"
#include "perplexity/result_json.h"
#include "rk/version.h"

// Everything that is the same for all models.
typedef struct sweeping {
    record *record;
    const perplexity_settings *settings;
    const cli_common *common;
    corpus corpus;
    task_items task;
    comparison_base base;
    rk_pool *pool;
    bool hashes;          // checksums of models are wanted
    measured_pairs first; // of the first result
} sweeping;

static void sweeping_free(sweeping *w) {
    corpus_free(&w->corpus);
    task_items_free(&w->task);
    bench_close(&w->base.bench);
    corpus_tokens_free(&w->base.tokens);
    rk_logits_reader_close(&w->base.saved);
    free(w->first.divergences);
    rk_pool_free(&w->pool);
}

// ---- preparing

static int read_input(sweeping *w) {
    const perplexity_settings *s = w->settings;
    record *r = w->record;
    int code = CLI_EXIT_DONE;
    if (s->file == NULL) return code;
    if (s->task != NULL) {
        code = task_items_read(&w->task, s->file, s->task, s->protocol.chunks);
        if (code != CLI_EXIT_DONE) return code;
        r->text = cli_copy(w->task.name);
        r->text_kind = cli_copy(s->task);
        r->text_bytes = w->task.bytes;
        memcpy(r->text_sha256, w->task.sha256, sizeof r->text_sha256);
        r->protocol = task_items_describe(&w->task, s);
        return code;
    }
    code = corpus_open(&w->corpus, s->file, s->format);
    if (code == CLI_EXIT_DONE && w->hashes) code = corpus_checksum(&w->corpus);
    if (code != CLI_EXIT_DONE) return code;
    r->text = cli_copy(w->corpus.name);
    r->text_kind = cli_copy(w->corpus.kind);
    r->text_bytes = w->corpus.bytes;
    memcpy(r->text_sha256, w->corpus.sha256, sizeof r->text_sha256);
    r->protocol = protocol_describe(&s->protocol, &w->corpus);
    if (cli_ranks() == 1 || !protocol_is_one_stream(&s->protocol, &w->corpus)) return code;
    cli_complain("%s: one stream cannot be shared by %zu processes, since each token is predicted "
                 "from all before it: documents can, and contexts (--ctx)",
                 w->corpus.name, cli_ranks());
    return CLI_EXIT_FAILED;
}

// Of the file of a model; nothing for folders.
static int hash_model(char sum[CLI_SHA256_TEXT], const char *path) {
    struct stat about;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) return CLI_EXIT_DONE;
    if (cli_sha256_file(sum, path)) return CLI_EXIT_DONE;
    cli_complain("%s: %s", path, strerror(errno));
    return CLI_EXIT_FAILED;
}

static int open_base_model(sweeping *w) {
    const perplexity_settings *s = w->settings;
    comparison_base *base = &w->base;
    rk_tokenizer *tokenizer = NULL;
    rk_error err;
    const cli_strategy as_it_is = {0};
    if (bench_open(&base->bench, s->base, &as_it_is, w->pool, w->common->quiet, &err) != RK_OK) {
        return cli_failure(&err);
    }
    rk_status status = open_tokenizer(&tokenizer, &base->bench, &w->corpus, s->tokenizer, &err);
    if (status == RK_OK) {
        status = corpus_tokenize(&base->tokens, &w->corpus, tokenizer, s->protocol.limit, 0, &err);
    }
    rk_tokenizer_close(&tokenizer);
    if (status != RK_OK) return cli_failure_of(s->base, &err);
    free(w->record->base_type);
    w->record->base_type =
        cli_copy(rk_dtype_describe(rk_model_describe(base->bench.model)->dtype)->name);
    return w->hashes ? hash_model(w->record->base_sha256, s->base) : CLI_EXIT_DONE;
}

static int open_base(sweeping *w) {
    const perplexity_settings *s = w->settings;
    w->base.path = s->base != NULL ? s->base : s->kl_base;
    w->record->base = cli_copy(w->base.path != NULL ? w->base.path : "");
    w->record->base_type = cli_copy("");
    if (s->base != NULL) return open_base_model(w);
    if (s->kl_base == NULL) return CLI_EXIT_DONE;
    rk_error err;
    if (rk_logits_reader_open(&w->base.saved, s->kl_base, &err) != RK_OK) return cli_failure(&err);
    free(w->record->base_type);
    w->record->base_type = cli_copy(rk_logits_reader_describe(w->base.saved)->source);
    return w->hashes ? hash_model(w->record->base_sha256, s->kl_base) : CLI_EXIT_DONE;
}

static int refuse_ranks(const perplexity_settings *s) {
    if (cli_ranks() == 1 || s->save_logits == NULL) return CLI_EXIT_DONE;
    cli_complain("--save-logits: the file is written in the order of the text, by one process and "
                 "not by %zu",
                 cli_ranks());
    return CLI_EXIT_FAILED;
}

static int prepare(sweeping *w) {
    record *r = w->record;
    cli_common common = *w->common;
    if (w->settings->threads.count > 0) common.threads = w->settings->threads.items[0];
    w->pool = cli_workers_new(&common);
    if (w->pool == NULL) return CLI_EXIT_FAILED;
    cli_machine_describe(&r->machine);
    r->build = cli_copy(rk_system_info());
    r->threads = rk_pool_threads(w->pool);
    r->processes = cli_ranks();
    r->bootstrap = w->settings->bootstrap;
    r->bootstrap_block = w->settings->bootstrap_block;
    r->seed = w->settings->seed;
    int code = refuse_ranks(w->settings);
    if (code == CLI_EXIT_DONE) code = read_input(w);
    cli_signals_begin();
    code = cli_ranks_agree(code);
    if (code != CLI_EXIT_DONE) return code;
    if (w->settings->latency && cli_rank() == 0) r->read_bytes_per_s = cli_read_speed(w->pool);
    code = cli_ranks_agree(code); // nobody works while that is measured
    return code == CLI_EXIT_DONE ? cli_ranks_agree(open_base(w)) : code;
}

// ---- results that are there already

static bool same_text(const char *a, const char *b) {
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static int refuse(const char *path, const char *what, const char *there, const char *here) {
    cli_complain("%s: its results are of another %s: %s, not %s", path, what,
                 there != NULL && there[0] != '\0' ? there : "none",
                 here != NULL && here[0] != '\0' ? here : "none");
    return CLI_EXIT_FAILED;
}

static int check_kept(const record *kept, const record *r, const char *path) {
    if (strcmp(kept->text_sha256, r->text_sha256) != 0) {
        return refuse(path, "text", kept->text, r->text);
    }
    if (!same_text(kept->protocol, r->protocol)) {
        return refuse(path, "protocol", kept->protocol, r->protocol);
    }
    const bool base_is_hashed = r->base_sha256[0] != '\0';
    if (strcmp(kept->base_sha256, r->base_sha256) != 0 ||
        (!base_is_hashed && !same_text(kept->base, r->base))) {
        return refuse(path, "base", kept->base, r->base);
    }
    if (kept->bootstrap == r->bootstrap && kept->bootstrap_block == r->bootstrap_block &&
        kept->seed == r->seed) {
        return CLI_EXIT_DONE;
    }
    return refuse(path, "bootstrap", "other numbers", "those asked for");
}

// Takes over the results of --resume's file.
static int load_kept(sweeping *w) {
    const char *path = w->settings->resume;
    record kept;
    if (path == NULL || cli_rank() > 0) return CLI_EXIT_DONE;
    int code = CLI_EXIT_FAILED;
    if (result_json_load(&kept, path)) {
        code = kept.n_results > 0 ? check_kept(&kept, w->record, path) : CLI_EXIT_DONE;
    }
    if (code == CLI_EXIT_DONE) {
        w->record->results = kept.results;
        w->record->n_results = kept.n_results;
        kept.results = NULL;
        kept.n_results = 0;
    }
    record_free(&kept);
    return code;
}

// Was everything that is asked for measured of this model?
static bool is_complete(const sweeping *w, const result *r) {
    return (w->settings->task != NULL ? r->has_task : w->settings->file == NULL || r->has_loss) &&
           (!w->settings->latency || r->n_latency > 0);
}

static result *find_kept(const sweeping *w, const char *model, const char *requested) {
    for (size_t i = 0; i < w->record->n_results; i++) {
        result *r = &w->record->results[i];
        if (same_text(r->model, model) && same_text(r->requested, requested)) return r;
    }
    return NULL;
}

// ---- measuring

// The texts are the same, so predictions can be compared one by one, unless one model's tokenizer
// cuts the text differently, or the first result was not measured here.
static void pair_with_first(sweeping *w, result *r, measured_pairs *pairs) {
    const record *all = w->record;
    if (pairs->divergences == NULL) return;
    if (r == &all->results[0]) {
        w->first = *pairs;
        *pairs = (measured_pairs){0};
        r->is_paired = true;
        return;
    }
    r->is_paired =
        w->first.n == pairs->n && strcmp(r->tokens_sha256, all->results[0].tokens_sha256) == 0;
    if (r->is_paired) {
        r->versus_first = rk_paired_difference(pairs->divergences, w->first.divergences, pairs->n);
    }
}

// The result to be filled, or NULL where it is there already. All ranks do as rank 0 says, which
// alone knows what was kept.
static result *find_work(sweeping *w, const char *model, const char *requested, const char *sum) {
    result *r = find_kept(w, model, requested);
    bool is_done = r != NULL && strcmp(r->sha256, sum) == 0 && is_complete(w, r);
    cli_ranks_share(&is_done, sizeof is_done);
    if (is_done) return NULL;
    if (r == NULL) {
        r = record_add(w->record);
    } else {
        result_clear(r);
    }
    r->model = cli_copy(model);
    r->requested = cli_copy(requested != NULL ? requested : "");
    snprintf(r->sha256, sizeof r->sha256, "%s", sum);
    return r;
}

static int measure_one(sweeping *w, const char *model, const cli_strategy *strategy,
                       const char *requested) {
    char sum[CLI_SHA256_TEXT] = "";
    int code = cli_ranks_agree(w->hashes ? hash_model(sum, model) : CLI_EXIT_DONE);
    if (code != CLI_EXIT_DONE) return code;
    result *r = find_work(w, model, requested, sum);
    if (r == NULL) return CLI_EXIT_DONE;
    measured_pairs pairs = {0};
    const measure_job job = {
        .model = model,
        .strategy = *strategy,
        .settings = w->settings,
        .common = w->common,
        .corpus = w->settings->file != NULL && w->settings->task == NULL ? &w->corpus : NULL,
        .task = w->settings->task != NULL ? &w->task : NULL,
        .protocol = w->record->protocol,
        .base = w->base.path != NULL ? &w->base : NULL,
        .pool = w->pool,
    };
    code = measure(r, &job, &pairs);
    if (code == CLI_EXIT_DONE) pair_with_first(w, r, &pairs);
    free(pairs.divergences);
    const bool is_saved = w->settings->resume != NULL && cli_rank() == 0;
    if (code == CLI_EXIT_DONE && is_saved && !result_json_save(w->record, w->settings->resume)) {
        code = CLI_EXIT_FAILED;
    }
    return cli_ranks_agree(code);
}

static int measure_in_type(sweeping *w, const char *model, rk_dtype dtype) {
    const char *type = rk_dtype_describe(dtype)->name;
    char *words = cli_format("cpu %s", type);
    const int code = measure_one(w, model, &(cli_strategy){.text = words}, type);
    free(words);
    return code;
}

static int measure_all(sweeping *w, const cli_text_list *models) {
    const cli_dtype_list *types = &w->settings->types;
    const cli_strategy *strategy = &w->settings->strategy;
    int code = CLI_EXIT_DONE;
    for (size_t m = 0; m < models->count; m++) {
        for (size_t t = 0; code == CLI_EXIT_DONE && t < types->count; t++) {
            code = measure_in_type(w, models->items[m], types->items[t]);
        }
        if (code == CLI_EXIT_DONE && types->count == 0) {
            code = measure_one(w, models->items[m], strategy, strategy->text);
        }
        if (code != CLI_EXIT_DONE) break;
    }
    return code;
}

int sweep(record *r, const cli_text_list *models, const perplexity_settings *s,
          const cli_common *common) {
    sweeping w = {
        .record = r,
        .settings = s,
        .common = common,
        .hashes = common->json || s->csv || s->markdown || s->resume != NULL || s->report != NULL,
    };
    int code = prepare(&w);
    if (code == CLI_EXIT_DONE) code = cli_ranks_agree(load_kept(&w));
    if (code == CLI_EXIT_DONE) code = measure_all(&w, models);
    sweeping_free(&w);
    return code;
}
