// Without MPI: one process.
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "cli/messages.h"
#include "cli/ranks.h"

// Each of several would do the whole job, and write the same files.
void cli_ranks_begin(void) {
    const char *processes = getenv("OMPI_COMM_WORLD_SIZE");
    if (processes == NULL || strtoul(processes, NULL, 10) < 2) return;
    cli_complain("one of %.20s processes, but built without MPI (-DRWKV_MPI=ON)", processes);
    exit(CLI_EXIT_FAILED);
}

size_t cli_rank(void) {
    return 0;
}

size_t cli_ranks(void) {
    return 1;
}

int cli_ranks_agree(int code) {
    return code;
}

void cli_ranks_share(void *data, size_t size) {
    (void)data;
    (void)size;
}

void cli_ranks_send(size_t to, const void *data, size_t size) {
    (void)to;
    (void)data;
    (void)size;
    assert(false && "there is nobody to send to");
}

void cli_ranks_receive(size_t from, void *data, size_t size) {
    (void)from;
    (void)data;
    (void)size;
    assert(false && "there is nobody to receive from");
}

int cli_ranks_end(int code) {
    return code;
}
