// Models of the published shapes with made-up weights: the bytes of a model file, made as they are
// read, so that a model of any size can be measured without a file of it.
//
// The weights keep activations in range, and nothing else about them is like a trained model's. The
// share of zeros in the channel mixing's squared ReLU can be chosen; they are then the same
// channels for every token.
#ifndef BENCH_SYNTHETIC_MODEL_H
#define BENCH_SYNTHETIC_MODEL_H

#include "arch/arch.h"
#include "base/file.h"

// A shape: sizes by their letters (arch/arch.h).
typedef struct synthetic_shape {
    const char *name; // "rwkv4-1b5"
    const rk__arch *arch;
    size_t n_layer, n_embd, n_ffn, n_vocab;
    size_t head_size;
    size_t rank_w, rank_a, rank_v, rank_g; // of RWKV-7's low-rank matrices
} synthetic_shape;

// The shape of that name, or NULL.
const synthetic_shape *synthetic_shape_find(const char *name);

// All names, ends with NULL.
const char *const *synthetic_shape_names(void);

// The smallest ones that have every tensor: for tests that the programs run.
extern const synthetic_shape synthetic_smoke_rwkv4, synthetic_smoke_rwkv7;

typedef struct synthetic_model synthetic_model;

// A model file of version 101 whose matrices are `dtype` (as `quantize` would write them; FP32 and
// FP16, too). zeros: the share of channels whose squared ReLU is 0, or negative: about half of
// them, as it happens. Ends the program when there is no memory.
synthetic_model *synthetic_model_new(const synthetic_shape *shape, rk_dtype dtype, double zeros);
void synthetic_model_free(synthetic_model **model);

// Lives as long as the model.
const rk__file_source *synthetic_model_source(const synthetic_model *model);

#endif
