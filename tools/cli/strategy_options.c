// The options of devices.
#include "cli/strategy_options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// The power of 2 that a unit stands for, or -1.
static int unit_shift(const char *unit) {
    static const char letters[] = "KMGT";
    if (*unit == '\0' || strcasecmp(unit, "B") == 0) return 0;
    const char *letter = strchr(letters, toupper((unsigned char)*unit));
    if (letter == NULL) return -1;
    const char *rest = unit + 1;
    const bool is_known =
        *rest == '\0' || strcasecmp(rest, "B") == 0 || strcasecmp(rest, "iB") == 0;
    return is_known ? 10 * (int)(letter - letters + 1) : -1;
}

bool cli_parse_bytes(void *value, const char *text, char reason[CLI_REASON]) {
    char *end = NULL;
    const double amount = strtod(text, &end);
    // Digits and a point, nothing else that strtod knows.
    const size_t n = strspn(text, "0123456789.");
    const bool is_number = isdigit((unsigned char)*text) != 0 && end == text + n;
    if (is_number) end += strspn(end, " ");
    const int shift = is_number ? unit_shift(end) : -1;
    const double bytes = shift < 0 ? 0.0 : amount * (double)(UINT64_C(1) << shift);
    if (!(bytes >= 1.0) || bytes > 1e18) {
        (void)snprintf(reason, CLI_REASON, "'%.60s' is no amount of memory (4GB, 512M, ...)", text);
        return false;
    }
    const uint64_t whole = (uint64_t)bytes;
    memcpy(value, &whole, sizeof whole);
    return true;
}

const cli_option cli_strategy_options[CLI_N_STRATEGY_OPTIONS] = {
    {
        .name = "strategy",
        .argument = "WORDS",
        .kind = CLI_TEXT,
        .offset = offsetof(cli_strategy, text),
        .help = "where the model runs and in what type: \"cpu fp32\", \"cpu Q8_0\", \"cuda fp16i8 "
                "*20 -> cpu fp32\", \"cuda fp16 *20+\" (the others streamed), \"auto\"",
        .standard = "cpu, as the file is",
    },
    {
        .name = "vram",
        .argument = "SIZE",
        .kind = CLI_CUSTOM,
        .offset = offsetof(cli_strategy, vram),
        .parse = cli_parse_bytes,
        .help = "most memory of a GPU that weights may take: 4GB, 512M, ...",
        .standard = "what is free, less some room",
    },
};

void cli_strategy_report(const cli_strategy *strategy, const rk_model *model, bool quiet) {
    if (quiet || strategy->text == NULL) return;
    const char *text = strategy->text + strspn(strategy->text, " \t");
    const bool chose = strncasecmp(text, "auto", 4) == 0 || strchr(text, '+') != NULL;
    if (chose || strstr(text, "->") != NULL) {
        fputs(rk_model_describe(model)->placement, stderr);
    }
}
