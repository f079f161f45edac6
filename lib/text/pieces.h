// Cutting text into the pieces that byte-pair encoding does not merge across: GPT-2's words,
// numbers, punctuation and blanks, each with the blank before it.
#ifndef RK_PIECES_H
#define RK_PIECES_H

#include "base/error_internal.h"

typedef struct rk__piece_cutter rk__piece_cutter; // constant after it is made

rk_status rk__piece_cutter_new(rk__piece_cutter **out, rk_error *err);
void rk__piece_cutter_free(rk__piece_cutter **cutter);

// A walk over texts; one thread's.
typedef struct rk__piece_walk rk__piece_walk;

rk_status rk__piece_walk_new(rk__piece_walk **out, const rk__piece_cutter *cutter, rk_error *err);
void rk__piece_walk_free(rk__piece_walk **walk);

// The end of the piece of the valid UTF-8 text that begins at `begin` < length.
rk_status rk__piece_walk_end(rk__piece_walk *walk, const char *text, size_t length, size_t begin,
                             size_t *end, rk_error *err);

#endif
