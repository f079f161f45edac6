// The default mix, as a table. How it was found: docs/quantization.md.
#include "arch/default_mix.h"

#include <string.h>

// A change to some tensors. Those of a step are taken from the outermost layers inwards (first,
// last, second, ...), each only if the model then stays within the limit: what stands first in a
// list is served first.
typedef struct mix_step {
    const char *name; // of the tensor, as in the tables of the versions (without "blocks.N.")
    rk_dtype dtype;
} mix_step;

// Bytes of a model are at most this share of what the reference mix makes of it, in percent.
// Besides, most values in matrices stay in the target's format: it is what the file is called by.
enum { LIMIT = 103 };

// Embedding, head and the adapters of RWKV-7 give bytes back, since the reference mix leaves them
// in FP16; the others take them, what gains most for its bytes first.
static const mix_step four_or_five_bits[] = {
    {"emb.weight", RK_DTYPE_Q8_0},
    {"head.weight", RK_DTYPE_Q8_0},
    {"att.w1", RK_DTYPE_Q8_0},
    {"att.w2", RK_DTYPE_Q8_0},
    {"att.a1", RK_DTYPE_Q8_0},
    {"att.a2", RK_DTYPE_Q8_0},
    {"att.g1", RK_DTYPE_Q8_0},
    {"att.g2", RK_DTYPE_Q8_0},
    {"att.v1", RK_DTYPE_Q8_0},
    {"att.v2", RK_DTYPE_Q8_0},
    {"att.time_maa_w1", RK_DTYPE_Q8_0},
    {"att.time_decay_w1", RK_DTYPE_Q8_0},
    {"att.time_decay_w2", RK_DTYPE_Q8_0},
    {"att.output.weight", RK_DTYPE_Q8_0},
    {"att.value.weight", RK_DTYPE_Q8_0},
    {"att.key.weight", RK_DTYPE_Q8_0},
    {"ffn.value.weight", RK_DTYPE_Q8_0},
    {"ffn.key.weight", RK_DTYPE_Q8_0},
    {"att.gate.weight", RK_DTYPE_Q8_0},
    {"att.receptance.weight", RK_DTYPE_Q8_0},
    {"ffn.receptance.weight", RK_DTYPE_Q8_0},
};

static const mix_step eight_bits[] = {
    {"emb.weight", RK_DTYPE_Q8_0},
    {"head.weight", RK_DTYPE_Q8_0},
};

typedef struct mix {
    rk_dtype target;
    const mix_step *steps;
    size_t n_steps;
} mix;

#define STEPS(list) list, sizeof list / sizeof list[0]
static const mix mixes[] = {
    {RK_DTYPE_Q4_0, STEPS(four_or_five_bits)}, {RK_DTYPE_Q4_1, STEPS(four_or_five_bits)},
    {RK_DTYPE_Q5_0, STEPS(four_or_five_bits)}, {RK_DTYPE_Q5_1, STEPS(four_or_five_bits)},
    {RK_DTYPE_Q8_0, STEPS(eight_bits)},
};

// The work of one rk__apply_default_mix.
typedef struct mixer {
    rk_dtype *types;
    const rk__stored_model *model;
    rk_dtype target;
    uint64_t bytes, most;
    uint64_t values, in_target; // of matrices
} mixer;

static uint64_t bytes_as(const rk__tensor_plan *tensor, rk_dtype dtype) {
    size_t row_bytes;
    (void)rk_dtype_row_bytes(&row_bytes, dtype, tensor->columns); // types fit
    return (uint64_t)tensor->rows * row_bytes;
}

// A tensor that has been rounded already has nothing to gain from a wider type.
static bool may_change(const mixer *m, const rk__tensor_plan *tensor, rk_dtype dtype) {
    const rk_dtype stored = m->model->tensors[tensor->source].dtype;
    return rk__type_fits(dtype, tensor->columns) &&
           (rk_dtype_describe(stored)->class_ != RK_CLASS_BLOCK || stored == dtype);
}

// Values of matrices that leave the target's format with a tensor.
static uint64_t values_leaving(const mixer *m, size_t index) {
    const rk__tensor_plan *tensor = &m->model->plan->tensors[index];
    const bool leaves = tensor->row->role == RK__MATRIX && m->types[index] == m->target;
    return leaves ? (uint64_t)tensor->rows * tensor->columns : 0;
}

static void change(mixer *m, size_t index, rk_dtype dtype) {
    const rk__tensor_plan *tensor = &m->model->plan->tensors[index];
    if (m->types[index] == dtype || !may_change(m, tensor, dtype)) return;
    const uint64_t bytes = m->bytes - bytes_as(tensor, m->types[index]) + bytes_as(tensor, dtype);
    const uint64_t in_target = m->in_target - values_leaving(m, index);
    if (bytes > m->bytes && (bytes > m->most || in_target <= m->values / 2)) return;
    m->types[index] = dtype;
    m->bytes = bytes;
    m->in_target = in_target;
}

static void apply_step(mixer *m, const mix_step *step, size_t layer) {
    for (size_t i = 0; i < m->model->plan->n_tensors; i++) {
        const rk__tensor_plan *tensor = &m->model->plan->tensors[i];
        if (tensor->layer != layer || strcmp(tensor->row->name, step->name) != 0) continue;
        change(m, i, step->dtype);
        return;
    }
}

static mixer begin(rk_dtype *types, const rk__stored_model *model, rk_dtype target) {
    mixer m = {.types = types, .model = model, .target = target};
    for (size_t i = 0; i < model->plan->n_tensors; i++) {
        const rk__tensor_plan *tensor = &model->plan->tensors[i];
        m.bytes += bytes_as(tensor, types[i]);
        if (tensor->row->role == RK__MATRIX) m.values += (uint64_t)tensor->rows * tensor->columns;
        m.in_target += values_leaving(&m, i);
    }
    m.most = m.bytes / 100 * LIMIT;
    return m;
}

void rk__apply_default_mix(rk_dtype *types, const rk__stored_model *model, rk_dtype target) {
    const mix *found = NULL;
    for (size_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++) {
        if (mixes[i].target == target) found = &mixes[i];
    }
    if (found == NULL) return;
    mixer m = begin(types, model, target);
    const size_t n_layer = model->plan->dims.n_layer;
    for (size_t s = 0; s < found->n_steps; s++) {
        for (size_t k = 0; k < n_layer; k++) {
            apply_step(&m, &found->steps[s], k % 2 == 0 ? k / 2 : n_layer - 1 - k / 2);
        }
    }
}
