// Token numbers.
#include "run/token_numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/numbers.h"

bool token_read(uint32_t *token, const char *option, const char *text, char reason[CLI_REASON]) {
    size_t number;
    if (cli_read_size(&number, text) && number <= UINT32_MAX) {
        *token = (uint32_t)number;
        return true;
    }
    snprintf(reason, CLI_REASON, "%s: '%.60s' is not the number of a token", option, text);
    return false;
}

bool token_read_bias(rk_logit_bias *bias, const char *option, const char *text,
                     char reason[CLI_REASON]) {
    char id[24];
    double value;
    size_t number;
    const size_t length = strcspn(text, "+-");
    snprintf(id, sizeof id, "%.*s", length < sizeof id ? (int)length : 0, text);
    // What is left begins with its sign; "+-1" and the like are no numbers.
    if (cli_read_size(&number, id) && number <= UINT32_MAX &&
        cli_read_number(&value, text + length) && isfinite((float)value)) {
        *bias = (rk_logit_bias){.token = (uint32_t)number, .bias = (float)value};
        return true;
    }
    snprintf(reason, CLI_REASON, "%s: '%.60s' is not a token's number with a bias, like 261-1.5",
             option, text);
    return false;
}
