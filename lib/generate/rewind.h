// Going back to before a stop string, which may have begun tokens ago.
//
// While the text ends with what may become a stop string, there is a snapshot from before the token
// in which that begins, and a list of the tokens since. Going back restores the snapshot and feeds
// the tokens that stay again. A text that keeps being the beginning of a stop string ("aaaa" for
// "aaab") would make that list longer and longer; a second snapshot, taken every RK__REWIND_STRIDE
// tokens, takes the first one's place as soon as what may become a stop string begins behind it. So
// there are never more than two snapshots, one is taken once in RK__REWIND_STRIDE tokens at most,
// and a list is never longer than two strides and the tokens of the longest stop string.
#ifndef RK_REWIND_H
#define RK_REWIND_H

#include "generate/snapshot.h"

enum { RK__REWIND_STRIDE = 16 };

typedef struct rk__rewind_token {
    uint32_t token;
    uint64_t end; // bytes of text up to and with it
} rk__rewind_token;

typedef struct rk__rewind_point {
    rk__snapshot snapshot;
    uint64_t offset; // bytes of text before it
    size_t n_before; // of the list's tokens
} rk__rewind_point;

// All zeros: nowhere to go back to.
typedef struct rk__rewind {
    rk__rewind_point points[2]; // [n_points], ascending
    size_t n_points;
    rk__rewind_token *tokens; // [n_tokens] fed since points[0]
    size_t n_tokens, capacity;
} rk__rewind;

// Is a snapshot due before the next token is fed, when something may have begun?
bool rk__rewind_is_due(const rk__rewind *rewind);

// The point to take the next snapshot in; `offset` bytes of text are there.
rk__rewind_point *rk__rewind_add_point(rk__rewind *rewind, uint64_t offset);

// A token is fed, up to `end` bytes of text; remembered if there is a point to go back to.
rk_status rk__rewind_add_token(rk__rewind *rewind, uint32_t token, uint64_t end, rk_error *err);

// Nothing before byte `offset` will be gone back to.
void rk__rewind_trim(rk__rewind *rewind, uint64_t offset);

// Nothing will be gone back to. Keeps the memory.
void rk__rewind_forget(rk__rewind *rewind);

// The last point that lies at byte `offset` or before it; NULL when there is none.
const rk__rewind_point *rk__rewind_find(const rk__rewind *rewind, uint64_t offset);

void rk__rewind_fini(rk__rewind *rewind);

#endif
