// Explicit choices of types: --tensor-type, --tensor-type-file, --emb-type, --head-type.
#ifndef QUANTIZE_TYPE_CHOICES_H
#define QUANTIZE_TYPE_CHOICES_H

#include "cli/options.h"
#include "rk/mix.h"

typedef struct type_choices {
    rk_type_rule *rules; // [count], owned with their patterns
    size_t count;
} type_choices;

// What one --tensor-type says, "REGEX=FORMAT"; `choices` is a type_choices that it is added to.
bool parse_tensor_type(void *choices, const char *text, char reason[CLI_REASON]);

// What --emb-type and --head-type say, a type; as above.
bool parse_emb_type(void *choices, const char *text, char reason[CLI_REASON]);
bool parse_head_type(void *choices, const char *text, char reason[CLI_REASON]);

// Adds a file of them, a line each; empty lines and those that begin with # are skipped. False
// after a message.
bool read_type_choices(type_choices *choices, const char *path);

// Moves all choices of `from` behind those of `to`.
void append_type_choices(type_choices *to, type_choices *from);

void free_type_choices(type_choices *choices);

#endif
