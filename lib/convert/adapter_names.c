// Finding a model's tensors by name.
#include "convert/adapter_names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int compare(const void *a, const void *b) {
    const rk__model_name *left = a, *right = b;
    const int order = strcmp(left->text, right->text);
    if (order != 0) return order;
    return (left->tensor > right->tensor) - (left->tensor < right->tensor);
}

static void add(rk__model_names *names, const rk__tensor_plan *tensor, size_t number,
                rk__naming naming) {
    rk__model_name *name = &names->names[names->count];
    (void)rk__arch_name(name->text, tensor->row, naming, tensor->layer);
    if (name->text[0] == '\0') return;
    // Some tensors are called the same by both.
    if (naming != RK__NAMES_CHECKPOINT && strcmp(name->text, name[-1].text) == 0) return;
    name->tensor = number;
    names->count++;
}

static void add_unused(rk__model_names *names, const rk__arch *arch) {
    for (size_t i = 0; i < arch->n_rows; i++) {
        const rk__tensor_plan tensor = {.row = &arch->rows[i]};
        if (arch->rows[i].presence != RK__NOT_IN_FIRST_LAYER) continue;
        add(names, &tensor, SIZE_MAX, RK__NAMES_CHECKPOINT);
    }
}

rk_status rk__model_names_init(rk__model_names *names, const rk__weights *model, rk_error *err) {
    *names = (rk__model_names){0};
    const rk__arch_plan *plan = &model->plan;
    const size_t most = 2 * plan->n_tensors + plan->arch->n_rows;
    RK_TRY(rk__alloc((void **)&names->names, most, sizeof names->names[0], err));
    add_unused(names, plan->arch);
    for (size_t i = 0; i < plan->n_tensors; i++) {
        add(names, &plan->tensors[i], i, RK__NAMES_CHECKPOINT);
        if (plan->naming != RK__NAMES_HUGGING_FACE) continue;
        add(names, &plan->tensors[i], i, RK__NAMES_HUGGING_FACE);
    }
    qsort(names->names, names->count, sizeof names->names[0], compare);
    return RK_OK;
}

void rk__model_names_fini(rk__model_names *names) {
    rk__free(names->names);
    *names = (rk__model_names){0};
}

const rk__model_name *rk__model_names_find(const rk__model_names *names, const char *name,
                                           size_t *count) {
    size_t low = 0, high = names->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(names->names[middle].text, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *count = 0;
    while (low + *count < names->count && strcmp(names->names[low + *count].text, name) == 0) {
        ++*count;
    }
    return &names->names[low];
}
