// Ranks by MPI. All waiting is done asleep, with a look from time to time: processes that share a
// machine must not take time from the one that is at work, or is being timed.
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/ranks.h"
#include "cli/sizes.h"

enum { TAG = 1, PIECE = 1 << 28 }; // bytes of a message: MPI counts in int
static const double PATIENCE = 2;  // seconds that others have to fail, too

// One process that mpirun did not start needs no MPI.
static size_t rank, n_ranks = 1;

// ---- joining

// Calls of MPI end the program by themselves when they fail; this one comes before that holds.
static void join(void) {
    int provided, number, count;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
        cli_complain("MPI cannot be started");
        exit(CLI_EXIT_FAILED);
    }
    MPI_Comm_rank(MPI_COMM_WORLD, &number);
    MPI_Comm_size(MPI_COMM_WORLD, &count);
    rank = (size_t)number;
    n_ranks = (size_t)count;
}

void cli_ranks_begin(void) {
    if (getenv("OMPI_COMM_WORLD_SIZE") == NULL && getenv("PMIX_RANK") == NULL) return;
    join();
    if (rank == 0) return;
    char host[MPI_MAX_PROCESSOR_NAME], who[MPI_MAX_PROCESSOR_NAME + 32];
    int length;
    MPI_Get_processor_name(host, &length);
    snprintf(who, sizeof who, "rank %zu on %s", rank, host);
    cli_messages_hold(who);
}

size_t cli_rank(void) {
    return rank;
}

size_t cli_ranks(void) {
    return n_ranks;
}

// ---- waiting

static void sleep_for(long *nanoseconds) {
    const struct timespec pause = {.tv_nsec = *nanoseconds};
    nanosleep(&pause, NULL);
    if (*nanoseconds < 2000000) *nanoseconds += *nanoseconds / 2;
}

// False when it has not happened within so many seconds; without limit for negative ones.
static bool happens(MPI_Request *request, double seconds) {
    const double end = cli_now() + seconds;
    long pause = 20000;
    for (;;) {
        int done;
        MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (done != 0) return true;
        if (seconds >= 0 && cli_now() > end) return false;
        sleep_for(&pause);
    }
}

// ---- agreeing

int cli_ranks_agree(int code) {
    if (n_ranks == 1) return code;
    int *codes = cli_allocate(n_ranks, sizeof *codes);
    MPI_Request request;
    MPI_Iallgather(&code, 1, MPI_INT, codes, 1, MPI_INT, MPI_COMM_WORLD, &request);
    if (!happens(&request, code != CLI_EXIT_DONE ? PATIENCE : -1)) {
        if (code == CLI_EXIT_INTERRUPTED) cli_complain("interrupted, so the others end, too");
        cli_messages_release();
        MPI_Abort(MPI_COMM_WORLD, code);
    }
    size_t first = 0;
    while (first < n_ranks && codes[first] == CLI_EXIT_DONE) first++;
    const int agreed = first < n_ranks ? codes[first] : CLI_EXIT_DONE;
    free(codes);
    if (rank == first) {
        cli_messages_release();
    } else if (first < n_ranks) {
        cli_messages_forget();
    }
    return agreed;
}

// ---- data

void cli_ranks_share(void *data, size_t size) {
    if (n_ranks == 1) return;
    for (char *at = data; size > 0;) {
        const size_t piece = size < PIECE ? size : PIECE;
        MPI_Request request;
        MPI_Ibcast(at, (int)piece, MPI_BYTE, 0, MPI_COMM_WORLD, &request);
        happens(&request, -1);
        at += piece;
        size -= piece;
    }
}

void cli_ranks_send(size_t to, const void *data, size_t size) {
    for (const char *at = data; size > 0;) {
        const size_t piece = size < PIECE ? size : PIECE;
        MPI_Request request;
        MPI_Isend(at, (int)piece, MPI_BYTE, (int)to, TAG, MPI_COMM_WORLD, &request);
        happens(&request, -1);
        at += piece;
        size -= piece;
    }
}

void cli_ranks_receive(size_t from, void *data, size_t size) {
    for (char *at = data; size > 0;) {
        const size_t piece = size < PIECE ? size : PIECE;
        MPI_Request request;
        MPI_Irecv(at, (int)piece, MPI_BYTE, (int)from, TAG, MPI_COMM_WORLD, &request);
        happens(&request, -1);
        at += piece;
        size -= piece;
    }
}

// ---- leaving

int cli_ranks_end(int code) {
    int started;
    MPI_Initialized(&started);
    if (started == 0) return code;
    const int agreed = cli_ranks_agree(code);
    MPI_Finalize();
    return rank == 0 ? agreed : CLI_EXIT_DONE;
}
