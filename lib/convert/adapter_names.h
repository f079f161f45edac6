// Finding a model's tensors by the names that an adapter has for them.
#ifndef RK_CONVERT_ADAPTER_NAMES_H
#define RK_CONVERT_ADAPTER_NAMES_H

#include "weights/weights.h"

typedef struct rk__model_name {
    char text[RK__NAME_TEXT];
    size_t tensor; // of the plan; SIZE_MAX: checkpoints may have it, and the model does not use it
} rk__model_name;

// Sorted by text, then by tensor.
typedef struct rk__model_names {
    rk__model_name *names; // owned
    size_t count;
} rk__model_names;

// The names that the model's tensors have in checkpoints, and those of its own file where that is
// one of the transformers package.
rk_status rk__model_names_init(rk__model_names *names, const rk__weights *model, rk_error *err);
void rk__model_names_fini(rk__model_names *names);

// The tensors of this name: the first one, and how many follow each other in the list (several
// where they lie in one tensor of a checkpoint); 0 when there is none.
const rk__model_name *rk__model_names_find(const rk__model_names *names, const char *name,
                                           size_t *count);

#endif
