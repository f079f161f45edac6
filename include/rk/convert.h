// Whole-file jobs: a model from one weights file to another, converted, quantized, merged with
// adapters on the way. Tensor by tensor, in bounded memory; the output appears under its name only
// when it is complete.
#ifndef RK_CONVERT_H
#define RK_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rk/checkpoint.h"
#include "rk/error.h"
#include "rk/imatrix.h"
#include "rk/mix.h"
#include "rk/model.h"
#include "rk/pool.h"
#include "rk/progress.h"
#include "rk/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// What an adapter does to a tensor W of a model, by the names in the adapter's file, where X.weight
// or X is the model's name for W (docs/lora_merge.md):
typedef enum rk_merge_kind {
    RK_MERGE_REPLACEMENT, // X: the whole tensor; W += scale * (X - W)
    RK_MERGE_LORA,  // X.lora_A [rank, in], X.lora_B [out, rank]: W += scale * alpha / rank * B A
    RK_MERGE_PISSA, // the same, begun with B0 A0: W += scale * (B A - B0 A0)
    RK_MERGE_MISS,  // X.miss, .disha or .bone [rank, out]: W[i][j] += scale * M[j % rank][i]
    RK_MERGE_BONE, // the same [n, rank, rank]: blocks W_b of W become W_b + scale * (W_b M_b + M_b)
} rk_merge_kind;

// "replacement", "LoRA", "PiSSA", "MiSS", "Bone".
const char *rk_merge_kind_name(rk_merge_kind kind);

// An adapter to be merged. All of its values are a checkpoint's (a decay that replaces one is raw),
// also when the model is a model file.
typedef struct rk_adapter {
    const char *path; // a weights file, or a directory with one
    // Of LoRA pairs; finite. NAN: as the adapter's file says, in the texts beside its tensors
    // (`alpha` or `lora_alpha`), or in an adapter_config.json beside it.
    double alpha;
    double scale; // of the whole change, finite; 1: as it was trained
    // Of a PiSSA adapter: the file with the values that its pairs began with; otherwise NULL.
    const char *init;
} rk_adapter;

// One step of a merge, on one tensor.
typedef struct rk_merge_part {
    size_t adapter; // its number in the list
    rk_merge_kind kind;
    size_t rank;  // of a product, or the size of a shard; 0 for a replacement
    double scale; // all factors together
} rk_merge_part;

// What happened to one tensor.
typedef struct rk_convert_tensor {
    const char *name; // in the output; valid during the call
    rk_shape shape;
    rk_dtype from, to;
    uint64_t bytes; // in the output
    // Against the values before rounding: square root of the mean squared error, and of the mean
    // square. A copy has no error.
    double rms_error, rms_value;
    // What adapters do to it, in the order in which they do it; valid during the call. A record of
    // several tensors has the steps of all of them.
    const rk_merge_part *parts;
    size_t n_parts;
    double rms_change; // of what the adapters changed, before rounding
    double rms_base;   // of the values before they did
} rk_convert_tensor;

typedef void (*rk_convert_report_fn)(void *user, const rk_convert_tensor *tensor);

// Why a tensor of the input is not in the output.
typedef enum rk_left_out {
    RK_LEFT_OUT_UNUSED, // the model does not use it, and model files have no place for it
    RK_LEFT_OUT_STATE,  // a tuned initial state, which was not to be kept
} rk_left_out;

// The name is that of the input; valid during the call.
typedef void (*rk_convert_left_out_fn)(void *user, const char *name, rk_left_out reason);

// Something in an adapter that was passed over because allow_unused is set ("X.lora_A has no
// lora_B"), or because it belongs to a tensor that checkpoints may have and models do not use
// (`blocks.0.att.v0` of RWKV-7). Valid during the call.
typedef void (*rk_convert_passed_over_fn)(void *user, const char *adapter, const char *what);

// The kind of file that is written.
typedef enum rk_output_kind {
    RK_OUTPUT_MODEL_FILE,
    // A checkpoint: names, shapes and values as RWKV's training has them. With a type of FP32 all
    // tensors are that; with FP16 or BF16 matrices are, and vectors keep their type.
    RK_OUTPUT_SAFETENSORS,
} rk_output_kind;

// How values become the codes of a block format (docs/quantization.md). Q8_0, formats of version
// 100 and types without blocks have the reference rounding alone.
typedef enum rk_method {
    // The numbers that a block shares are searched: those that leave least of the squared errors,
    // each weighted with how much it matters. The same size and speed, less loss.
    RK_METHOD_SEARCH,
    // Those of the programs that defined the formats; the same bytes as theirs.
    RK_METHOD_ROUND,
} rk_method;

typedef struct rk_convert_options {
    rk_output_kind output;
    // Of the output's matrices: FP32, FP16 or a block format. Which matrices a block format reaches
    // is the business of mix and rules; vectors are FP32. The header names the type of most values.
    rk_dtype dtype;
    // The types of the input instead of dtype and mix; types that model files lack become the
    // nearest that they have (BF16: FP16).
    bool keep_dtype;
    // Of the model file: 100 or 101; 0: 100 where dtype is a format of that version, otherwise 101.
    // Block formats mean their layout in that version. Version 100 holds RWKV-4 alone.
    unsigned version;
    rk_method method;
    // What calibration found out about this model; borrowed, may be NULL. The search then weighs
    // errors with it, and makes up for them where it knows which channels go together.
    const rk_imatrix *imatrix;
    rk_mix mix;
    const rk_type_rule *rules; // [n_rules], go before the mix and before keep_dtype
    size_t n_rules;
    // Block formats as input are otherwise refused, unless their codes are only copied, or moved to
    // the layout of the other version. Steps that are rounded on that way need this too.
    bool allow_requantize;
    // What the input's weights lie below, where that is not found by itself; may be NULL
    // (rk_checkpoint_open_below).
    const char *root;
    const rk_adapter *adapters; // [n_adapters], merged in this order
    size_t n_adapters;
    bool subtract; // undo the merge of these adapters; they must replace nothing
    // Pass over what is wrong with an adapter but can be left out: tensors that match nothing, do
    // not fit, lack their other half or change nothing. Otherwise each of them is an error.
    bool allow_unused;
    // Keep a tuned initial state (`blocks.N.att.time_state`) that a checkpoint holds. Otherwise it
    // is left out: it belongs to a sequence (rk/state_file.h), and other programs' readers do not
    // expect it. A model file's own is only left out where it has a file to go to.
    bool keep_state;
    // Where the tuned initial state goes, as a safetensors file that rk_state_load reads; NULL:
    // nowhere. An input without one is then an error.
    const char *state_output;
    bool no_sync;         // skip the final flush to disk
    rk_pool *pool;        // borrowed; may be NULL. The output does not depend on it.
    rk_progress progress; // bytes of the input's tensors
    // May be NULL; called once a tensor, in the output's order. With it errors are measured, which
    // takes time.
    rk_convert_report_fn report;
    // May be NULL; called at the end, once for each tensor of the input that the output lacks.
    rk_convert_left_out_fn left_out;
    // May be NULL; called for everything in adapters that is passed over, before the first report.
    rk_convert_passed_over_fn passed_over;
    void *report_user; // of all three
} rk_convert_options;

typedef struct rk_convert_result {
    rk_container container; // of the input
    char root[256];         // keys around its weights (rk_checkpoint_root); cut where it is longer
    const char *arch_name;  // "RWKV-4"
    rk_dims dims;
    uint64_t n_tensors, n_parameters; // of the output
    uint64_t input_bytes;             // of the input's tensors
    uint64_t output_bytes;            // of the whole file
    uint64_t n_states_written;        // layers' tuned initial states in state_output
    uint64_t n_states_left_out;       // layers' tuned initial states that were not kept
    unsigned version;                 // of the output
    // Matrices that the mix left in FP16 (or FP32) because their rows are no multiple of the block.
    uint64_t n_unfit;
    uint64_t n_unused;      // tensors of the input that the model does not use
    uint64_t n_merged;      // tensors of the output that adapters change
    uint64_t n_requantized; // of those, what was in a block format and is in one again
    uint64_t n_unweighted;  // tensors that were searched for and are not in the imatrix given
    double bits_per_weight; // 8 * output_bytes / n_parameters
    uint64_t peak_memory;   // bytes of memory that the job takes, at most
} rk_convert_result;

// Writes a model file, or a checkpoint, made from any readable model, its tensors in the input's
// order. The input is read once, in order; reading, converting and writing go on side by side.
// Memory stays below some 6 MB a thread, whatever the model's size (compressed archives need the
// size of their largest tensor besides). On failure no output appears, and an old file of that name
// stays as it was. Input and output may be the same file, which is then replaced. Errors beside
// those of reading and writing files:
//   ERR_ARGUMENT      the type is none that such files have; a rule cannot be followed or matches
//                     nothing; an adapter's alpha is not given and not in its file, or not finite
//   ERR_UNSUPPORTED   the input is already quantized; version 100 of a model that is no RWKV-4;
//                     subtracting what replaces tensors
//   ERR_RANGE         a value does not fit into its type
//   ERR_MISMATCH      an adapter's tensor fits nothing, lacks its other half or changes nothing; as
//                     many as a line holds are named; the imatrix belongs to another model
//   ERR_NOT_FOUND     nothing lies below `root`; there is no state for `state_output`
//   ERR_CANCELLED     progress said so
// result may be NULL.
rk_status rk_convert(const char *input, const char *output, const rk_convert_options *options,
                     rk_convert_result *result, rk_error *err);

// What rk_convert would do: the same result, exact to the byte but for peak_memory, which is an
// upper bound. No tensor's data is read but that of adapters, and nothing is written. The options'
// report is called for each tensor of the output, without errors.
rk_status rk_convert_plan(const char *input, const rk_convert_options *options,
                          rk_convert_result *plan, rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
