// Running whole-file jobs.
#include "cli/conversion.h"

#include <stdlib.h>

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
    conversion->n_tensors++;
}

int cli_convert(cli_conversion *conversion, const rk_convert_options *options,
                const cli_common *common) {
    rk_pool *pool = cli_workers_new(common);
    if (pool == NULL) return CLI_EXIT_FAILED;
    cli_signals_begin();
    cli_progress progress;
    cli_progress_begin(&progress, conversion->label, CLI_UNIT_BYTES, common->quiet);

    rk_convert_options job = *options;
    job.pool = pool;
    job.progress = cli_progress_hook(&progress);
    job.report = conversion->measured ? keep_tensor : NULL;
    job.report_user = conversion;
    rk_error err;
    const rk_status status =
        rk_convert(conversion->input, conversion->output, &job, &conversion->result, &err);

    cli_progress_end(&progress);
    rk_pool_free(&pool);
    if (status == RK_OK) return CLI_EXIT_DONE;
    cli_conversion_free(conversion);
    return cli_failure(&err);
}

void cli_conversion_free(cli_conversion *conversion) {
    for (size_t i = 0; i < conversion->n_tensors; i++) free((char *)conversion->tensors[i].name);
    free(conversion->tensors);
    *conversion = (cli_conversion){0};
}
