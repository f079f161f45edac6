// Processes that do one job together: those that mpirun started, numbered from 0, or this one
// alone. Rank 0 reads and writes what there is one of; the others lend a hand. Programs that are
// built without MPI (ranks_none.c) are always alone, and everything here is then trivial.
//
// A process that is lost, or that gives up while others are at work, ends the whole job: mpirun
// says which one it was.
#ifndef CLI_RANKS_H
#define CLI_RANKS_H

#include <stddef.h>

// Joins the others. Called once, before threads are started; ends the program, with a message, when
// it is one of several and cannot join.
void cli_ranks_begin(void);

size_t cli_rank(void);  // this process's number
size_t cli_ranks(void); // how many there are

// Waits for all to come here, and returns the exit code of the first, by number, that has another
// than CLI_EXIT_DONE. Messages of ranks behind 0 are held back until here: what all complain about
// is said once, by rank 0. Who comes here with a failure waits a moment for the others, which may
// have failed, too, and then ends the job for all.
int cli_ranks_agree(int code);

// What rank 0 has at `data` comes to all; all call it.
void cli_ranks_share(void *data, size_t size);

// From one to another: every send has its receive, of the same size.
void cli_ranks_send(size_t to, const void *data, size_t size);
void cli_ranks_receive(size_t from, void *data, size_t size);

// The job is over for all; nothing of this may be called afterwards. Returns the exit code of this
// process: that which all agree on, for rank 0, which speaks for all.
int cli_ranks_end(int code);

#endif
