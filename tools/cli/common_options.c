// The common options' table.
#include "cli/common_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/messages.h"
#include "rk/version.h"

// Writes "choose scalar, avx2, avxvnni or avx512".
static void list_levels(char reason[CLI_REASON]) {
    const char *const *levels = rk_cpu_levels();
    size_t length = (size_t)snprintf(reason, CLI_REASON, "choose %s", levels[0]);
    for (size_t i = 1; levels[i] != NULL && length < CLI_REASON; i++) {
        const char *joint = levels[i + 1] == NULL ? " or " : ", ";
        length += (size_t)snprintf(reason + length, CLI_REASON - length, "%s%s", joint, levels[i]);
    }
}

static bool is_cpu_level(const char *name) {
    for (const char *const *level = rk_cpu_levels(); *level != NULL; level++) {
        if (strcmp(*level, name) == 0) return true;
    }
    return false;
}

static bool parse_cpu_level(void *value, const char *text, char reason[CLI_REASON]) {
    if (is_cpu_level(text)) {
        memcpy(value, &text, sizeof text);
        return true;
    }
    char choices[CLI_REASON];
    list_levels(choices);
    (void)snprintf(reason, CLI_REASON, "unknown name '%.60s': %.150s", text, choices);
    return false;
}

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
        .kind = CLI_CUSTOM,
        .offset = offsetof(cli_common, cpu),
        .parse = parse_cpu_level,
        .help = "use no instructions beyond LEVEL, scalar, avx2, avxvnni or avx512; the "
                "environment variable "
                "RWKV_CPU does the same",
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
    {.name = "man-page", .kind = CLI_BUILT_IN, .help = "print the manual page, for man -l -"},
    {
        .name = "completion",
        .argument = "SHELL",
        .kind = CLI_BUILT_IN,
        .help = "print what completes this command line in bash, zsh or fish",
    },
};

void cli_apply_cpu(const cli_common *common) {
    if (common->cpu != NULL) {
        setenv("RWKV_CPU", common->cpu, 1);
        return;
    }
    const char *level = getenv("RWKV_CPU");
    if (level != NULL && *level != '\0' && !is_cpu_level(level)) {
        char choices[CLI_REASON];
        list_levels(choices);
        cli_misuse("RWKV_CPU=%s in the environment: %s", level, choices);
    }
}
