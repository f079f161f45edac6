// All models in all types, one after another.
#ifndef SWEEP_H
#define SWEEP_H

#include "cli/options.h"
#include "perplexity/perplexity_settings.h"
#include "perplexity/result_record.h"

// Measures what the command line asks for into *r, keeping and reusing results in --resume's file.
// Returns an exit code; failures have been reported.
int sweep(record *r, const cli_text_list *models, const perplexity_settings *s,
          const cli_common *common);

#endif
