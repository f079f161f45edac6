// Limits that a result must keep.
#include "perplexity/gates.h"

#include <math.h>

#include "cli/messages.h"
#include "cli/paths.h"

static bool passes(const result *r, const perplexity_settings *s) {
    const char *name = cli_base_name(r->model);
    const double perplexity = r->has_task ? r->task.perplexity : r->loss.perplexity;
    if (isfinite(s->fail_ppl_above) && !(perplexity <= s->fail_ppl_above)) {
        cli_complain("%s (%s): perplexity %.6g is above %.6g", name, r->type, perplexity,
                     s->fail_ppl_above);
        return false;
    }
    const double divergence = r->comparison.divergence.mean;
    if (isfinite(s->fail_kl_above) && !(divergence <= s->fail_kl_above)) {
        cli_complain("%s (%s): KL divergence %.6g is above %.6g", name, r->type, divergence,
                     s->fail_kl_above);
        return false;
    }
    const double agreement = 100 * r->comparison.agreement.mean;
    if (s->fail_top1_below > 0 && !(agreement >= s->fail_top1_below)) {
        cli_complain("%s (%s): the base's most probable token in %.6g %% of all places, below %.6g",
                     name, r->type, agreement, s->fail_top1_below);
        return false;
    }
    return true;
}

int gates_check(const record *r, const perplexity_settings *s) {
    int code = CLI_EXIT_DONE;
    for (size_t i = 0; i < r->n_results; i++) {
        if (!passes(&r->results[i], s)) code = CLI_EXIT_GATE;
    }
    return code;
}
