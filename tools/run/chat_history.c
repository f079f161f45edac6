// The history file.
#include "run/chat_history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/text_output.h"

// A file that has grown to the first is cut down to its last lines, as many as are in the second.
enum { MAX_BYTES = 1 << 20, KEPT_BYTES = 1 << 19 };

// ---- lines

char *chat_history_line(const char *text) {
    char *line = cli_allocate(2 * strlen(text) + 2, 1);
    char *end = line;
    for (; *text != '\0'; text++) {
        char c = *text;
        if (c == '\n' || c == '\\') *end++ = '\\';
        if (c == '\n') c = 'n';
        *end++ = c;
    }
    *end = '\n';
    return line;
}

char *chat_history_text(const char *line) {
    char *text = cli_copy(line);
    char *end = text;
    for (const char *c = line; *c != '\0' && *c != '\n'; c++) {
        const bool escaped = *c == '\\' && c[1] != '\0' && c[1] != '\n';
        if (escaped) c++;
        *end++ = *c;
        if (escaped && *c == 'n') end[-1] = '\n';
    }
    *end = '\0';
    return text;
}

// ---- where the file is

// Release: free. NULL: nowhere.
static char *usual_path(void) {
    const char *state = getenv("XDG_STATE_HOME");
    if (state != NULL && state[0] == '/') return cli_format("%s/rwkv-tools/chat_history", state);
    const char *home = getenv("HOME");
    if (home == NULL || home[0] != '/') return NULL;
    return cli_format("%s/.local/state/rwkv-tools/chat_history", home);
}

// Makes the folders that are missing on the way to a file; what fails shows when it is opened.
static void make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
}

// ---- reading

// Reads the file's last bytes, from the beginning of a line on. False with errno set. *text gets
// a terminator; release: free.
static bool read_end(int fd, char **text, bool *is_long) {
    struct stat status;
    *text = NULL;
    if (fstat(fd, &status) != 0) return false;
    if (!S_ISREG(status.st_mode)) {
        errno = EINVAL;
        return false;
    }
    *is_long = status.st_size > MAX_BYTES;
    const off_t start = *is_long ? status.st_size - KEPT_BYTES : 0;
    char *bytes = cli_allocate((size_t)(status.st_size - start) + 1, 1);
    size_t n = 0;
    const size_t wanted = (size_t)(status.st_size - start);
    while (n < wanted) {
        const ssize_t more = pread(fd, bytes + n, wanted - n, start + (off_t)n);
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) {
            free(bytes);
            return false;
        }
        if (more == 0) break;
        n += (size_t)more;
    }
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\0') bytes[i] = '?';
    }
    bytes[n] = '\0';
    const char *first = *is_long ? strchr(bytes, '\n') : NULL;
    if (first != NULL) memmove(bytes, first + 1, strlen(first + 1) + 1);
    *text = bytes;
    return true;
}

static void remember_lines(const char *text, line_editor *editor) {
    while (*text != '\0') {
        char *entry = chat_history_text(text);
        if (entry[0] != '\0') line_editor_remember(editor, entry);
        free(entry);
        text += strcspn(text, "\n");
        if (*text == '\n') text++;
    }
}

static void replace_file(const char *path, const char *text) {
    cli_text_output output;
    if (!cli_text_output_open(&output, path)) return;
    fputs(text, output.file);
    (void)cli_text_output_commit(&output);
}

// False with errno set.
static bool load(const char *path, line_editor *editor) {
    // Not to wait for the other end of a pipe.
    const int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    char *text;
    bool is_long = false;
    const bool done = read_end(fd, &text, &is_long);
    const int cause = errno;
    close(fd);
    errno = cause;
    if (!done) return false;
    remember_lines(text, editor);
    if (is_long) replace_file(path, text);
    free(text);
    return true;
}

bool chat_history_open(chat_history *history, const char *chosen, line_editor *editor) {
    *history = (chat_history){0};
    if (!line_editor_remembers || (chosen != NULL && chosen[0] == '\0')) return true;
    history->path = chosen != NULL ? cli_copy(chosen) : usual_path();
    if (history->path == NULL) return true;
    if (chosen == NULL) make_folders(history->path);
    if (load(history->path, editor)) return true;
    if (chosen != NULL) cli_complain("%s: cannot keep the history: %s", chosen, strerror(errno));
    chat_history_close(history);
    return chosen == NULL;
}

// ---- writing

void chat_history_add(chat_history *history, const char *text) {
    if (history->path == NULL || text[0] == '\0') return;
    char *line = chat_history_line(text);
    const size_t length = strlen(line);
    const int fd =
        open(history->path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
    // In one go, so that what several programs write does not mix.
    const bool done = fd >= 0 && write(fd, line, length) == (ssize_t)length;
    if (!done) {
        cli_complain("%s: cannot keep the history: %s", history->path, strerror(errno));
        chat_history_close(history);
    }
    if (fd >= 0) close(fd);
    free(line);
}

void chat_history_close(chat_history *history) {
    free(history->path);
    history->path = NULL;
}
