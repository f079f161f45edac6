// What the terminal behind a stream can do.
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

// A terminal, and one that takes orders: TERM is set, and not "dumb".
bool cli_is_capable_terminal(int fd);

// Such a terminal, and the user has nothing against colours (NO_COLOR, see no-color.org).
bool cli_has_colors(int fd);

#endif
