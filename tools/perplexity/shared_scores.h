// Scores that several processes compute together (cli/ranks.h): each has its part of the groups of
// passages, rank 0 gets all.
#ifndef SHARED_SCORES_H
#define SHARED_SCORES_H

#include "rk/eval.h"

// Do all processes have the same thing to score? `what` says it in a line. Returns the exit code
// that all agree on; a process that has something else says so.
int shared_scores_check(int code, const char *what, const char *model);

// Brings the scores of all parts together in rank 0's scores[rk_passages_scores(...)], in their
// order. All call it when they have theirs.
void shared_scores_gather(const rk_passage *passages, size_t n_passages, rk_token_score *scores);

#endif
