// A model of bytes that knows one thing: which byte follows which.
#ifndef TEST_CHAIN_MODEL_H
#define TEST_CHAIN_MODEL_H

#include <stdbool.h>

// Writes a checkpoint in which the bytes of `cycle`, all different and none of them 0, follow each
// other and the first follows the last; 0 is followed by the first; every other byte follows
// itself. What follows is more probable than everything else together by far. After byte `broken`
// (if not negative) logits are NaN.
bool chain_model_write(const char *path, const char *cycle, int broken);

#endif
