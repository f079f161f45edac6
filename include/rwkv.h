// The interface of rwkv.cpp's shared library: programs and bindings made for that librwkv.so run on
// this one unchanged. New programs are better served by rk/model.h, which says what went wrong in
// words and keeps states opaque. What differs from rwkv.cpp: docs/library.md.
//
//     struct rwkv_context *ctx = rwkv_init_from_file("model.bin", 4, 0);
//     float *state = malloc(rwkv_get_state_len(ctx) * sizeof(float));
//     float *logits = malloc(rwkv_get_logits_len(ctx) * sizeof(float));
//     rwkv_eval_sequence(ctx, prompt, n_prompt, NULL, state, NULL);
//     while (...) {
//         if (!rwkv_eval(ctx, token, state, state, logits)) ...
//         token = choose(logits);
//     }
//     rwkv_free(ctx);
//
// Memory. The library owns contexts, the caller all buffers. Nothing is kept of a buffer after a
// call.
//
// Threads. A context serves one thread at a time, and any thread. Contexts made by
// rwkv_clone_context share the weights and may be used at the same time as each other.
//
// Errors. A function that fails returns false or NULL, sets error flags and, unless that is
// switched off, prints one line to stderr. Buffers are then as they were, and the context stays
// usable.
#ifndef RWKV_H
#define RWKV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// The sum of a group (what was at fault) and a cause, either of which may be absent:
// `flags & 0xff00` is the group, `flags & 0xff` the cause.
enum rwkv_error_flags {
    RWKV_ERROR_NONE = 0,

    // Groups.
    RWKV_ERROR_ARGS = 0x100,         // an argument of the call
    RWKV_ERROR_FILE = 0x200,         // reading or writing a file
    RWKV_ERROR_MODEL = 0x300,        // the model as a whole
    RWKV_ERROR_MODEL_PARAMS = 0x400, // its tensors
    RWKV_ERROR_GRAPH = 0x500,        // not used by this library
    RWKV_ERROR_CTX = 0x600,          // a context or an evaluation

    // Causes.
    RWKV_ERROR_ALLOC = 1,          // out of memory
    RWKV_ERROR_FILE_OPEN = 2,      // cannot be opened
    RWKV_ERROR_FILE_STAT = 3,      // not used by this library
    RWKV_ERROR_FILE_READ = 4,      // cannot be read, or ends too soon
    RWKV_ERROR_FILE_WRITE = 5,     // cannot be written
    RWKV_ERROR_FILE_MAGIC = 6,     // no model file
    RWKV_ERROR_FILE_VERSION = 7,   // a model file of a version that is not known
    RWKV_ERROR_DATA_TYPE = 8,      // an element type that does not serve
    RWKV_ERROR_UNSUPPORTED = 9,    // understood, but not supported
    RWKV_ERROR_SHAPE = 10,         // tensors missing, surplus or of a wrong shape
    RWKV_ERROR_DIMENSION = 11,     // not used by this library
    RWKV_ERROR_KEY = 12,           // a tensor's name
    RWKV_ERROR_DATA = 13,          // damaged or impossible contents
    RWKV_ERROR_PARAM_MISSING = 14, // not used by this library: see SHAPE
};

struct rwkv_context;

// Should errors of this context be printed? With NULL: those of loading and quantizing, and the
// first setting of contexts loaded from now on. It is on at the start; clones take over their
// origin's.
void rwkv_set_print_errors(struct rwkv_context *ctx, bool print_errors);
bool rwkv_get_print_errors(const struct rwkv_context *ctx);

// The flags of the last failure, which are cleared. With NULL: of loading and quantizing, and of
// calls with a NULL context, by this thread.
enum rwkv_error_flags rwkv_get_last_error(struct rwkv_context *ctx);

// Loads a model, from a model file or any other file that the library reads, and makes a context
// with n_threads >= 1 threads (the calling one counts). n_gpu_layers is how many layers should be
// on a GPU; without one it has no effect, whatever it is. The caller owns the context; NULL on
// failure.
struct rwkv_context *rwkv_init_from_file(const char *model_file_path, uint32_t n_threads,
                                         uint32_t n_gpu_layers);

// Makes another context on the same weights, with threads of its own. The weights live until the
// last of their contexts is freed, in any order. NULL on failure; the flags are then those of ctx.
struct rwkv_context *rwkv_clone_context(struct rwkv_context *ctx, uint32_t n_threads);

// Moves n_gpu_layers layers to a GPU; false where there is none.
bool rwkv_gpu_offload_layers(struct rwkv_context *ctx, uint32_t n_gpu_layers);

// Advances a sequence by one token, which must be below rwkv_get_n_vocab.
//   state_in    [rwkv_get_state_len] floats; NULL: the empty state
//   state_out   the same, may be state_in; NULL: not wanted
//   logits_out  [rwkv_get_logits_len] floats; NULL: not wanted, and not computed
bool rwkv_eval(struct rwkv_context *ctx, uint32_t token, const float *state_in, float *state_out,
               float *logits_out);

// The same for sequence_len >= 1 tokens at once, which is faster; the logits are those after the
// last. All tokens are checked before anything is done. tokens NULL: nothing is evaluated, and the
// call succeeds (programs do that to have buffers made in advance; here they always are).
bool rwkv_eval_sequence(struct rwkv_context *ctx, const uint32_t *tokens, size_t sequence_len,
                        const float *state_in, float *state_out, float *logits_out);

// The same in pieces of at most chunk_size >= 1 tokens.
bool rwkv_eval_sequence_in_chunks(struct rwkv_context *ctx, const uint32_t *tokens,
                                  size_t sequence_len, size_t chunk_size, const float *state_in,
                                  float *state_out, float *logits_out);

// Sizes of the model; lengths of the buffers in floats. 0 for a NULL context.
size_t rwkv_get_n_vocab(const struct rwkv_context *ctx);
size_t rwkv_get_n_embed(const struct rwkv_context *ctx);
size_t rwkv_get_n_layer(const struct rwkv_context *ctx);
size_t rwkv_get_state_len(const struct rwkv_context *ctx);
size_t rwkv_get_logits_len(const struct rwkv_context *ctx);

// Older names of the two lengths.
uint32_t rwkv_get_state_buffer_element_count(const struct rwkv_context *ctx);
uint32_t rwkv_get_logits_buffer_element_count(const struct rwkv_context *ctx);

// Writes the empty state, [rwkv_get_state_len] floats, layer after layer:
//   RWKV-4            ffn_xx, att_xx, aa, bb (all zero) and pp (-1e30), n_embed floats each
//   RWKV-5 and 6      ffn_xx, att_xx, then [heads][key channel][value channel], all zero
//   RWKV-7            ffn_xx, att_xx, then [heads][value channel][key channel], all zero
// A model that comes with a tuned initial state begins with that instead.
void rwkv_init_state(const struct rwkv_context *ctx, float *state);

// Releases a context; NULL is fine.
void rwkv_free(struct rwkv_context *ctx);

// Quantizes an FP32 or FP16 model file to "Q4_0", "Q4_1", "Q5_0", "Q5_1" or "Q8_0": all matrices
// except emb.weight, head.weight and RWKV-7's low-rank ones, by plain rounding. The output appears
// when it is complete.
bool rwkv_quantize_model_file(const char *model_file_path_in, const char *model_file_path_out,
                              const char *format_name);

// One line about this build and the processor's features in use; static.
const char *rwkv_get_system_info_string(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
