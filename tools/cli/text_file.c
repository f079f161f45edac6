// Reading texts.
#include "cli/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/messages.h"

enum { FIRST_PIECE = 1 << 16 };

// Reads to the end of a file that may be a pipe. False with errno set.
static bool read_all(cli_text *text, int fd) {
    size_t capacity = FIRST_PIECE;
    text->data = cli_allocate(capacity, 1);
    for (;;) {
        if (text->size + 1 == capacity) {
            capacity *= 2;
            text->data = cli_reallocate(text->data, capacity, 1);
        }
        const ssize_t n = read(fd, text->data + text->size, capacity - text->size - 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        if (n == 0) break;
        text->size += (size_t)n;
    }
    text->data[text->size] = '\0';
    return true;
}

bool cli_text_read(cli_text *text, const char *path) {
    const bool is_stdin = strcmp(path, "-") == 0;
    *text = (cli_text){.name = is_stdin ? "standard input" : path};
    const int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    const bool done = fd >= 0 && read_all(text, fd);
    if (!done) cli_complain("%s: %s", text->name, strerror(errno));
    if (fd >= 0 && !is_stdin) close(fd);
    if (!done) cli_text_free(text);
    return done;
}

void cli_text_free(cli_text *text) {
    free(text->data);
    *text = (cli_text){0};
}
