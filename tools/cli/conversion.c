// Running whole-file jobs.
#include "cli/conversion.h"

#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/workers.h"

static void keep_tensor(void *user, const rk_convert_tensor *tensor) {
    cli_conversion *conversion = user;
    const size_t n = conversion->n_tensors;
    conversion->tensors = cli_reallocate(conversion->tensors, n + 1, sizeof *conversion->tensors);
    conversion->tensors[n] = *tensor;
    conversion->tensors[n].name = cli_copy(tensor->name);
    rk_merge_part *parts = cli_allocate(tensor->n_parts, sizeof *parts);
    if (tensor->n_parts > 0) memcpy(parts, tensor->parts, tensor->n_parts * sizeof *parts);
    conversion->tensors[n].parts = parts;
    conversion->n_tensors++;
}

static void keep_passed_over(void *user, const char *adapter, const char *what) {
    cli_conversion *conversion = user;
    const size_t n = conversion->n_passed_over;
    conversion->passed_over =
        cli_reallocate(conversion->passed_over, n + 1, sizeof *conversion->passed_over);
    conversion->passed_over[n] = (cli_passed_over){cli_copy(adapter), cli_copy(what)};
    conversion->n_passed_over++;
}

static void keep_unused(void *user, const char *name, rk_left_out reason) {
    cli_conversion *conversion = user;
    if (reason != RK_LEFT_OUT_UNUSED) return; // the result counts the others
    const size_t n = conversion->n_unused;
    conversion->unused = cli_reallocate(conversion->unused, n + 1, sizeof *conversion->unused);
    conversion->unused[n] = cli_copy(name);
    conversion->n_unused++;
}

static rk_convert_options job_of(cli_conversion *conversion, const rk_convert_options *options,
                                 rk_pool *pool) {
    rk_convert_options job = *options;
    conversion->state_output = options->state_output;
    conversion->adapters = options->adapters;
    conversion->n_adapters = options->n_adapters;
    conversion->subtracted = options->subtract;
    job.pool = pool;
    job.report = conversion->measured ? keep_tensor : NULL;
    job.left_out = keep_unused;
    job.passed_over = keep_passed_over;
    job.report_user = conversion;
    return job;
}

int cli_convert(cli_conversion *conversion, const rk_convert_options *options,
                const cli_common *common) {
    rk_pool *pool = cli_workers_new(common);
    if (pool == NULL) return CLI_EXIT_FAILED;
    cli_signals_begin();
    cli_progress progress;
    cli_progress_begin(&progress, conversion->label, CLI_UNIT_BYTES, common->quiet);

    rk_convert_options job = job_of(conversion, options, pool);
    job.progress = cli_progress_hook(&progress);
    rk_error err;
    const rk_status status =
        rk_convert(conversion->input, conversion->output, &job, &conversion->result, &err);

    cli_progress_end(&progress);
    rk_pool_free(&pool);
    if (status == RK_OK) return CLI_EXIT_DONE;
    cli_conversion_free(conversion);
    return cli_failure(&err);
}

int cli_plan_conversion(cli_conversion *conversion, const rk_convert_options *options,
                        const cli_common *common) {
    rk_pool *pool = cli_workers_new(common); // memory depends on its threads
    if (pool == NULL) return CLI_EXIT_FAILED;
    conversion->planned = true;
    const rk_convert_options job = job_of(conversion, options, pool);
    rk_error err;
    const rk_status status = rk_convert_plan(conversion->input, &job, &conversion->result, &err);
    rk_pool_free(&pool);
    if (status == RK_OK) return CLI_EXIT_DONE;
    cli_conversion_free(conversion);
    return cli_failure(&err);
}

void cli_conversion_free(cli_conversion *conversion) {
    for (size_t i = 0; i < conversion->n_tensors; i++) {
        free((char *)conversion->tensors[i].name);
        free((void *)conversion->tensors[i].parts);
    }
    for (size_t i = 0; i < conversion->n_passed_over; i++) {
        free(conversion->passed_over[i].adapter);
        free(conversion->passed_over[i].what);
    }
    free(conversion->passed_over);
    for (size_t i = 0; i < conversion->n_unused; i++) free(conversion->unused[i]);
    free(conversion->tensors);
    free(conversion->unused);
    *conversion = (cli_conversion){0};
}
