// What perplexity measures about one model in one type.
#ifndef MEASURE_H
#define MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "cli/text_file.h"
#include "rk/eval.h"
#include "rk/model.h"

typedef struct measurement {
    const char *model; // path, borrowed
    const char *type;  // of most matrices
    const char *architecture;
    uint64_t bytes; // of the weights as they are held
    double bits_per_weight;
    rk_loss loss;
    uint64_t scored_bytes; // of text that the scored tokens stand for
    double bits_per_byte;
    double prefill_tokens_per_s, decode_tokens_per_s;
    uint64_t peak_rss_bytes;
    bool peak_is_own; // false: includes what was measured before
} measurement;

// What is to be measured.
typedef struct measure_job {
    const char *model, *strategy;
    const cli_text *text;
    size_t limit; // tokens of the text to use, or 0
    rk_pool *pool;
    const cli_common *common;
} measure_job;

// Loads the model, scores the text as one stream, then times prefill and decode on its beginning.
// Returns an exit code; failures have been reported.
int measure(measurement *out, const measure_job *job);

#endif
