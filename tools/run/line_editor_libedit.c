// The line editor on libedit: wide characters inside, UTF-8 outside.
#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "run/line_editor.h"

const char line_editor_name[] = "libedit";
const bool line_editor_remembers = true;

enum { MAX_HISTORY = 1000 };

struct line_editor {
    FILE *screen;
    EditLine *el;
    HistoryW *history;
    wchar_t prompt[32]; // with the terminal's orders between NO_WIDTH
    bool bold, capable;
    bool interrupted; // while reading
    int failed;       // errno of it, or 0
};

static const wchar_t NO_WIDTH = L'\1'; // around what takes no room on the screen

// ---- characters

// UTF-8 whatever the locale says, where the system has such a locale.
static bool use_utf8(void) {
    if (setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0) return true;
    return setlocale(LC_CTYPE, "C.UTF-8") != NULL;
}

// Release: free.
static char *narrow(const wchar_t *text, size_t n, size_t *length) {
    char *out = cli_allocate(n * MB_LEN_MAX + 1, 1);
    mbstate_t state = {0};
    *length = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t bytes = wcrtomb(out + *length, text[i], &state);
        if (bytes != (size_t)-1) *length += bytes;
    }
    return out;
}

// Bytes that are no characters become U+FFFD. Release: free.
static wchar_t *widen(const char *text) {
    const size_t n = strlen(text);
    wchar_t *out = cli_allocate(n + 1, sizeof *out);
    mbstate_t state = {0};
    size_t length = 0;
    for (size_t i = 0; i < n; length++) {
        const size_t bytes = mbrtowc(&out[length], text + i, n - i, &state);
        const bool fine = bytes != 0 && bytes <= n - i;
        if (!fine) {
            out[length] = L'\xfffd';
            state = (mbstate_t){0};
        }
        i += fine ? bytes : 1;
    }
    return out;
}

// ---- reading the keyboard

static line_editor *editor_of(EditLine *el) {
    line_editor *editor = NULL;
    el_wget(el, EL_CLIENTDATA, (void **)&editor);
    return editor;
}

// The terminal may have another size, and after a stop the shell has set it up in its own way. What
// was on the line is cleared, so that it is not there twice.
static void redraw(line_editor *editor) {
    if (editor->capable) fputs("\r\033[J", editor->screen);
    el_wset(editor->el, EL_PREP_TERM, 0);
    el_wset(editor->el, EL_PREP_TERM, 1);
    el_resize(editor->el);
    el_wset(editor->el, EL_REFRESH);
}

// 1, 0 at the end, -1 when interrupted or after a failure.
static int read_byte(line_editor *editor, char *byte) {
    for (;;) {
        switch (cli_wait_for_input(STDIN_FILENO)) {
        case CLI_WAIT_INTERRUPTED:
            editor->interrupted = true;
            return -1;
        case CLI_WAIT_SCREEN:
            redraw(editor);
            break;
        case CLI_WAIT_INPUT: {
            const ssize_t n = read(STDIN_FILENO, byte, 1);
            if (n >= 0) return (int)n;
            if (errno == EINTR || errno == EAGAIN) break;
            editor->failed = errno;
            return -1;
        }
        }
    }
}

// An el_rfunc_t: one character of UTF-8; U+FFFD for bytes that are none.
static int read_character(EditLine *el, wchar_t *out) {
    line_editor *editor = editor_of(el);
    mbstate_t state = {0};
    for (;;) {
        char byte;
        const int n = read_byte(editor, &byte);
        if (n != 1) return n;
        const size_t used = mbrtowc(out, &byte, 1, &state);
        if (used == (size_t)-2) continue;
        if (used == (size_t)-1) *out = L'\xfffd';
        return 1;
    }
}

// ---- pasted text: all of it becomes part of the line, newlines too

static const wchar_t paste_end[] = L"\033[201~";
enum { N_PASTE_END = sizeof paste_end / sizeof paste_end[0] - 1 };

typedef struct pasted {
    wchar_t *text;
    size_t n, capacity;
} pasted;

static void paste_character(pasted *p, wchar_t c) {
    if (p->n + 1 >= p->capacity) {
        p->capacity = 2 * p->capacity + 64;
        p->text = cli_reallocate(p->text, p->capacity, sizeof p->text[0]);
    }
    p->text[p->n++] = c;
    p->text[p->n] = L'\0';
}

static bool paste_is_complete(pasted *p) {
    if (p->n < N_PASTE_END || wmemcmp(p->text + p->n - N_PASTE_END, paste_end, N_PASTE_END) != 0) {
        return false;
    }
    p->n -= N_PASTE_END;
    p->text[p->n] = L'\0';
    return true;
}

// Terminals send CR for an end of line, or what the text had. Other control characters have no
// place in a line.
static void paste_clean(pasted *p) {
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        wchar_t c = p->text[i];
        if (c == L'\n' && i > 0 && p->text[i - 1] == L'\r') continue;
        if (c == L'\r') c = L'\n';
        if ((c >= L' ' && c != 0x7f) || c == L'\n' || c == L'\t') p->text[n++] = c;
    }
    p->n = n;
    if (p->text != NULL) p->text[n] = L'\0';
}

// An el_func_t, called behind the terminal's sign that a paste begins.
static unsigned char paste(EditLine *el, wint_t key) {
    (void)key;
    pasted p = {0};
    wchar_t c;
    bool complete = false;
    while (!complete && el_wgetc(el, &c) == 1) {
        paste_character(&p, c);
        complete = paste_is_complete(&p);
    }
    paste_clean(&p);
    const bool inserted = p.n == 0 || el_winsertstr(el, p.text) == 0;
    free(p.text);
    if (!complete) return CC_EOF; // why is in the editor
    return inserted ? CC_REFRESH : CC_ERROR;
}

// An el_func_t for Alt-Enter.
static unsigned char insert_newline(EditLine *el, wint_t key) {
    (void)key;
    return el_winsertstr(el, L"\n") == 0 ? CC_REFRESH : CC_ERROR;
}

// An el_func_t for Ctrl-D: the end in an empty line, without a trace of it on the screen; elsewhere
// it deletes.
static unsigned char end_or_delete(EditLine *el, wint_t key) {
    (void)key;
    const LineInfoW *line = el_wline(el);
    if (line->lastchar == line->buffer) return CC_EOF;
    if (line->cursor == line->lastchar) return CC_ERROR;
    el_cursor(el, 1);
    el_wdeletestr(el, 1);
    return CC_REFRESH;
}

// ---- life

static wchar_t *prompt_of(EditLine *el) {
    return editor_of(el)->prompt;
}

static void bind_keys(EditLine *el) {
    el_wset(el, EL_EDITOR, L"emacs");
    el_wset(el, EL_ADDFN, L"rwkv-paste", L"Inserts what is pasted", paste);
    el_wset(el, EL_ADDFN, L"rwkv-newline", L"Begins another line", insert_newline);
    el_wset(el, EL_ADDFN, L"rwkv-end", L"Ends, or deletes a character", end_or_delete);
    static const wchar_t *const keys[][2] = {
        {L"\033[200~", L"rwkv-paste"},   {L"\033\r", L"rwkv-newline"},
        {L"\033\n", L"rwkv-newline"},    {L"^D", L"rwkv-end"},
        {L"^R", L"em-inc-search-prev"},  {L"\033[1;5C", L"em-next-word"},
        {L"\033[1;5D", L"ed-prev-word"}, {L"\033[3~", L"ed-delete-next-char"},
        {L"\033[1~", L"ed-move-to-beg"}, {L"\033[4~", L"ed-move-to-end"},
        {L"\033[H", L"ed-move-to-beg"},  {L"\033[F", L"ed-move-to-end"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        el_wset(el, EL_BIND, keys[i][0], keys[i][1], NULL);
    }
    el_source(el, NULL); // ~/.editrc: the user's own keys
}

line_editor *line_editor_new(FILE *screen, bool bold) {
    use_utf8();
    line_editor *editor = cli_allocate(1, sizeof *editor);
    *editor = (line_editor){
        .screen = screen, .bold = bold, .capable = cli_is_capable_terminal(fileno(screen))};
    editor->el = el_init("rwkv-run", stdin, screen, stderr);
    editor->history = history_winit();
    if (editor->el == NULL || editor->history == NULL) {
        line_editor_free(&editor);
        return NULL;
    }
    HistEventW event;
    history_w(editor->history, &event, H_SETSIZE, MAX_HISTORY);
    history_w(editor->history, &event, H_SETUNIQUE, 1);
    el_wset(editor->el, EL_CLIENTDATA, editor);
    el_wset(editor->el, EL_GETCFN, read_character);
    el_wset(editor->el, EL_PROMPT_ESC, prompt_of, NO_WIDTH);
    el_wset(editor->el, EL_HIST, history_w, editor->history);
    bind_keys(editor->el);
    return editor;
}

void line_editor_free(line_editor **editor) {
    line_editor *e = *editor;
    *editor = NULL;
    if (e == NULL) return;
    if (e->el != NULL) el_end(e->el);
    if (e->history != NULL) history_wend(e->history);
    free(e);
}

void line_editor_remember(line_editor *editor, const char *text) {
    wchar_t *wide = widen(text);
    HistEventW event;
    history_w(editor->history, &event, H_ENTER, wide);
    free(wide);
}

// ---- reading

static void set_prompt(line_editor *editor, const char *prompt) {
    const size_t n = sizeof editor->prompt / sizeof editor->prompt[0];
    if (editor->bold) {
        swprintf(editor->prompt, n, L"\1\033[1m\1%s\1\033[0m\1", prompt);
    } else {
        swprintf(editor->prompt, n, L"%s", prompt);
    }
}

static void take_pastes(const line_editor *editor, bool on) {
    if (!editor->capable) return;
    fputs(on ? "\033[?2004h" : "\033[?2004l", editor->screen);
    fflush(editor->screen);
}

line_end line_editor_read(line_editor *editor, const char *prompt, char **line, size_t *length) {
    editor->interrupted = false;
    editor->failed = 0;
    set_prompt(editor, prompt);
    take_pastes(editor, true);
    int n = 0;
    const wchar_t *text = el_wgets(editor->el, &n);
    take_pastes(editor, false);
    *line = NULL;
    *length = 0;
    if (editor->interrupted) {
        // The terminal does not echo it now; and what was typed may go on below.
        if (!cli_terminated()) fputs("^C", editor->screen);
        if (editor->capable) fputs("\033[J", editor->screen);
        const LineInfoW *typed = el_wline(editor->el);
        *line = narrow(typed->buffer, (size_t)(typed->lastchar - typed->buffer), length);
        return LINE_INTERRUPTED;
    }
    if (editor->failed != 0) {
        cli_complain("standard input: %s", strerror(editor->failed));
        return LINE_FAILED;
    }
    if (text == NULL || n <= 0) return LINE_CLOSED;
    size_t end = (size_t)n;
    if (text[end - 1] == L'\n') end--;
    *line = narrow(text, end, length);
    return LINE_DONE;
}
