// lora_merge --extract.
#include "lora_merge/extract_job.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/allocate.h"
#include "cli/json_output.h"
#include "cli/messages.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/sizes.h"
#include "cli/table.h"
#include "rk/extract.h"

enum { SCHEMA = 1 };

// What has been done, for the report.
typedef struct record {
    const char *model, *base, *output; // borrowed
    bool planned;
    rk_extract_tensor *tensors; // [n_tensors], owned, and their names
    size_t n_tensors, rank;
    rk_extract_result result;
} record;

static void keep_tensor(void *user, const rk_extract_tensor *tensor) {
    record *r = user;
    r->tensors = cli_reallocate(r->tensors, r->n_tensors + 1, sizeof *r->tensors);
    r->tensors[r->n_tensors] = *tensor;
    r->tensors[r->n_tensors++].name = cli_copy(tensor->name);
}

static void record_free(record *r) {
    for (size_t i = 0; i < r->n_tensors; i++) free((char *)r->tensors[i].name);
    free(r->tensors);
}

static double relative(double part, double whole) {
    return whole > 0.0 ? part / whole : NAN;
}

// ---- for people

static void add_share(cli_table *table, double share) {
    if (isnan(share)) {
        cli_table_add(table, "-");
    } else {
        cli_table_add(table, "%.2f %%", 100.0 * share);
    }
}

static void print_tensors(const record *r) {
    static const cli_column columns[] = {{"tensor", false},     {"shape", false},
                                         {"adapter", false},    {"RMS change", true},
                                         {"of the base", true}, {"left of the change", true}};
    const size_t n_columns = sizeof columns / sizeof columns[0];
    cli_table table;
    cli_table_init(&table, columns, r->planned ? n_columns - 1 : n_columns);
    for (size_t i = 0; i < r->n_tensors; i++) {
        const rk_extract_tensor *t = &r->tensors[i];
        char shape[RK_SHAPE_TEXT];
        cli_table_add(&table, "%s", t->name);
        cli_table_add(&table, "%s", rk_shape_format(shape, &t->shape));
        if (t->rank > 0) {
            cli_table_add(&table, "rank %zu", t->rank);
        } else {
            cli_table_add(&table, "whole");
        }
        cli_table_add(&table, "%.3g", t->rms_change);
        add_share(&table, relative(t->rms_change, t->rms_base));
        if (!r->planned) add_share(&table, relative(t->rms_left, t->rms_change));
    }
    cli_table_print(&table, stdout);
    cli_table_fini(&table);
}

static void print_report(const record *r) {
    char size[CLI_SIZE_TEXT];
    print_tensors(r);
    printf("\n%zu matrices as pairs of rank %zu, %zu tensors whole, %zu equal\n", r->result.n_pairs,
           r->rank, r->result.n_whole, r->result.n_equal);
    printf("%s: %s%s (%" PRIu64 " bytes)\n", r->output, r->planned ? "would have " : "",
           cli_size_format(size, (double)r->result.output_bytes), r->result.output_bytes);
}

// ---- for programs

static void add_tensor(cJSON *tensors, const record *r, const rk_extract_tensor *t) {
    cJSON *object = cli_json_append_object(tensors);
    cli_json_add_text(object, "name", t->name);
    cli_json_add_shape(object, "shape", &t->shape);
    cli_json_add_size(object, "rank", t->rank);
    cli_json_add_number(object, "rms_change", t->rms_change);
    cli_json_add_number(object, "rms_change_relative", relative(t->rms_change, t->rms_base));
    if (r->planned) return;
    cli_json_add_number(object, "rms_left", t->rms_left);
    cli_json_add_number(object, "rms_left_relative", relative(t->rms_left, t->rms_change));
}

static void print_json(const record *r) {
    cJSON *object = cli_json_new(SCHEMA);
    cli_json_add_text(object, "model", r->model);
    cli_json_add_text(object, "base", r->base);
    cli_json_add_text(object, "output", r->output);
    cli_json_add_bool(object, "dry_run", r->planned);
    cli_json_add_size(object, "rank", r->rank);
    cli_json_add_size(object, "pairs", r->result.n_pairs);
    cli_json_add_size(object, "whole", r->result.n_whole);
    cli_json_add_size(object, "equal", r->result.n_equal);
    cli_json_add_size(object, "bytes", r->result.output_bytes);
    cJSON *tensors = cli_json_add_array(object, "tensors");
    for (size_t i = 0; i < r->n_tensors; i++) add_tensor(tensors, r, &r->tensors[i]);
    cli_json_finish(object);
}

// ---- the job

int extract(const cli_text_list *files, const merge_settings *s, const cli_common *common) {
    record r = {.model = files->items[0],
                .base = files->items[1],
                .output = files->items[2],
                .planned = s->dry_run,
                .rank = s->rank};
    rk_error err;
    cli_progress progress;
    cli_signals_begin();
    cli_progress_begin(&progress, s->dry_run ? "comparing" : "extracting", CLI_UNIT_BYTES,
                       common->quiet);
    const rk_extract_options options = {.rank = s->rank,
                                        .no_sync = s->no_sync,
                                        .progress = cli_progress_hook(&progress),
                                        .report = keep_tensor,
                                        .report_user = &r};
    const rk_status status = rk_extract_adapter(r.model, r.base, s->dry_run ? NULL : r.output,
                                                &options, &r.result, &err);
    cli_progress_end(&progress);
    if (status == RK_OK && common->json) {
        print_json(&r);
    } else if (status == RK_OK && !common->quiet) {
        print_report(&r);
    }
    record_free(&r);
    return status == RK_OK ? CLI_EXIT_DONE : cli_failure(&err);
}
