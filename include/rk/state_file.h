// State files: what sequences carry, saved and loaded. A state fits every quantization of its model
// and no other model: the file holds a fingerprint of the model's layer norms, which all of them
// keep in float32. Layout: docs/formats.md.
//
// Tuned initial states (checkpoints with `blocks.N.att.time_state`) are loaded by the same
// function; models whose checkpoint contains one begin every empty sequence with it.
#ifndef RK_STATE_FILE_H
#define RK_STATE_FILE_H

#include "rk/model.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// Writes one sequence's state. The file appears whole or not at all; an old one is replaced.
rk_status rk_state_save(const rk_state *state, size_t sequence, const char *path, rk_error *err);

// Loads a state file, or a tuned initial state (the sequence is then cleared first), into one
// sequence. Refused, with the numbers: a file of another version (ERR_UNSUPPORTED), other sizes or
// another model (ERR_MISMATCH, ERR_SHAPE), a wrong length or checksum (ERR_FORMAT), NaN or infinite
// values (ERR_RANGE). The state is unchanged after a failure.
rk_status rk_state_load(rk_state *state, size_t sequence, const char *path, rk_error *err);

// How far two states of one model are apart.
typedef struct rk_state_difference {
    double max_abs;  // largest absolute difference of two values
    double relative; // sqrt(sum (a - b)^2 / sum a^2); 0 when both are zero
} rk_state_difference;

// Compares sequences of two states (which may be the same object). NaN in either gives NaN.
rk_status rk_state_compare(const rk_state *a, size_t sequence_a, const rk_state *b,
                           size_t sequence_b, rk_state_difference *difference, rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
