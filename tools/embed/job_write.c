// Vectors into a file, and statistics of them.
#include <inttypes.h>
#include <stdio.h>

#include "cli/json_output.h"
#include "cli/messages.h"
#include "embed/embed_jobs.h"
#include "embed/vector_writer.h"

// What receives the rows: a writer, or statistics, or both.
typedef struct receiver {
    vector_writer *writer;  // or NULL
    rk_vector_stats *stats; // or NULL
} receiver;

static int receive(void *user, const embedded_row *row) {
    const receiver *to = user;
    if (to->stats != NULL) rk_vector_stats_add(to->stats, row->raw);
    if (to->writer == NULL || vector_writer_append(to->writer, row)) return CLI_EXIT_DONE;
    return CLI_EXIT_FAILED;
}

// ---- statistics

static int open_stats(rk_vector_stats **out, const embed_job *job) {
    const embed_machine *m = job->machine;
    rk_error err;
    rk_status status = rk_vector_stats_new(out, m->raw_length, &err);
    const cli_text_list *others = &job->settings->tasks.stats_add;
    for (size_t i = 0; status == RK_OK && i < others->count; i++) {
        rk_vector_stats *other = NULL;
        status = rk_vector_stats_open(&other, others->items[i], m->raw_key, m->raw_length, &err);
        if (status == RK_OK) status = rk_vector_stats_merge(*out, other, &err);
        rk_vector_stats_free(&other);
    }
    return status == RK_OK ? CLI_EXIT_DONE : cli_failure(&err);
}

static int save_stats(const rk_vector_stats *stats, const embed_job *job) {
    rk_error err;
    const rk_status status =
        rk_vector_stats_save(stats, job->machine->raw_key, job->settings->tasks.stats_fit, &err);
    return status == RK_OK ? CLI_EXIT_DONE : cli_failure(&err);
}

// ---- the report

static void print_report(const embed_job *job, const rk_vector_stats *stats, uint64_t n_rows) {
    const char *output = job->settings->output.path, *fit = job->settings->tasks.stats_fit;
    if (output != NULL) {
        printf("%s: %" PRIu64 " embedding%s of %zu values\n", output, n_rows,
               n_rows == 1 ? "" : "s", job->machine->length);
    }
    if (stats == NULL) return;
    const uint64_t seen = rk_vector_stats_count(stats);
    printf("%s: statistics of %" PRIu64 " text%s, %zu values each\n", fit, seen,
           seen == 1 ? "" : "s", job->machine->raw_length);
}

static void print_json(const embed_job *job, const rk_vector_stats *stats, uint64_t n_rows) {
    const output_settings *output = &job->settings->output;
    cJSON *object = cli_json_new(1);
    cli_json_add_size(object, "texts", n_rows);
    if (output->path != NULL) {
        cli_json_add_text(object, "output", output->path);
        cli_json_add_text(object, "vectors", job->machine->key);
        cli_json_add_size(object, "columns", job->machine->length);
    }
    if (stats != NULL) {
        cli_json_add_text(object, "statistics", job->settings->tasks.stats_fit);
        cli_json_add_text(object, "statistics_of", job->machine->raw_key);
        cli_json_add_size(object, "statistics_texts", rk_vector_stats_count(stats));
        cli_json_add_size(object, "statistics_columns", job->machine->raw_length);
    }
    cli_json_finish(object);
}

// ---- the job

static int run_loop(const embed_job *job, receiver *to, partial_rows *partial, uint64_t *n_rows) {
    const embed_loop loop = {.machine = job->machine,
                             .source = job->source,
                             .partial = partial,
                             .take = receive,
                             .user = to,
                             .wants_raw = to->stats != NULL,
                             .common = job->common};
    return embed_loop_run(&loop, n_rows);
}

// With the files that take the rows open.
static int write_rows(const embed_job *job, rk_vector_stats *stats, uint64_t *n_rows) {
    const output_settings *output = &job->settings->output;
    receiver to = {.stats = stats};
    if (output->path == NULL) return run_loop(job, &to, NULL, n_rows);
    vector_writer writer = {0};
    partial_rows partial = {.fd = -1};
    int code = CLI_EXIT_FAILED;
    if (output->resume &&
        !partial_rows_open(&partial, output->path, job->machine->key, job->machine->length)) {
        goto out;
    }
    to.writer = &writer;
    if (!vector_writer_open(&writer, output, job->machine)) goto out;
    code = run_loop(job, &to, output->resume ? &partial : NULL, n_rows);
    if (code == CLI_EXIT_DONE && !vector_writer_commit(&writer)) code = CLI_EXIT_FAILED;
    if (code == CLI_EXIT_DONE && output->resume) partial_rows_remove(&partial);
out:
    vector_writer_close(&writer);
    partial_rows_close(&partial);
    return code;
}

int job_write(const embed_job *job) {
    rk_vector_stats *stats = NULL;
    uint64_t n_rows = 0;
    int code = CLI_EXIT_DONE;
    if (job->settings->tasks.stats_fit != NULL) code = open_stats(&stats, job);
    // Statistics may be put together without new texts.
    if (code == CLI_EXIT_DONE && job->source != NULL) code = write_rows(job, stats, &n_rows);
    if (code == CLI_EXIT_DONE && stats != NULL) code = save_stats(stats, job);
    if (code == CLI_EXIT_DONE && job->common->json) {
        print_json(job, stats, n_rows);
    } else if (code == CLI_EXIT_DONE && !job->common->quiet) {
        print_report(job, stats, n_rows);
    }
    rk_vector_stats_free(&stats);
    return code;
}
