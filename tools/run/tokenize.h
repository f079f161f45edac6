// The modes --tokenize and --detokenize: what a vocabulary makes of a text, without a model.
#ifndef RUN_TOKENIZE_H
#define RUN_TOKENIZE_H

#include "cli/text_file.h"
#include "rk/tokenizer.h"

// Each prints its result (as one JSON object, if `json`) and returns an exit code.
int print_tokens(const rk_tokenizer *tokenizer, const cli_text *text, bool json);
int print_text_of_tokens(const rk_tokenizer *tokenizer, const cli_text *numbers, bool json);

#endif
