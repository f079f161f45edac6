// Choosing the next token from logits. docs/sampling.md has every rule with its formula.
//
//     rk_sampler_options options = rk_sampler_preset_options(RK_PRESET_RWKV);
//     options.seed = 42;
//     rk_sampler_new(&sampler, n_vocab, &options, &err);
//     for (;;) {
//         rk_sampler_draw(sampler, logits, &token, &err);
//         rk_sampler_accept(sampler, token); // what penalties and mirostat learn from
//         ...
//
// A draw goes through these steps:
//   1. logit bias, then bans;
//   2. penalties: of every token that the sampler knows to have come before, first the repetition
//      penalty (logit / r, or logit * r where it is negative), then logit -= presence + count *
//      frequency;
//   3. p = softmax(logits), and the filters of `chain`, one after another;
//   4. one number of a counter-based generator picks a token.
//
// The preset RWKV follows the rwkv package: top_p cuts at the probability where the running sum
// first reaches it (ties survive), top_k comes behind it, and temperature last, on probabilities.
// One setting differs on purpose: top_p >= 1 is off (there, rounding can make it greedy).
// Temperature 0 and top_p 0 leave the most probable token, and its equals to be drawn among.
#ifndef RK_SAMPLER_H
#define RK_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rk/error.h"
#include "rk/text.h"
#include "rk/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// For one thread at a time.
typedef struct rk_sampler rk_sampler;

// The filters, with the names that chains are written with.
#define RK_FILTER_LIST(X)                                                                          \
    X(TOP_K, "top_k")                                                                              \
    X(TOP_P, "top_p")                                                                              \
    X(MIN_P, "min_p")                                                                              \
    X(TYPICAL, "typical")                                                                          \
    X(TAIL_FREE, "tail_free")                                                                      \
    X(TOP_A, "top_a")                                                                              \
    X(TEMPERATURE, "temperature")                                                                  \
    X(MIROSTAT, "mirostat")

typedef enum rk_filter {
#define RK_FILTER_ENUM(name, text) RK_FILTER_##name,
    RK_FILTER_LIST(RK_FILTER_ENUM)
#undef RK_FILTER_ENUM
        RK_FILTER_COUNT
} rk_filter;

// The order of the filters; each at most once. A filter that is not in it is not applied, whatever
// its setting is.
typedef struct rk_filter_chain {
    rk_filter filters[RK_FILTER_COUNT];
    size_t count; // 0: the order of RK_PRESET_RWKV
} rk_filter_chain;

typedef enum rk_preset {
    RK_PRESET_RWKV,  // the rwkv package
    RK_PRESET_LLAMA, // llama.cpp's order and defaults
    RK_PRESET_HF,    // Hugging Face's order and defaults
    RK_PRESET_COUNT
} rk_preset;

// Which tokens penalties count.
typedef enum rk_penalty_scope {
    RK_PENALIZE_GENERATED, // those told by rk_sampler_accept
    RK_PENALIZE_ALL,       // those told by rk_sampler_observe, too: prompts
} rk_penalty_scope;

typedef struct rk_logit_bias {
    uint32_t token;
    float bias; // added to its logit; finite
} rk_logit_bias;

// All numbers finite. What an all-zero struct means is said for each; beside top_p, which is then
// greedy, and temperature, which then is 0, it switches everything off.
typedef struct rk_sampler_options {
    double temperature; // >= 0
    double top_p;       // >= 0; from 1 on: off
    // Draw n takes the n-th number of a counter-based generator: the same seed, settings and logits
    // give the same tokens.
    uint64_t seed;

    size_t top_k;        // 0: off
    double min_p;        // 0 .. 1; 0: off
    double typical;      // >= 0; 0 and from 1 on: off
    double tail_free;    // >= 0; 0 and from 1 on: off
    double top_a;        // >= 0; 0: off
    double mirostat_tau; // target surprise in bits, >= 0; 0: off
    double mirostat_eta; // how fast it is learnt, >= 0
    rk_filter_chain chain;

    double repetition_penalty; // >= 0; 0 and 1: off
    double presence_penalty, frequency_penalty;
    double penalty_decay; // of counts, with each token that comes; 0 .. 1. Presence does not decay.
    size_t penalty_window; // count the last so many tokens only; 0: all. At most 2^24.
    rk_penalty_scope penalty_scope;

    // Everything below is copied, except that the tokenizer is borrowed for the sampler's life.
    const rk_logit_bias *biases; // [n_biases]
    size_t n_biases;
    const uint32_t *bans; // [n_bans], never drawn
    size_t n_bans;
    const uint32_t *exempt; // [n_exempt]: these pay for presence, but do not count for frequency
    size_t n_exempt;

    // With a tokenizer (of the sampler's vocabulary, else ERR_MISMATCH), settings about text work,
    // and ids that stand for no text, except 0, are never drawn. NULL: neither.
    const rk_tokenizer *tokenizer;
    const char *exempt_text;     // tokens whose text is part of this one are exempt; NULL: none
    const rk_text *banned_texts; // [n_banned_texts], not empty; what was accepted since the last
    size_t n_banned_texts;       // reset never comes to contain one, over token borders too
} rk_sampler_options;

// RK_PRESET_RWKV.
rk_sampler_options rk_sampler_defaults(void);

// RWKV: temperature 1, top_p 0.85, presence and frequency 0.2, decay 0.996, blanks and digits
// exempt. LLAMA: temperature 0.8, top_k 40, top_p 0.95, min_p 0.05, a window of 64 tokens, prompts
// counted. HF: temperature 1, top_k 50, prompts counted.
rk_sampler_options rk_sampler_preset_options(rk_preset preset);

// "rwkv", "llama", "hf". False when the name is none; *out is then unchanged.
bool rk_preset_parse(rk_preset *out, const char *name);

// The names again. The argument must be one of the above.
const char *rk_preset_name(rk_preset preset);
const char *rk_filter_name(rk_filter filter);

// Reads names separated by ';' or ','. ERR_ARGUMENT, naming it, for one that is unknown or comes
// twice, and for no name at all; *out is then unchanged.
rk_status rk_filter_chain_parse(rk_filter_chain *out, const char *text, rk_error *err);

// A sampler for logits of n_vocab tokens (at least 1). options NULL: the defaults. Settings out of
// range are refused by name (ERR_ARGUMENT), tokens beyond the vocabulary too (ERR_RANGE). *out is
// owned by the caller; NULL on failure. Drawing allocates nothing.
rk_status rk_sampler_new(rk_sampler **out, size_t n_vocab, const rk_sampler_options *options,
                         rk_error *err);

// NULL is fine; *sampler becomes NULL.
void rk_sampler_free(rk_sampler **sampler);

// Other settings from now on. What the sampler knows about tokens that came stays, except that
// another window begins empty; the generator goes on, unless the seed is another one: then it
// begins anew. The sampler is unchanged after a failure.
rk_status rk_sampler_configure(rk_sampler *sampler, const rk_sampler_options *options,
                               rk_error *err);

// The n_vocab that it was made for.
size_t rk_sampler_vocabulary(const rk_sampler *sampler);

// Draws one token from logits[n_vocab]. -infinity bans a token. A NaN or +infinity among the logits
// is an error (ERR_RANGE, naming the first such token), as are logits that are all -infinity; a
// draw that fails leaves *token as it was and uses up no random number.
rk_status rk_sampler_draw(rk_sampler *sampler, const float *logits, uint32_t *token, rk_error *err);

// The probabilities that the last draw was made from, [n_vocab], 0 for tokens that were dropped;
// all 0 before the first draw and after one that failed. Owned by the sampler, valid until its next
// call.
const float *rk_sampler_probabilities(const rk_sampler *sampler);

// This token comes next in the text. Penalties count it; when it is the one drawn last, mirostat
// learns from how surprising it was. token < n_vocab (ERR_RANGE).
rk_status rk_sampler_accept(rk_sampler *sampler, uint32_t token, rk_error *err);

// These tokens come next, from a prompt: counted where the scope is ALL, otherwise ignored. Each <
// n_vocab (ERR_RANGE, and none is counted). Banned texts are looked for anew behind them.
rk_status rk_sampler_observe(rk_sampler *sampler, const uint32_t *tokens, size_t n_tokens,
                             rk_error *err);

// Forgets all tokens that came. The generator goes on.
void rk_sampler_reset(rk_sampler *sampler);

// The generator: its seed, and how many numbers of it have been drawn.
uint64_t rk_sampler_seed(const rk_sampler *sampler);
uint64_t rk_sampler_counter(const rk_sampler *sampler);
void rk_sampler_set_generator(rk_sampler *sampler, uint64_t seed, uint64_t counter);

// What a sampler has learnt (not its settings), as bytes: tokens counted, mirostat, seed and
// counter. Export wants exactly rk_sampler_state_bytes (ERR_SHAPE). Import refuses bytes of another
// version (ERR_UNSUPPORTED), vocabulary or window (ERR_MISMATCH), and damaged ones (ERR_FORMAT,
// ERR_RANGE), with the reason; the sampler is then unchanged.
size_t rk_sampler_state_bytes(const rk_sampler *sampler);
rk_status rk_sampler_export(const rk_sampler *sampler, void *bytes, size_t size, rk_error *err);
rk_status rk_sampler_import(rk_sampler *sampler, const void *bytes, size_t size, rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
