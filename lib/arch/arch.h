// One table per version of RWKV: every tensor, its shape and names, how a checkpoint's value
// becomes the model file's, where it goes in the layer's struct. Detecting a version, checking its
// tensors, converting, planning types and loading all walk these tables.
#ifndef RK_ARCH_H
#define RK_ARCH_H

#include <stddef.h>

#include "arch/layers.h"
#include "base/error_internal.h"
#include "rk/model.h"
#include "rk/tensor.h"

// How a value of a PyTorch checkpoint becomes the value that model files store and kernels use.
typedef enum rk__conversion {
    RK__AS_IS,
    RK__NEGATIVE_EXP,        // -exp(x)
    RK__EXP,                 // exp(x)
    RK__EXP_OF_NEGATIVE_EXP, // exp(-exp(x))
    RK__TRANSPOSE,           // the last two dimensions change places
} rk__conversion;

// What a tensor is to the model.
typedef enum rk__role {
    RK__VECTOR,  // float32 in memory and in files
    RK__MATRIX,  // multiplied with activations; block formats reach it (type_plan.h)
    RK__ADAPTER, // a low-rank matrix; block formats reach it where somebody wants that, as the next
    RK__EMBEDDING, // rows are looked up
    RK__HEAD,      // gives the logits
    RK__STATE,     // a tuned initial state, a vector that model files leave out unless asked
} rk__role;

// Where a tensor stands on the way of the activations.
typedef enum rk__place {
    RK__IN_LAYER,
    RK__BEFORE_LAYERS, // with the embedding, on the first stage
    RK__AFTER_LAYERS,  // with the head, on the last stage
} rk__place;

// Must a tensor be there?
typedef enum rk__presence {
    RK__REQUIRED,
    RK__OPTIONAL,
    RK__NOT_IN_FIRST_LAYER, // required in all other layers; not used where the first one has it
} rk__presence;

// What kind of file names its tensors, and shapes them.
typedef enum rk__naming {
    RK__NAMES_CHECKPOINT, // of RWKV's own training
    RK__NAMES_MODEL_FILE,
    RK__NAMES_HUGGING_FACE, // checkpoints of the transformers package: other names, the same values
} rk__naming;

// One tensor of a version. Names of tensors in a layer are given without "blocks.N." (Hugging Face:
// "rwkv.blocks.N.").
//
// Shapes are letters for sizes (rk__sizes), digits for themselves, '|' between alternatives. Sizes
// of 1 are ignored when shapes are compared: checkpoints write [1, 1, C] where model files
// have [C].
// An alternative without the head size N ("HN|H") has one value for a whole head.
//
// A tensor with n_parts is one of several that lie one behind the other in one tensor of the model
// file, and, where file_name is NULL, of the checkpoint too.
typedef struct rk__arch_row {
    const char *name;
    const char *hugging_face_name; // in checkpoints of the transformers package; NULL: none there
    const char *shape;             // in a checkpoint
    rk__role role;
    size_t slot; // offset of the pointer in the layer's struct, or in rk__outer_weights
    rk__conversion conversion;
    rk__place place;
    rk__presence presence;
    const char *file_shape; // in a model file; NULL: as in a checkpoint
    const char *file_name;  // in a model file; NULL: as in a checkpoint
    size_t part, n_parts;
    bool keeps_fp32; // a matrix that FP16 model files hold as FP32
} rk__arch_row;

// Sizes by their letter: V vocabulary, C n_embd, F n_ffn, H heads, N head size; ranks of low-rank
// matrices: M mixing (J = 5 M), W decay, A in-context learning rate, U value residual, G gate.
typedef struct rk__sizes {
    size_t of[128];
} rk__sizes;

// A size that is the product of others: C = HN. A factor that no tensor told follows from it.
typedef struct rk__relation {
    char whole;
    const char *factors; // letters and digits
} rk__relation;

struct rk__arch_plan;

// One version.
typedef struct rk__arch {
    rk_arch id;
    const char *name;   // "RWKV-4"
    const char *marker; // a tensor that newer versions do not share: a file with it is a model
    const rk__arch_row *rows;
    size_t n_rows;
    const rk__relation *relations;
    size_t n_relations;
    size_t layer_bytes; // size of the layer's struct

    // The state of a layer is state_rows vectors of n_embd floats; empty_state writes that of no
    // tokens.
    size_t (*state_rows)(const rk_dims *dims);
    void (*empty_state)(float *state, const rk_dims *dims);

    // Checks what the table cannot say and may refine the plan's name. NULL: nothing to do.
    rk_status (*refine)(struct rk__arch_plan *plan, const char *where, rk_error *err);
} rk__arch;

extern const rk__arch rk__arch_rwkv4; // rwkv4.c, and so on
extern const rk__arch rk__arch_rwkv5;
extern const rk__arch rk__arch_rwkv6;
extern const rk__arch rk__arch_rwkv7;

// A tensor of a model, found in a file and checked.
typedef struct rk__tensor_plan {
    const rk__arch_row *row;
    size_t layer;         // 0 for tensors around the layers
    size_t source;        // index into the file's tensors
    size_t rows, columns; // as a matrix in the model's convention; a vector is one row
    size_t repeat;        // values that each of a vector's stands for: 1, or the head size
    bool in_parts;        // the file's tensor holds row->n_parts of these
} rk__tensor_plan;

// A whole model, checked. Free with rk__arch_plan_fini.
typedef struct rk__arch_plan {
    const rk__arch *arch;
    const char *name; // "RWKV-5.2": the arch's name, or a finer one
    rk_dims dims;
    rk__sizes sizes;
    rk__tensor_plan *tensors; // [n_tensors], in the order of the file; parts stand together
    size_t n_tensors;
    size_t *unused; // [n_unused]: tensors of the file that the model does not use
    size_t n_unused;
    rk__naming naming; // of the file
} rk__arch_plan;

// Finds the version, deduces its dimensions and checks every tensor. All tensors that are missing,
// surplus or misshapen are reported together, by name. `where` (a path) begins the message;
// `model_file` says which names and shapes to expect; of checkpoints' two namings the tensors show
// which it is.
rk_status rk__arch_plan_init(rk__arch_plan *plan, const char *where, const rk_tensor_info *tensors,
                             size_t n_tensors, bool model_file, rk_error *err);
void rk__arch_plan_fini(rk__arch_plan *plan);

// The tensor of `row` in `layer`, or NULL when the model has none.
const rk__tensor_plan *rk__arch_plan_find(const rk__arch_plan *plan, const char *row_name,
                                          size_t layer);

// Is it held as float32 values, read whole (as against a matrix, read by rows)?
bool rk__arch_is_vector(const rk__arch_row *row);

// Applies a row's conversion to n values in place. RK__TRANSPOSE moves values, which is the
// business of whoever reads them (weights/), so it does nothing here.
void rk__arch_convert(const rk__arch_row *row, float *values, size_t n);

// The way back, as far as float32 knows it: what lies beyond the largest exponent comes back as an
// infinity, which rk__arch_convert takes to the same value again.
void rk__arch_unconvert(const rk__arch_row *row, float *values, size_t n);

// A tensor's name in a kind of file, written into text; returns text, which is empty where such
// files have no name for it. And the whole shape (all parts that are one tensor there) that it has.
enum { RK__NAME_TEXT = 96 };
char *rk__arch_name(char text[RK__NAME_TEXT], const rk__arch_row *row, rk__naming naming,
                    size_t layer);
rk_shape rk__arch_shape(const rk__arch_plan *plan, const rk__tensor_plan *tensor,
                        rk__naming naming);

// Do the row's parts lie in one tensor of this kind of file?
bool rk__arch_is_joined(const rk__arch_row *row, rk__naming naming);

// Are shapes the same but for sizes of 1?
bool rk__shapes_agree(const rk_shape *a, const rk_shape *b);

#endif
