// Watching what goes into the matrices of a model while it computes.
#ifndef RK_MODEL_OBSERVE_H
#define RK_MODEL_OBSERVE_H

#include "rk/model.h"
#include "stage/stage.h"

// Shows the observer (borrowed; NULL: nobody) the input of every matrix product that this context
// computes from now on, on the thread that evaluates. Tensors have the names of the model's file.
void rk__context_observe(rk_context *context, const rk__observer *observer);

// The tensors of the model.
const rk__weights *rk__model_weights(const rk_model *model);

#endif
