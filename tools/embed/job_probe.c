// Probes: fitted on labelled texts, and asked about others.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/json_output.h"
#include "cli/messages.h"
#include "cli/progress_line.h"
#include "embed/kept_rows.h"
#include "rk/probe.h"

enum { MOST_SHOWN = 200 }; // characters of a class's name in a line

// ---- labels

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// The distinct labels in alphabetical order, borrowed. Returns their number.
static size_t list_classes(const char **classes, const kept_rows *k) {
    size_t n = 0;
    for (size_t i = 0; i < k->count; i++) classes[i] = k->labels[i];
    qsort(classes, k->count, sizeof *classes, compare_texts);
    for (size_t i = 0; i < k->count; i++) {
        if (n == 0 || strcmp(classes[n - 1], classes[i]) != 0) classes[n++] = classes[i];
    }
    return n;
}

static bool check_labels(const kept_rows *k, const char *name) {
    for (size_t i = 0; i < k->count; i++) {
        if (k->labels[i] != NULL) continue;
        cli_complain("text %s has no label: no \"%s\" beside its \"text\"", k->ids[i], name);
        return false;
    }
    return true;
}

// ---- fitting

static void print_fit(const embed_job *job, const rk_probe *probe, const rk_probe_report *r) {
    printf("%s: %zu classes, %zu texts, %zu values each\n", job->settings->output.path,
           rk_probe_classes(probe), r->n_rows, job->machine->length);
    printf("accuracy  %.4f ± %.4f on texts that a probe has not seen; the most common class: "
           "%.4f\n",
           r->accuracy, r->standard_error, r->most_common);
    printf("strength  %g, chosen by the accuracy:", r->strength);
    for (size_t i = 0; i < RK_PROBE_STRENGTHS; i++) {
        printf("%s %g: %.4f", i == 0 ? "" : ",", r->strengths[i], r->accuracies[i]);
    }
    putchar('\n');
}

static void print_fit_json(const embed_job *job, const rk_probe *probe, const rk_probe_report *r) {
    cJSON *object = cli_json_new(1);
    cli_json_add_text(object, "output", job->settings->output.path);
    cli_json_add_text(object, "vectors", job->machine->key);
    cli_json_add_size(object, "columns", job->machine->length);
    cli_json_add_size(object, "texts", r->n_rows);
    cJSON *classes = cli_json_add_array(object, "classes");
    for (size_t i = 0; i < rk_probe_classes(probe); i++) {
        cli_json_append_text(classes, rk_probe_class(probe, i));
    }
    cli_json_add_number(object, "accuracy", r->accuracy);
    cli_json_add_number(object, "standard_error", r->standard_error);
    cli_json_add_number(object, "most_common", r->most_common);
    cli_json_add_number(object, "strength", r->strength);
    cJSON *tried = cli_json_add_array(object, "tried");
    for (size_t i = 0; i < RK_PROBE_STRENGTHS; i++) {
        cJSON *one = cli_json_append_object(tried);
        cli_json_add_number(one, "strength", r->strengths[i]);
        cli_json_add_number(one, "accuracy", r->accuracies[i]);
    }
    cli_json_finish(object);
}

static rk_status fit(rk_probe **probe, const kept_rows *k, const embed_job *job,
                     rk_probe_report *report, rk_error *err) {
    const char **classes = cli_allocate(k->count, sizeof *classes);
    size_t *labels = cli_allocate(k->count, sizeof *labels);
    const size_t n_classes = list_classes(classes, k);
    for (size_t i = 0; i < k->count; i++) {
        const char *const *found =
            bsearch(&k->labels[i], classes, n_classes, sizeof *classes, compare_texts);
        labels[i] = (size_t)(found - classes);
    }
    const rk_probe_data data = {.rows = k->values,
                                .n_rows = k->count,
                                .n_columns = k->length,
                                .labels = labels,
                                .classes = classes,
                                .n_classes = n_classes};
    cli_progress progress;
    cli_progress_begin(&progress, "fitting", CLI_UNIT_STEPS, job->common->quiet);
    const rk_progress hook = cli_progress_hook(&progress);
    const rk_status status = rk_probe_fit(probe, &data, 0, &hook, report, err);
    cli_progress_end(&progress);
    free(classes);
    free(labels);
    return status;
}

static int fit_and_save(const kept_rows *k, const embed_job *job) {
    rk_probe *probe = NULL;
    rk_probe_report report;
    rk_error err;
    rk_status status = fit(&probe, k, job, &report, &err);
    if (status != RK_OK) return cli_failure_of(job->settings->tasks.fit, &err);
    status = rk_probe_save(probe, job->machine->key, job->settings->output.path, &err);
    if (status == RK_OK && job->common->json) {
        print_fit_json(job, probe, &report);
    } else if (status == RK_OK && !job->common->quiet) {
        print_fit(job, probe, &report);
    }
    rk_probe_free(&probe);
    return status == RK_OK ? CLI_EXIT_DONE : cli_failure(&err);
}

int job_fit(const embed_job *job) {
    kept_rows kept = {0};
    int code = kept_rows_collect(&kept, job);
    if (code == CLI_EXIT_DONE && !check_labels(&kept, job->settings->tasks.label)) {
        code = CLI_EXIT_FAILED;
    }
    if (code == CLI_EXIT_DONE) code = fit_and_save(&kept, job);
    kept_rows_free(&kept);
    return code;
}

// ---- predicting

typedef struct prediction {
    const rk_probe *probe;
    cJSON *list;              // of --json, or NULL
    size_t n_labelled, right; // texts with a label; of them, predicted so
} prediction;

static int predict(void *user, const embedded_row *row) {
    prediction *p = user;
    double score;
    const char *class = rk_probe_class(p->probe, rk_probe_predict(p->probe, row->values, &score));
    const char *label = row->item->label;
    if (label != NULL) {
        p->n_labelled++;
        p->right += strcmp(label, class) == 0;
    }
    if (p->list == NULL) {
        char *shown = text_preview(class, strlen(class), MOST_SHOWN);
        printf("%s\t%s\t%.3f\n", row->item->id, shown, score);
        free(shown);
        return CLI_EXIT_DONE;
    }
    cJSON *one = cli_json_append_object(p->list);
    cJSON_AddRawToObject(one, "id", row->item->id);
    cli_json_add_text(one, "class", class);
    cli_json_add_number(one, "score", score);
    if (label != NULL) cli_json_add_text(one, "label", label);
    return CLI_EXIT_DONE;
}

// How often it was right, where that is known.
static void print_accuracy(const prediction *p, cJSON *object, const embed_job *job) {
    const double n = (double)p->n_labelled;
    if (p->n_labelled > 0) {
        const double accuracy = (double)p->right / n;
        const double error = sqrt(accuracy * (1 - accuracy) / n);
        if (object != NULL) {
            cli_json_add_number(object, "accuracy", accuracy);
            cli_json_add_number(object, "standard_error", error);
        } else if (!job->common->quiet) {
            printf("accuracy\t%.4f ± %.4f\n", accuracy, error);
        }
    }
    if (object != NULL) cli_json_finish(object);
}

int job_predict(const embed_job *job) {
    rk_probe *probe = NULL;
    rk_error err;
    const embed_machine *m = job->machine;
    if (rk_probe_open(&probe, job->settings->tasks.predict, m->key, m->length, &err) != RK_OK) {
        return cli_failure(&err);
    }
    prediction p = {.probe = probe};
    cJSON *object = job->common->json ? cli_json_new(1) : NULL;
    if (object != NULL) p.list = cli_json_add_array(object, "predictions");
    const embed_loop loop = {.machine = job->machine,
                             .source = job->source,
                             .take = predict,
                             .user = &p,
                             .common = job->common};
    uint64_t n_rows;
    const int code = embed_loop_run(&loop, &n_rows);
    if (code == CLI_EXIT_DONE) {
        print_accuracy(&p, object, job);
    } else {
        cJSON_Delete(object);
    }
    rk_probe_free(&probe);
    return code;
}
