// Asking about terminals.
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_set(const char *value) {
    return value != NULL && value[0] != '\0';
}

bool cli_is_capable_terminal(int fd) {
    const char *name = getenv("TERM");
    return isatty(fd) != 0 && is_set(name) && strcmp(name, "dumb") != 0;
}

bool cli_has_colors(int fd) {
    return cli_is_capable_terminal(fd) && !is_set(getenv("NO_COLOR"));
}
