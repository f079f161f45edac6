// Showing answers as they come.
#include "run/chat_display.h"

#include <string.h>

#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/standard_streams.h"

static const char opening[] = "<think", closing[] = "</think>";
static const char dim[] = "\033[2m", plain[] = "\033[0m";

void chat_display_begin(chat_display *d, bool terminal, bool colors) {
    *d = (chat_display){.terminal = terminal, .colors = colors, .part = CHAT_BLANKS};
}

static void flush(chat_display *d) {
    if (d->n_buffer > 0 && !d->failed) d->failed = !cli_write_now(d->buffer, d->n_buffer);
    d->n_buffer = 0;
}

static void put(chat_display *d, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (d->n_buffer == sizeof d->buffer) flush(d);
        d->buffer[d->n_buffer++] = bytes[i];
    }
}

static bool is_control(unsigned char c) {
    return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
}

// One byte of the text. Characters come whole (but for bytes that are none), and those beyond ASCII
// are no orders to the terminal, except U+0080 .. U+009F, which are 0xc2 and a byte below 0xa0.
static void show(chat_display *d, char c) {
    const unsigned char byte = (unsigned char)c;
    if (d->terminal && is_control(byte)) {
        put(d, (const char[]){'^', (char)(byte ^ 0x40)}, 2);
    } else if (d->terminal && d->last == '\xc2' && byte >= 0x80 && byte < 0xa0) {
        put(d, "\xa0", 1); // a blank instead
    } else {
        put(d, &c, 1);
    }
    d->last = c;
}

// Inside the thoughts: looks for their end.
static void show_thought(chat_display *d, char c) {
    show(d, c);
    d->n_tag = c == closing[d->n_tag] ? d->n_tag + 1 : c == closing[0] ? 1 : 0;
    if (closing[d->n_tag] != '\0') return;
    put(d, plain, sizeof plain - 1);
    d->part = CHAT_TEXT;
}

// What came looked like the beginning of <think.
static void give_up_tag(chat_display *d) {
    d->part = CHAT_TEXT;
    for (size_t i = 0; i < d->n_tag; i++) show(d, opening[i]);
}

static void show_tag(chat_display *d, char c) {
    if (c != opening[d->n_tag]) {
        give_up_tag(d);
        show(d, c);
        return;
    }
    d->n_tag++;
    if (opening[d->n_tag] != '\0') return;
    put(d, dim, sizeof dim - 1);
    for (size_t i = 0; i < d->n_tag; i++) show(d, opening[i]);
    d->part = CHAT_THOUGHTS;
    d->n_tag = 0;
}

static void take(chat_display *d, char c) {
    if (d->part == CHAT_BLANKS && c != ' ' && c != '\t' && c != '\n' && c != '\r') {
        d->part = d->colors ? CHAT_TAG : CHAT_TEXT;
    }
    switch (d->part) {
    case CHAT_BLANKS:
        break;
    case CHAT_TAG:
        show_tag(d, c);
        break;
    case CHAT_THOUGHTS:
        show_thought(d, c);
        break;
    case CHAT_TEXT:
        show(d, c);
        break;
    }
}

bool chat_display_write(void *user, const char *text, size_t length) {
    chat_display *d = user;
    if (length > 0) cli_progress_hide(); // of the prompt
    for (size_t i = 0; i < length; i++) take(d, text[i]);
    flush(d);
    return !d->failed && !cli_interrupted();
}

void chat_display_end(chat_display *d) {
    if (d->part == CHAT_TAG) give_up_tag(d);
    if (d->part == CHAT_THOUGHTS) put(d, plain, sizeof plain - 1);
    if (d->last != '\n') put(d, "\n", 1);
    flush(d);
}
