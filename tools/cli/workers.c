// The thread pool of a program.
#include "cli/workers.h"

#include "cli/messages.h"

rk_pool *cli_workers_new(const cli_common *common) {
    const rk_pool_options options = {.n_threads = common->threads, .pin = true};
    rk_pool *pool = NULL;
    rk_error err;
    if (rk_pool_new(&pool, &options, &err) != RK_OK) cli_failure(&err);
    return pool;
}
