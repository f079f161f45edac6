// The operations of the CPU stage, by the file that has them.
#ifndef RK_CPU_STAGE_INTERNAL_H
#define RK_CPU_STAGE_INTERNAL_H

#include "cpu/cpu_internal.h"

// cpu_workspace.c
rk_status rk__cpu_workspace_new(rk__workspace **out, const rk__stage *stage, size_t max_tokens,
                                size_t n_threads, rk_error *err);
void rk__cpu_workspace_free(rk__workspace **workspace);
rk_status rk__cpu_state_new(rk__stage_state **out, const rk__stage *stage, size_t n_sequences,
                            rk_error *err);
void rk__cpu_state_free(rk__stage_state **state);
void rk__cpu_state_clear(rk__stage_state *state, size_t sequence);
rk_status rk__cpu_state_export(const rk__stage_state *state, size_t sequence, float *flat,
                               rk_error *err);
rk_status rk__cpu_state_import(rk__stage_state *state, size_t sequence, const float *flat,
                               rk_error *err);

// cpu_forward.c
rk_status rk__cpu_forward(const rk__stage *stage, rk__workspace *workspace, rk__stage_state *state,
                          const rk__batch *batch, rk_error *err);

#endif
