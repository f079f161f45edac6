// Texts to numbers and back.
#include "run/tokenize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/messages.h"
#include "run/run_json.h"

int print_tokens(const rk_tokenizer *tokenizer, const cli_text *text, bool json) {
    uint32_t *tokens;
    size_t n_tokens;
    rk_error err;
    if (rk_tokenizer_encode(tokenizer, text->data, text->size, &tokens, &n_tokens, &err) != RK_OK) {
        return cli_failure_of(text->name, &err);
    }
    if (json) {
        run_json->print_tokens(tokenizer, tokens, n_tokens);
    } else {
        for (size_t i = 0; i < n_tokens; i++) printf("%u\n", (unsigned)tokens[i]);
    }
    rk_tokens_free(&tokens);
    return CLI_EXIT_DONE;
}

// ---- the reverse

// What may stand around numbers: a list of another program's can be passed on as it is.
static bool is_between(char c) {
    return c != '\0' && strchr(" \t\r\n,[]", c) != NULL;
}

// One number, which ends where its digits end. False when it is no token's.
static bool read_token(uint32_t *token, const char **at, size_t n_vocab) {
    size_t number = 0;
    const char *c = *at;
    for (; *c >= '0' && *c <= '9'; c++) {
        number = 10 * number + (size_t)(*c - '0');
        if (number >= n_vocab) return false;
    }
    if (c == *at || (*c != '\0' && !is_between(*c))) return false;
    *token = (uint32_t)number;
    *at = c;
    return true;
}

static void complain(const rk_tokenizer *tokenizer, const cli_text *numbers, const char *at) {
    size_t line = 1;
    for (const char *c = numbers->data; c < at; c++) line += *c == '\n';
    const size_t length = strcspn(at, " \t\r\n,[]");
    cli_complain("%s, line %zu: '%.*s' is not the number of one of %zu tokens", numbers->name, line,
                 length < 40 ? (int)length : 40, at, rk_tokenizer_vocabulary(tokenizer));
}

// Appends the texts of all numbers to `out`. False after a message.
static bool write_texts(FILE *out, const rk_tokenizer *tokenizer, const cli_text *numbers) {
    const size_t n_vocab = rk_tokenizer_vocabulary(tokenizer);
    const char *at = numbers->data, *end = at + numbers->size;
    while (at < end) {
        if (is_between(*at)) {
            at++;
            continue;
        }
        uint32_t token;
        if (!read_token(&token, &at, n_vocab)) {
            complain(tokenizer, numbers, at);
            return false;
        }
        size_t length;
        const char *text = rk_tokenizer_decode(tokenizer, token, &length);
        fwrite(text, 1, length, out);
    }
    return true;
}

int print_text_of_tokens(const rk_tokenizer *tokenizer, const cli_text *numbers, bool json) {
    // Nothing is printed of numbers that are not all right.
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    bool done = memory != NULL && write_texts(memory, tokenizer, numbers);
    if (memory != NULL && fclose(memory) != 0) done = false;
    if (done && json) {
        run_json->print_text(text, length);
    } else if (done) {
        fwrite(text, 1, length, stdout);
    }
    free(text);
    return done ? CLI_EXIT_DONE : CLI_EXIT_FAILED;
}
