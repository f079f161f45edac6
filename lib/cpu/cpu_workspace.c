// Scratch memory of one context, and the state of sequences.
#include "cpu/cpu_stage_internal.h"

#include <string.h>

#include "base/memory.h"

static rk_status alloc_floats(float **out, size_t rows, size_t columns, rk_error *err) {
    size_t n = 0;
    if (!rk_size_mul(&n, rows, columns)) return rk__fail_memory(err, SIZE_MAX);
    return rk__alloc_aligned((void **)out, n, sizeof(float), err);
}

static rk_status alloc_time_mixing(rk__workspace *w, const rk__stage *stage, rk_error *err) {
    const rk__cpu_version *version = stage->version;
    for (size_t i = 0; i < version->n_inputs; i++) {
        const size_t columns = version->input_width == NULL
                                   ? stage->dims.n_embd
                                   : version->input_width(&stage->dims, &stage->sizes, i);
        RK_TRY(rk__input_init(&w->input[i], w->max_tokens, columns, err));
    }
    for (size_t i = 0; i < version->n_vectors; i++) {
        RK_TRY(alloc_floats(&w->vector[i], w->max_tokens, stage->dims.n_embd, err));
    }
    return RK_OK;
}

static rk_status alloc_channel_mixing(rk__workspace *w, const rk_dims *dims, rk_error *err) {
    RK_TRY(rk__input_init(&w->ffn_key, w->max_tokens, dims->n_embd, err));
    RK_TRY(rk__input_init(&w->ffn_receptance, w->max_tokens, dims->n_embd, err));
    RK_TRY(rk__input_init(&w->ffn_hidden, w->max_tokens, dims->n_ffn, err));
    return alloc_floats(&w->ffn_gate, w->max_tokens, dims->n_embd, err);
}

static rk_status fill_workspace(rk__workspace *w, const rk__stage *stage, size_t max_tokens,
                                rk_error *err) {
    const rk_dims *dims = &stage->dims;
    w->max_tokens = max_tokens;
    RK_TRY(alloc_floats(&w->x, max_tokens, dims->n_embd, err));
    RK_TRY(alloc_floats(&w->normed, max_tokens, dims->n_embd, err));
    RK_TRY(alloc_floats(&w->branch, max_tokens, dims->n_embd, err));
    RK_TRY(alloc_time_mixing(w, stage, err));
    RK_TRY(alloc_channel_mixing(w, dims, err));
    if (stage->has_head) RK_TRY(alloc_floats(&w->logits, RK__LOGITS_TILE, dims->n_vocab, err));
    if (!stage->has_embedding) return RK_OK;
    return rk__alloc_aligned(&w->row, stage->outer.emb->panel_bytes, 1, err);
}

// What matrices in planes need for many tokens.
static rk_status alloc_panels(rk__workspace *w, const rk__stage *stage, size_t n_threads,
                              rk_error *err) {
    size_t bytes;
    for (size_t i = 0; i < stage->n_matrices; i++) {
        const size_t wanted = rk__matrix_scratch_bytes(&stage->matrices[i], w->max_tokens);
        if (wanted > w->panels_bytes) w->panels_bytes = wanted;
    }
    w->panels_bytes = (w->panels_bytes + RK_CACHE_LINE - 1) / RK_CACHE_LINE * RK_CACHE_LINE;
    if (!rk_size_mul(&bytes, w->panels_bytes, n_threads)) return rk__fail_memory(err, SIZE_MAX);
    return rk__alloc_large((void **)&w->panels, bytes, err);
}

rk_status rk__cpu_workspace_new(rk__workspace **out, const rk__stage *stage, size_t max_tokens,
                                size_t n_threads, rk_error *err) {
    rk__workspace *w = NULL;
    rk_status status = rk__alloc((void **)&w, 1, sizeof *w, err);
    if (status == RK_OK) status = fill_workspace(w, stage, max_tokens, err);
    if (status == RK_OK) status = alloc_panels(w, stage, n_threads, err);
    if (status != RK_OK) rk__cpu_workspace_free(&w);
    *out = w;
    return status;
}

void rk__cpu_workspace_free(rk__workspace **workspace) {
    rk__workspace *w = *workspace;
    if (w == NULL) return;
    rk__free(w->x);
    rk__free(w->normed);
    rk__free(w->branch);
    for (size_t i = 0; i < RK__MAX_INPUTS; i++) rk__input_fini(&w->input[i]);
    rk__input_fini(&w->ffn_key);
    rk__input_fini(&w->ffn_receptance);
    rk__input_fini(&w->ffn_hidden);
    rk__free(w->ffn_gate);
    for (size_t i = 0; i < RK__MAX_VECTORS; i++) rk__free(w->vector[i]);
    rk__free(w->logits);
    rk__free(w->row);
    rk__free(w->panels);
    rk__free(w);
    *workspace = NULL;
}

// Floats of the stage's layers for one sequence.
static size_t sequence_floats(const rk__stage_state *state) {
    return state->stage->n_layers * state->layer_floats;
}

rk_status rk__cpu_state_new(rk__stage_state **out, const rk__stage *stage, size_t n_sequences,
                            rk_error *err) {
    rk__stage_state *s = NULL;
    rk_status status = rk__alloc((void **)&s, 1, sizeof *s, err);
    if (status != RK_OK) goto out;
    s->stage = stage;
    s->n_sequences = n_sequences;
    s->layer_floats = stage->arch->state_rows(&stage->dims) * stage->dims.n_embd;
    status = alloc_floats(&s->data, n_sequences, sequence_floats(s), err);
    if (status != RK_OK) goto out;
    for (size_t i = 0; i < n_sequences; i++) rk__cpu_state_clear(s, i);
out:
    if (status != RK_OK) rk__cpu_state_free(&s);
    *out = s;
    return status;
}

void rk__cpu_state_free(rk__stage_state **state) {
    if (*state == NULL) return;
    rk__free((*state)->data);
    rk__free(*state);
    *state = NULL;
}

void rk__cpu_state_clear(rk__stage_state *state, size_t sequence) {
    const rk__stage *stage = state->stage;
    const size_t n_embd = stage->dims.n_embd;
    float *data = state->data + sequence * sequence_floats(state);
    for (size_t i = 0; i < stage->n_layers; i++) {
        float *layer = data + i * state->layer_floats;
        stage->arch->empty_state(layer, &stage->dims);
        const rk__common_weights *common = rk__layer_common(stage, i);
        if (common->time_state == NULL) continue;
        memcpy(layer + RK__STATE_ROWS * n_embd, common->time_state,
               (state->layer_floats - RK__STATE_ROWS * n_embd) * sizeof layer[0]);
    }
}

rk_status rk__cpu_state_export(const rk__stage_state *state, size_t sequence, float *flat,
                               rk_error *err) {
    (void)err; // memory on the host: nothing can fail
    const size_t n = sequence_floats(state);
    memcpy(flat, state->data + sequence * n, n * sizeof flat[0]);
    return RK_OK;
}

rk_status rk__cpu_state_import(rk__stage_state *state, size_t sequence, const float *flat,
                               rk_error *err) {
    (void)err;
    const size_t n = sequence_floats(state);
    memcpy(state->data + sequence * n, flat, n * sizeof flat[0]);
    return RK_OK;
}
