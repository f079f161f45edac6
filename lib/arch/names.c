// Names of tensors: those in a layer begin with "blocks." and the layer's number.
#include "arch/arch_internal.h"

#include <stdio.h>
#include <string.h>

static const char layer_prefix[] = "blocks.";

// Reads a decimal number without leading zeros, as layers are numbered; returns what follows, or
// NULL.
static const char *read_layer(const char *text, size_t *layer) {
    enum { MOST_DIGITS = 9 };
    size_t value = 0;
    size_t digits = 0;
    for (; text[digits] >= '0' && text[digits] <= '9' && digits < MOST_DIGITS; digits++) {
        value = value * 10 + (size_t)(text[digits] - '0');
    }
    if (digits == 0 || (digits > 1 && text[0] == '0')) return NULL;
    *layer = value;
    return text + digits;
}

const char *rk__arch_split_name(const char *name, size_t *layer) {
    const size_t n = strlen(layer_prefix);
    if (strncmp(name, layer_prefix, n) != 0) return NULL;
    const char *rest = read_layer(name + n, layer);
    return rest == NULL || *rest != '.' ? NULL : rest + 1;
}

static const char *name_in(const rk__arch_row *row, bool model_file) {
    return model_file && row->file_name != NULL ? row->file_name : row->name;
}

bool rk__arch_is_joined(const rk__arch_row *row, bool model_file) {
    return row->n_parts > 0 && (model_file || row->file_name == NULL);
}

bool rk__arch_name_matches(const rk__arch_row *row, const char *name, bool model_file,
                           size_t *layer) {
    *layer = 0;
    if (row->place == RK__IN_LAYER) name = rk__arch_split_name(name, layer);
    return name != NULL && strcmp(name, name_in(row, model_file)) == 0;
}

char *rk__arch_name(char text[RK__NAME_TEXT], const rk__arch_row *row, bool model_file,
                    size_t layer) {
    const char *name = name_in(row, model_file);
    if (row->place == RK__IN_LAYER) {
        (void)snprintf(text, RK__NAME_TEXT, "%s%zu.%s", layer_prefix, layer, name);
    } else {
        (void)snprintf(text, RK__NAME_TEXT, "%s", name);
    }
    return text;
}
