// Running gnuplot: script in, drawing out, both through one socket, so that a gnuplot that ends
// early gives an error here and no signal.
#include "perplexity/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/sizes.h"

enum { MOST_BYTES = 8 << 20, PIECE = 1 << 16 };
static const double MOST_SECONDS = 30;

// Nothing but what finding it takes; numbers have points.
static char **make_environment(void) {
    const char *path = getenv("PATH");
    char **environment = cli_allocate(4, sizeof *environment);
    environment[0] = cli_format("PATH=%s", path != NULL ? path : "/usr/local/bin:/usr/bin:/bin");
    environment[1] = cli_copy("LC_ALL=C.UTF-8");
    environment[2] = cli_copy("HOME=/nonexistent");
    return environment;
}

static void free_environment(char **environment) {
    for (char **e = environment; *e != NULL; e++) free(*e);
    free(environment);
}

// Returns 0 or an errno.
static int start(pid_t *pid, int fd) {
    static char name[] = "gnuplot", defaults[] = "-d";
    char *const arguments[] = {name, defaults, NULL};
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) return error;
    char **environment = make_environment();
    error = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
    if (error == 0) {
        error = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    }
    if (error == 0) error = posix_spawnp(pid, name, &actions, NULL, arguments, environment);
    free_environment(environment);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

// What has been drawn so far.
typedef struct drawing {
    char *text; // terminated
    size_t size, room;
} drawing;

// Reads what is there. False at the end, or when there is too much.
static bool receive(drawing *d, int fd) {
    if (d->room - d->size < PIECE + 1) {
        d->room = 2 * d->room + 2 * PIECE;
        d->text = cli_reallocate(d->text, d->room, 1);
    }
    const ssize_t n = recv(fd, d->text + d->size, PIECE, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    d->size += (size_t)n;
    d->text[d->size] = '\0';
    return n > 0 && d->size <= MOST_BYTES;
}

// Sends as much of the script as there is room for.
static bool send_some(const char **script, size_t *left, int fd) {
    const ssize_t n = send(fd, *script, *left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    *script += n;
    *left -= (size_t)n;
    if (*left == 0) shutdown(fd, SHUT_WR);
    return true;
}

// Both directions, until the drawing ends or time is up.
static void converse(drawing *d, const char *script, int fd) {
    const double end = cli_now() + MOST_SECONDS;
    size_t left = strlen(script);
    for (;;) {
        const double seconds = end - cli_now();
        struct pollfd ready = {.fd = fd, .events = (short)(left > 0 ? POLLIN | POLLOUT : POLLIN)};
        if (seconds <= 0 || (poll(&ready, 1, (int)(1e3 * seconds) + 1) < 0 && errno != EINTR)) {
            return;
        }
        if ((ready.revents & POLLOUT) != 0 && !send_some(&script, &left, fd)) return;
        if ((ready.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !receive(d, fd)) return;
    }
}

// Whether it is done is seen in what it drew.
static void end_process(pid_t pid) {
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
}

gnuplot_result gnuplot_draw(char **out, const char *script) {
    *out = NULL;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return GNUPLOT_FAILED;
    pid_t pid;
    const int error = start(&pid, ends[1]);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        return error == ENOENT || error == EACCES ? GNUPLOT_MISSING : GNUPLOT_FAILED;
    }
    drawing d = {0};
    converse(&d, script, ends[0]);
    close(ends[0]);
    end_process(pid);
    if (d.size > 0 && strstr(d.text, "</svg>") != NULL) {
        *out = d.text;
        return GNUPLOT_DONE;
    }
    free(d.text);
    return GNUPLOT_FAILED;
}
