// The common options' table.
#include "cli/common_options.h"

#include <stdlib.h>
#include <string.h>

#include "cli/messages.h"

static const char *const cpu_levels[] = {"scalar", "avx2", NULL};

const cli_option cli_common_options[CLI_N_COMMON_OPTIONS] = {
    {
        .name = "threads",
        .letter = 'j',
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(cli_common, threads),
        .size = {1, 1024},
        .help = "work with N threads",
        .standard = "physical cores",
    },
    {
        .name = "cpu",
        .argument = "LEVEL",
        .kind = CLI_CHOICE,
        .offset = offsetof(cli_common, cpu),
        .choices = cpu_levels,
        .help =
            "use no instructions beyond LEVEL, scalar or avx2; the environment variable RWKV_CPU "
            "does the same",
        .standard = "the best there is",
    },
    {
        .name = "quiet",
        .letter = 'q',
        .kind = CLI_FLAG,
        .offset = offsetof(cli_common, quiet),
        .help = "no progress line; programs that write a file print no report",
    },
    {
        .name = "json",
        .kind = CLI_FLAG,
        .offset = offsetof(cli_common, json),
        .help = "print the result as one JSON object",
    },
    {.name = "help", .letter = 'h', .kind = CLI_BUILT_IN, .help = "print this help"},
    {.name = "usage", .kind = CLI_BUILT_IN, .help = "print the usage alone"},
    {.name = "version", .letter = 'V', .kind = CLI_BUILT_IN, .help = "print the version"},
};

static bool is_cpu_level(const char *name) {
    for (const char *const *level = cpu_levels; *level != NULL; level++) {
        if (strcmp(*level, name) == 0) return true;
    }
    return false;
}

void cli_apply_cpu(const cli_common *common) {
    if (common->cpu != NULL) {
        setenv("RWKV_CPU", common->cpu, 1);
        return;
    }
    const char *level = getenv("RWKV_CPU");
    if (level != NULL && *level != '\0' && !is_cpu_level(level)) {
        cli_misuse("RWKV_CPU=%s in the environment: choose scalar or avx2", level);
    }
}
