// What the files of arch/ share.
#ifndef RK_ARCH_INTERNAL_H
#define RK_ARCH_INTERNAL_H

#include "arch/arch.h"

enum { RK__ARCH_OUTER_ROWS = 6 };
extern const rk__arch_row rk__arch_outer_rows[RK__ARCH_OUTER_ROWS]; // outer.c

// ---- heads.c

size_t rk__head_state_rows(const rk_dims *dims);
void rk__head_empty_state(float *state, const rk_dims *dims);

// ---- names.c

// How the tensors of a checkpoint are named.
rk__naming rk__arch_find_naming(const rk_tensor_info *tensors, size_t n_tensors);

// Cuts "blocks.N." ("rwkv.blocks.N.") off a name: what follows, and N. NULL when the name does not
// begin so.
const char *rk__arch_split_name(const char *name, rk__naming naming, size_t *layer);

// Is `name` the row's name in this kind of file, and for which layer (0 around the layers)?
bool rk__arch_name_matches(const rk__arch_row *row, const char *name, rk__naming naming,
                           size_t *layer);

// ---- shapes.c

// The row's shape in this kind of file.
const char *rk__arch_shape_text(const rk__arch_row *row, rk__naming naming);

// What tensors say about the sizes, so that one misshapen tensor among many is the one complained
// about. Starts as all zeros.
typedef struct rk__size_votes {
    rk__sizes sizes;   // what most tensors say; 0: nobody has said anything
    size_t lead[128];  // votes for that, less those against it; 0: undecided
    size_t voter[128]; // the tensor it was taken from
} rk__size_votes;

// Counts the sizes that the shape of tensor number `voter` has where it should be `text`. Sizes of
// 0 do not count.
void rk__sizes_vote(rk__size_votes *votes, const char *text, const rk_shape *shape, size_t voter);

// Deduces missing factors; false when a relation does not hold.
bool rk__sizes_relate(rk__sizes *sizes, const rk__relation *relation);

// The sizes of a shape's text up to its end or the next '|'.
rk_shape rk__shape_of(const rk__sizes *sizes, const char *text);

// Does the shape fit one of the alternatives of `text`? *chosen gets that alternative with its
// sizes (the first one when none fits). Sizes of 1 are ignored.
bool rk__shape_fits(rk_shape *chosen, const rk__sizes *sizes, const char *text,
                    const rk_shape *shape);

#endif
