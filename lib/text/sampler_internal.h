// What the files of the sampler share.
#ifndef RK_SAMPLER_INTERNAL_H
#define RK_SAMPLER_INTERNAL_H

#include "base/random.h"
#include "text/candidates.h"
#include "text/token_counts.h"
#include "text/token_rules.h"

// Settings with everything they point at.
typedef struct rk__sampler_settings {
    rk_sampler_options options; // its arrays are not used: biases and rules hold what they said
    rk_logit_bias *biases;      // [options.n_biases]
    rk__token_rules rules;
} rk__sampler_settings;

struct rk_sampler {
    rk__sampler_settings settings;
    size_t n_vocab;
    rk__random random;
    rk__token_counts counts;
    double mu; // mirostat's bound, in bits; meaningless until mu_known
    bool mu_known;
    bool has_drawn; // there is a draw that no token has been accepted after
    uint32_t drawn; // its token
    float *logits;  // [n_vocab], of the draw, changed by biases, bans and penalties
    rk__candidates candidates;
    float *probabilities; // [n_vocab], 0 but for the candidates
};

// Checks the numbers; tokens and texts are the rules' business. sampler_options.c
rk_status rk__sampler_options_check(const rk_sampler_options *options, rk_error *err);

#endif
