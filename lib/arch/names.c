// Names of tensors: those in a layer begin with "blocks." and the layer's number, in checkpoints of
// the transformers package with "rwkv.blocks.".
#include "arch/arch_internal.h"

#include <stdio.h>
#include <string.h>

static const char *const layer_prefixes[] = {
    [RK__NAMES_CHECKPOINT] = "blocks.",
    [RK__NAMES_MODEL_FILE] = "blocks.",
    [RK__NAMES_HUGGING_FACE] = "rwkv.blocks.",
};

static bool has_layers(const rk_tensor_info *tensors, size_t n_tensors, rk__naming naming) {
    const char *prefix = layer_prefixes[naming];
    for (size_t i = 0; i < n_tensors; i++) {
        if (strncmp(tensors[i].name, prefix, strlen(prefix)) == 0) return true;
    }
    return false;
}

rk__naming rk__arch_find_naming(const rk_tensor_info *tensors, size_t n_tensors) {
    if (has_layers(tensors, n_tensors, RK__NAMES_CHECKPOINT)) return RK__NAMES_CHECKPOINT;
    const bool hugging_face = has_layers(tensors, n_tensors, RK__NAMES_HUGGING_FACE);
    return hugging_face ? RK__NAMES_HUGGING_FACE : RK__NAMES_CHECKPOINT;
}

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

const char *rk__arch_split_name(const char *name, rk__naming naming, size_t *layer) {
    const size_t n = strlen(layer_prefixes[naming]);
    if (strncmp(name, layer_prefixes[naming], n) != 0) return NULL;
    const char *rest = read_layer(name + n, layer);
    return rest == NULL || *rest != '.' ? NULL : rest + 1;
}

// Without what stands before it in a layer; NULL when there is none.
static const char *name_in(const rk__arch_row *row, rk__naming naming) {
    switch (naming) {
    case RK__NAMES_CHECKPOINT:
        break;
    case RK__NAMES_MODEL_FILE:
        return row->file_name != NULL ? row->file_name : row->name;
    case RK__NAMES_HUGGING_FACE:
        return row->hugging_face_name;
    }
    return row->name;
}

bool rk__arch_is_joined(const rk__arch_row *row, rk__naming naming) {
    return row->n_parts > 0 && (naming == RK__NAMES_MODEL_FILE || row->file_name == NULL);
}

bool rk__arch_name_matches(const rk__arch_row *row, const char *name, rk__naming naming,
                           size_t *layer) {
    const char *own = name_in(row, naming);
    *layer = 0;
    if (row->place == RK__IN_LAYER) name = rk__arch_split_name(name, naming, layer);
    return own != NULL && name != NULL && strcmp(name, own) == 0;
}

char *rk__arch_name(char text[RK__NAME_TEXT], const rk__arch_row *row, rk__naming naming,
                    size_t layer) {
    const char *name = name_in(row, naming);
    text[0] = '\0';
    if (name == NULL) return text;
    if (row->place == RK__IN_LAYER) {
        (void)snprintf(text, RK__NAME_TEXT, "%s%zu.%s", layer_prefixes[naming], layer, name);
    } else {
        (void)snprintf(text, RK__NAME_TEXT, "%s", name);
    }
    return text;
}
