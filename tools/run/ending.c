// Where a text ends.
#include "run/ending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "run/token_numbers.h"

const cli_option ending_options[N_ENDING_OPTIONS] = {
    {
        .name = "tokens",
        .letter = 'n',
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(ending_settings, n_tokens),
        .size = {0, TOKENS_AS_MODE - 1},
        .help = "generate at most N tokens",
        .standard = "256; with --chat 1024 in an answer",
    },
    {
        .name = "stop",
        .argument = "TEXT",
        .kind = CLI_TEXT_LIST,
        .offset = offsetof(ending_settings, stops),
        .help = "end before TEXT would be printed; may be given several times",
    },
    {
        .name = "stop-token",
        .argument = "ID",
        .kind = CLI_TEXT_LIST,
        .offset = offsetof(ending_settings, stop_tokens),
        .help = "end before this token; may be given several times",
    },
    {
        .name = "ignore-eos",
        .kind = CLI_FLAG,
        .offset = offsetof(ending_settings, ignore_eos),
        .help = "never draw token 0, the end of a document",
    },
};

bool ending_read(ending *out, const ending_settings *settings, char reason[CLI_REASON]) {
    *out = (ending){.stops = cli_allocate(settings->stops.count, sizeof(rk_text)),
                    .stop_tokens = cli_allocate(settings->stop_tokens.count, sizeof(uint32_t))};
    for (size_t i = 0; i < settings->stops.count; i++) {
        const char *text = settings->stops.items[i];
        if (text[0] == '\0') {
            snprintf(reason, CLI_REASON, "stop: an empty text");
            return false;
        }
        out->stops[out->n_stops++] = (rk_text){text, strlen(text)};
    }
    for (size_t i = 0; i < settings->stop_tokens.count; i++) {
        if (!token_read(&out->stop_tokens[i], "stop-token", settings->stop_tokens.items[i],
                        reason)) {
            return false;
        }
        out->n_stop_tokens++;
    }
    return true;
}

void ending_free(ending *e) {
    free(e->stops);
    free(e->stop_tokens);
    *e = (ending){0};
}

bool ending_fits(const ending *e, size_t n_vocab, char reason[CLI_REASON]) {
    for (size_t i = 0; i < e->n_stop_tokens; i++) {
        if (e->stop_tokens[i] < n_vocab) continue;
        snprintf(reason, CLI_REASON, "stop-token: %u; the vocabulary has %zu tokens",
                 (unsigned)e->stop_tokens[i], n_vocab);
        return false;
    }
    return true;
}

void ending_apply(rk_generate_options *options, const ending *e, const ending_settings *settings) {
    options->max_tokens = settings->n_tokens;
    options->stops = e->stops;
    options->n_stops = e->n_stops;
    options->stop_tokens = e->stop_tokens;
    options->n_stop_tokens = e->n_stop_tokens;
    options->ignore_end_of_text = settings->ignore_eos;
}
