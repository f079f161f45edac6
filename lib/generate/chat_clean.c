// Cleaning what people type or paste.
#include "base/memory.h"
#include "rk/chat.h"

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

static size_t trim_line(const char *text, size_t n) {
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t')) n--;
    return n;
}

static size_t trim_end(const char *text, size_t n) {
    while (n > 0 && is_blank(text[n - 1])) n--;
    return n;
}

rk_status rk_chat_clean(char **out, size_t *length, const char *text, size_t text_length,
                        bool collapse, rk_error *err) {
    char *clean;
    *out = NULL;
    *length = 0;
    RK_TRY(rk__copy_string(&clean, text, text_length, err));
    size_t n = 0;
    for (size_t i = 0; i < text_length; i++) {
        char c = text[i];
        if (c == '\r') {
            if (i + 1 < text_length && text[i + 1] == '\n') continue; // the LF follows
            c = '\n';
        }
        if (c == '\n') {
            n = trim_line(clean, n);
            if (collapse && n > 0 && clean[n - 1] == '\n') continue;
        }
        if (n == 0 && is_blank(c)) continue;
        clean[n++] = c;
    }
    n = trim_end(clean, n);
    clean[n] = '\0';
    *out = clean;
    *length = n;
    return RK_OK;
}

void rk_chat_text_free(char **text) {
    rk__free(*text);
    *text = NULL;
}
