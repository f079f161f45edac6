// Scores from all ranks.
#include "perplexity/shared_scores.h"

#include <stdio.h>
#include <string.h>

#include "cli/messages.h"
#include "cli/ranks.h"

int shared_scores_check(int code, const char *what, const char *model) {
    code = cli_ranks_agree(code);
    if (code != CLI_EXIT_DONE || cli_ranks() == 1) return code;
    char mine[256] = "", of_first[256];
    snprintf(mine, sizeof mine, "%s", what);
    memcpy(of_first, mine, sizeof of_first);
    cli_ranks_share(of_first, sizeof of_first);
    if (memcmp(mine, of_first, sizeof mine) != 0) {
        cli_complain("%s: the model or the text is not rank 0's: %s, not %s", model, mine,
                     of_first);
        code = CLI_EXIT_FAILED;
    }
    return cli_ranks_agree(code);
}

void shared_scores_gather(const rk_passage *passages, size_t n_passages, rk_token_score *scores) {
    size_t group = 0;
    for (size_t first = 0; first < n_passages; group++) {
        const size_t end = rk_passages_group_end(passages, n_passages, first);
        const size_t n = rk_passages_scores(passages + first, end - first);
        const size_t owner = group % cli_ranks();
        if (owner != 0 && cli_rank() == 0) cli_ranks_receive(owner, scores, n * sizeof *scores);
        if (owner != 0 && cli_rank() == owner) cli_ranks_send(0, scores, n * sizeof *scores);
        scores += n;
        first = end;
    }
}
