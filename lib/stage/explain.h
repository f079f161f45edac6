// Says in words where the layers of a model are.
#ifndef RK_EXPLAIN_H
#define RK_EXPLAIN_H

#include "stage/placement.h"

// What a stage has become: what was placed, and the type of most values in its matrices.
typedef struct rk__explained_stage {
    const rk__placed *placed;
    rk_dtype dtype;
} rk__explained_stage;

// A table of the stages, a line each, and `note` (NULL: nothing) in a line before it; the lines end
// with '\n', the last one, too. Written into text, cut where it does not fit; returns text.
//
//     layers        device   type   MiB
//     0-19          cuda:0   Q8_0   1410.2
//     20-23, head   cpu      FP32    812.4
enum { RK__EXPLANATION = 2048 };
char *rk__explain_table(char text[RK__EXPLANATION], const rk__explained_stage *stages,
                        size_t n_stages, const char *note);

// The same in a few words: "cpu FP16", "cuda:0 Q8_0 *20 -> cpu FP32".
char *rk__explain_line(char *text, size_t size, const rk__explained_stage *stages, size_t n_stages);

#endif
