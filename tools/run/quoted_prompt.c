// Printing prompts.
#include "run/quoted_prompt.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/utf8_text.h"

// A text that is being quoted.
typedef struct quoting {
    FILE *out;
    bool open; // within quotes
} quoting;

static void open_quote(quoting *q) {
    if (!q->open) fputc('"', q->out);
    q->open = true;
}

static void close_quote(quoting *q) {
    if (q->open) fputs("\"\n", q->out);
    q->open = false;
}

// The n bytes at the beginning of a terminated text: a character, or a byte that is none.
static void quote_character(quoting *q, const char *text, size_t n) {
    const unsigned char byte = (unsigned char)text[0];
    open_quote(q);
    switch (byte) {
    case '\n':
        fputs("\\n", q->out);
        close_quote(q);
        return;
    case '\t':
        fputs("\\t", q->out);
        return;
    case '"':
    case '\\':
        fprintf(q->out, "\\%c", byte);
        return;
    default:
        break;
    }
    const bool is_control = byte < 0x20 || byte == 0x7f || (byte == 0xc2 && text[1] < '\xa0');
    if (n == 1 && (is_control || byte >= 0x80)) {
        fprintf(q->out, "\\x%02x", byte);
    } else if (is_control) {
        fprintf(q->out, "\\x%02x\\x%02x", byte, (unsigned char)text[1]);
    } else {
        fwrite(text, 1, n, q->out);
    }
}

static void quote(quoting *q, const char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        size_t n = cli_utf8_character(text + i);
        if (n == 0 || n > length - i) n = 1;
        quote_character(q, text + i, n);
        i += n;
    }
}

// The tokenizers' way of writing what is no text.
static bool is_special(const char *text, size_t length) {
    return length > 4 && memcmp(text, "<|", 2) == 0 && memcmp(text + length - 2, "|>", 2) == 0;
}

// The text of all tokens, one after another: what the model is given where that differs from what
// was encoded (form C). Release: free.
static char *text_of(const rk_tokenizer *tokenizer, const uint32_t *tokens, size_t n_tokens) {
    size_t length = 0, n;
    for (size_t i = 0; i < n_tokens; i++) {
        rk_tokenizer_decode(tokenizer, tokens[i], &n);
        length += n;
    }
    char *text = cli_allocate(length + 1, 1);
    char *end = text;
    for (size_t i = 0; i < n_tokens; i++) {
        const char *token = rk_tokenizer_decode(tokenizer, tokens[i], &n);
        if (n > 0) memcpy(end, token, n);
        end += n;
    }
    return text;
}

rk_status quoted_prompt_print(FILE *out, const rk_tokenizer *tokenizer, const char *text,
                              size_t length, rk_error *err) {
    uint32_t *tokens;
    size_t n_tokens;
    const rk_status status = rk_tokenizer_encode(tokenizer, text, length, &tokens, &n_tokens, err);
    if (status != RK_OK) return status;
    char *all = text_of(tokenizer, tokens, n_tokens);
    quoting q = {.out = out};
    size_t quoted = 0, at = 0; // bytes of `all`
    for (size_t i = 0; i < n_tokens; i++) {
        size_t n;
        rk_tokenizer_decode(tokenizer, tokens[i], &n);
        if (is_special(all + at, n)) {
            quote(&q, all + quoted, at - quoted);
            close_quote(&q);
            fprintf(out, "%.*s (token %u)\n", (int)n, all + at, (unsigned)tokens[i]);
            quoted = at + n;
        }
        at += n;
    }
    quote(&q, all + quoted, at - quoted);
    close_quote(&q);
    if (n_tokens == 0) fputs("(token 0: there is no text)\n", out);
    free(all);
    rk_tokens_free(&tokens);
    return RK_OK;
}
