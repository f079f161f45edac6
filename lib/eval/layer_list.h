// Which layers are meant: "0,-1,25%,2..5".
#ifndef RK_LAYER_LIST_H
#define RK_LAYER_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error_internal.h"

// Marks the layers that `text` names (the syntax stands in rk/embed.h) in wanted[n_layer], and
// leaves the others as they are. ERR_ARGUMENT, with the part that is wrong.
rk_status rk__layer_list_parse(bool *wanted, size_t n_layer, const char *text, rk_error *err);

// Writes the marked layers as such a list, runs as "0..3", into text[size]; cut where it does not
// fit. Returns text.
char *rk__layer_list_format(char *text, size_t size, const bool *wanted, size_t n_layer);

#endif
