// Puts the layers of a model on stages, by strategy.
#ifndef RK_MODEL_PLACING_H
#define RK_MODEL_PLACING_H

#include "model/model_internal.h"

// Opens the stages of the model, whose weights are open, and describes them in model->info. On
// failure some of them may be open.
rk_status rk__model_open_stages(rk_model *model, const rk__strategy *strategy,
                                const rk_model_options *options, rk_error *err);

#endif
