// Token numbers as people write them.
#ifndef RUN_TOKEN_NUMBERS_H
#define RUN_TOKEN_NUMBERS_H

#include "cli/options.h"
#include "rk/sampler.h"

// "261". False with a reason, which begins with the option's name (without dashes).
bool token_read(uint32_t *token, const char *option, const char *text, char reason[CLI_REASON]);

// "261+1.5" or "261-2": a number to add to a token's logit.
bool token_read_bias(rk_logit_bias *bias, const char *option, const char *text,
                     char reason[CLI_REASON]);

#endif
