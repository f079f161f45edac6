// Where a model runs, and in what type: --strategy and --vram, the same in every program that runs
// one.
#ifndef CLI_STRATEGY_OPTIONS_H
#define CLI_STRATEGY_OPTIONS_H

#include <stdint.h>

#include "cli/options.h"
#include "rk/model.h"

typedef struct cli_strategy {
    const char *text; // NULL: the CPU, types as the file has them
    uint64_t vram;    // bytes; 0: what is free
} cli_strategy;

// A group of options whose struct is a cli_strategy.
enum { CLI_N_STRATEGY_OPTIONS = 2 };
extern const cli_option cli_strategy_options[CLI_N_STRATEGY_OPTIONS];

// Amounts of bytes as people write them: "4GB", "4GiB" (the same, as memory is counted), "512 M",
// "1073741824". A cli_parse_fn for an uint64_t.
bool cli_parse_bytes(void *value, const char *text, char reason[CLI_REASON]);

// Says on stderr where the layers of a model went: where that was not said in so many words (auto,
// layers that stay as they fit), or are several stages. Nothing for one device.
void cli_strategy_report(const cli_strategy *strategy, const rk_model *model, bool quiet);

#endif
