// Limits that a result must keep for a script to go on.
#ifndef GATES_H
#define GATES_H

#include "perplexity/perplexity_settings.h"
#include "perplexity/result_record.h"

// Checks every result against the limits. CLI_EXIT_GATE after a message for the first that is not
// kept; a figure that is NaN keeps none.
int gates_check(const record *r, const perplexity_settings *s);

#endif
