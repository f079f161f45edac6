// The thread pool of a program.
#ifndef CLI_WORKERS_H
#define CLI_WORKERS_H

#include "cli/options.h"
#include "rk/pool.h"

// As --threads says, each worker bound to a processor. NULL after a message.
rk_pool *cli_workers_new(const cli_common *common);

#endif
