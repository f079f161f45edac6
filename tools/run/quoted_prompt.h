// What a model is given, in a form that hides nothing.
#ifndef RUN_QUOTED_PROMPT_H
#define RUN_QUOTED_PROMPT_H

#include <stddef.h>
#include <stdio.h>

#include "rk/tokenizer.h"

// Prints a text in quotes, a line for each of its lines, with \n, \t, \\ and \" as in template
// files, \xHH for other control characters and bytes that are no UTF-8. Tokens that stand for
// something else than their text (<|endoftext|>) come on lines of their own, without quotes and
// with their number; so does the token 0 that an empty text is.
rk_status quoted_prompt_print(FILE *out, const rk_tokenizer *tokenizer, const char *text,
                              size_t length, rk_error *err);

#endif
