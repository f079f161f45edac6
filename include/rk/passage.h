// Pieces of text, as tokens, that models are measured on.
#ifndef RK_PASSAGE_H
#define RK_PASSAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// Tokens that follow one another from the empty state on: a whole text, a document, a context.
typedef struct rk_passage {
    const uint32_t *tokens; // borrowed
    size_t n_tokens;
    size_t first_scored; // this token and those behind it are scored, each given all before it;
                         // 1 .. n_tokens (n_tokens: none of them)
} rk_passage;

// The number of scores that passages give.
size_t rk_passages_scores(const rk_passage *passages, size_t n_passages);

// Passages are scored in groups, some short ones or a long one together. Returns the number of the
// first passage behind the group that begins with passage `first`.
size_t rk_passages_group_end(const rk_passage *passages, size_t n_passages, size_t first);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
