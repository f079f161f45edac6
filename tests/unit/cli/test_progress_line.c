// The progress line: its words, and its silence where no terminal is.
#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/sizes.h"

Test(progress, the_line_says_share_amounts_rate_and_time_left) {
    char line[256];
    const cli_progress bytes = {.label = "converting", .unit = CLI_UNIT_BYTES};
    cli_progress_line(line, sizeof line, &bytes, 1 << 29, 1u << 30, 4.0);
    cr_assert_str_eq(line, "converting  50 %  512 MiB of 1.00 GiB, 128 MiB/s, 0:04 left");
    const cli_progress tokens = {.label = "m.bin Q4_0", .unit = CLI_UNIT_TOKENS};
    cli_progress_line(line, sizeof line, &tokens, 64, 6400, 2.0);
    cr_assert_str_eq(line, "m.bin Q4_0   1 %  64 of 6400 tokens, 32.0 tokens/s, 3:18 left");
    const cli_progress steps = {.label = "fitting", .unit = CLI_UNIT_STEPS};
    cli_progress_line(line, sizeof line, &steps, 4, 16, 1.0);
    cr_assert_str_eq(line, "fitting  25 %  4 of 16 steps, 0:03 left");
}

Test(progress, the_line_survives_nothing_done_and_nothing_to_do) {
    char line[256];
    const cli_progress bytes = {.label = "x", .unit = CLI_UNIT_BYTES};
    cli_progress_line(line, sizeof line, &bytes, 0, 100, 0.0);
    cr_assert_str_eq(line, "x   0 %  0 bytes of 100 bytes, 0 bytes/s, ? left");
    cli_progress_line(line, sizeof line, &bytes, 0, 0, 1.0);
    cr_assert_str_eq(line, "x 100 %  0 bytes of 0 bytes, 0 bytes/s, ? left");
    char small[8];
    cli_progress_line(small, sizeof small, &bytes, 50, 100, 1.0);
    cr_assert_eq(strlen(small), 7);
}

// Runs a job of about 1.2 s that reports all the time; what reaches `fd` is put into `seen`.
static size_t watch(int fd, bool quiet, char *seen, size_t size) {
    cli_progress progress;
    cli_progress_begin(&progress, "job", CLI_UNIT_BYTES, quiet);
    const double start = cli_now();
    double now = start;
    while (now < start + 1.2) {
        cr_assert(cli_progress_report(&progress, (uint64_t)(1000.0 * (now - start)), 1200));
        now = cli_now();
    }
    cli_progress_end(&progress);
    size_t used = 0;
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    while (used + 1 < size && poll(&waiting, 1, 50) > 0) {
        const ssize_t n = read(fd, seen + used, size - 1 - used);
        if (n <= 0) break;
        used += (size_t)n;
    }
    seen[used] = '\0';
    return used;
}

// A terminal whose other end we hold, in the place of stderr.
static int stderr_on_a_terminal(void) {
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    cr_assert_geq(master, 0);
    cr_assert_eq(grantpt(master), 0);
    cr_assert_eq(unlockpt(master), 0);
    const int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    cr_assert_geq(slave, 0);
    dup2(slave, STDERR_FILENO);
    return master;
}

Test(progress, a_terminal_sees_at_most_six_lines_a_second_and_none_at_the_end) {
    const int terminal = stderr_on_a_terminal();
    char seen[16384];
    cr_assert_gt(watch(terminal, false, seen, sizeof seen), 0);
    size_t changes = 0;
    for (const char *at = seen; (at = strstr(at, "\rjob ")) != NULL; at++) changes++;
    // Each change writes the line twice: once with blanks behind it, once to bring the cursor back.
    cr_assert_geq(changes, 2 * 2, "%zu", changes);
    cr_assert_leq(changes, 2 * 5, "%zu", changes); // 1.2 s, the first half second silent
    const char *last = strrchr(seen, '\r');
    cr_assert_str_eq(last, "\r", "left on the screen: '%s'", last);
    cr_assert_null(strchr(seen, '\n'));
}

Test(progress, quiet_is_silent_on_a_terminal) {
    const int terminal = stderr_on_a_terminal();
    char seen[256];
    cr_assert_eq(watch(terminal, true, seen, sizeof seen), 0, "%s", seen);
}

Test(progress, a_pipe_sees_nothing) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    char seen[256];
    cr_assert_eq(watch(ends[0], false, seen, sizeof seen), 0, "%s", seen);
}

Test(progress, an_interrupt_stops_the_job) {
    cli_progress progress;
    cli_progress_begin(&progress, "job", CLI_UNIT_BYTES, true);
    cli_signals_begin();
    cr_assert(cli_progress_report(&progress, 1, 2));
    raise(SIGINT);
    cr_assert(cli_interrupted());
    cr_assert_not(cli_progress_report(&progress, 1, 2));
}
