// What the files of model/ share.
#ifndef RK_MODEL_INTERNAL_H
#define RK_MODEL_INTERNAL_H

#include <stdatomic.h>

#include "model/fingerprint.h"
#include "rk/model.h"
#include "stage/explain.h"
#include "stage/stage.h"

// One stage with the operations of its device.
typedef struct rk__model_stage {
    const rk__stage_ops *ops;
    rk__stage *stage;
    size_t first_layer;
} rk__model_stage;

struct rk_model {
    atomic_size_t holders; // the caller, every context, every state
    rk_model_info info;
    char *path;                  // owned
    char strategy[256];          // info.strategy
    char table[RK__EXPLANATION]; // info.placement
    rk__weights weights;         // stays open: stages borrow names from it
    rk__model_stage stages[RK__MAX_STAGES];
    size_t n_stages;
    rk__placement placement; // of the stages
};

struct rk_state {
    rk_model *model; // held
    size_t n_sequences;
    rk__stage_state *parts[RK__MAX_STAGES];
};

// A model from bytes that `source` gives in place of a file; it is called `path` in messages.
// Otherwise as rk_model_open.
rk_status rk__model_open_source(rk_model **out, const char *path, const rk__file_source *source,
                                const rk_model_options *options, rk_error *err);

// One more holder; released by rk_model_close.
rk_model *rk__model_hold(rk_model *model);

// Floats of one sequence's state that belong to the stage's layers, and to one layer.
size_t rk__model_layer_state_floats(const rk_model *model);

// Loads a checkpoint of tuned initial states into an otherwise empty sequence. tuned_state.c
rk_status rk__load_tuned_state(rk_state *state, size_t sequence, const char *path, rk_error *err);

// Refuses values that are not finite, naming the file and the first of them. state_values.c
rk_status rk__check_state_values(const char *path, const float *flat, size_t n, rk_error *err);

#endif
