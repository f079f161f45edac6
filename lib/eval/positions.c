// Scores by how far into their passages they are.
#include "eval/moments.h"
#include "rk/eval.h"

enum { FIRST_END = 512 };

// The bin of a position: 0 below FIRST_END, then one for each doubling.
static size_t bin_of(size_t position) {
    size_t bin = 0;
    for (size_t rest = position / FIRST_END; rest > 0; rest /= 2) bin++;
    return bin;
}

static rk_estimate estimate(const rk__moments *moments) {
    return (rk_estimate){.mean = moments->mean,
                         .standard_error = rk__moments_standard_error(moments)};
}

size_t rk_summarize_positions(rk_position_bin bins[RK_MAX_POSITION_BINS],
                              const rk_passage *passages, size_t n_passages,
                              const rk_token_score *scores) {
    rk__moments losses[RK_MAX_POSITION_BINS] = {{0}}, divergences[RK_MAX_POSITION_BINS] = {{0}};
    size_t n_bins = 0;
    for (size_t p = 0; p < n_passages; p++) {
        for (size_t i = passages[p].first_scored; i < passages[p].n_tokens; i++, scores++) {
            const size_t bin = bin_of(i);
            rk__moments_add(&losses[bin], scores->loss);
            rk__moments_add(&divergences[bin], scores->divergence);
            if (bin >= n_bins) n_bins = bin + 1;
        }
    }
    for (size_t i = 0; i < n_bins; i++) {
        const size_t end = (size_t)FIRST_END << i;
        bins[i] = (rk_position_bin){.first = i == 0 ? 0 : end / 2,
                                    .end = end,
                                    .n_tokens = losses[i].count,
                                    .loss = estimate(&losses[i]),
                                    .divergence = estimate(&divergences[i])};
    }
    return n_bins;
}
