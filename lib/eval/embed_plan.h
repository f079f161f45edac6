// What an embedding is made of: the sources and layers that were asked for, checked against a
// model, and where in the row each of them goes.
#ifndef RK_EMBED_PLAN_H
#define RK_EMBED_PLAN_H

#include "rk/embed.h"

typedef struct rk__embed_plan {
    rk_arch arch;
    rk_dims dims;
    size_t layer_state_floats; // of the flat state
    rk_embed_source sources[RK_EMBED_SOURCE_COUNT];
    size_t n_sources;
    bool *layers; // [dims.n_layer], owned: which are wanted
    rk_embed_pooling pooling;
    bool has_layers;       // some source is one of the layers'
    size_t length;         // of the row
    size_t hidden, counts; // where in the row they begin; SIZE_MAX: not wanted
    char *description;     // owned: rk_embedder_describe
} rk__embed_plan;

// Has this version matrices for its heads (wkv)? Otherwise it has the sums aa, bb and pp.
bool rk__embed_has_matrix_states(rk_arch arch);

// Checks the options and lays the row out. Release with rk__embed_plan_fini, also after a failure.
rk_status rk__embed_plan_init(rk__embed_plan *plan, const rk_model *model,
                              const rk_embed_options *options, rk_error *err);
void rk__embed_plan_fini(rk__embed_plan *plan);

// Writes the layers' part of the row, out of a state in its flat form.
void rk__embed_plan_take(const rk__embed_plan *plan, float *row, const float *flat);

#endif
