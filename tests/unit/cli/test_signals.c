// Signals: the first asks, the second kills, and a file cut while mapped ends the program with a
// line.
#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/signals.h"
#include "support/scratch.h"

TestSuite(signals, .fini = test_scratch_remove);

Test(signals, the_first_interrupt_asks) {
    cli_signals_begin();
    cr_assert_not(cli_interrupted());
    raise(SIGINT);
    cr_assert(cli_interrupted());
}

Test(signals, the_second_interrupt_kills, .signal = SIGINT) {
    cli_signals_begin();
    raise(SIGINT);
    raise(SIGINT);
}

Test(signals, being_terminated_asks_too) {
    cli_signals_begin();
    raise(SIGTERM);
    cr_assert(cli_interrupted());
}

Test(signals, what_was_ignored_stays_ignored) {
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    cli_signals_begin();
    raise(SIGINT);
    raise(SIGHUP);
    cr_assert_not(cli_interrupted());
    raise(SIGTERM);
    cr_assert(cli_interrupted());
}

// Touches the second page of a file that was cut after it had been mapped. Does not come back.
static _Noreturn void touch_what_is_gone(const char *path, const char *guarded) {
    const int fd = open(path, O_RDWR);
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (ftruncate(fd, (off_t)(2 * page)) != 0) _exit(98);
    volatile const char *bytes = mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, fd, 0);
    cli_signals_guard_file(guarded);
    if (ftruncate(fd, (off_t)page) != 0) _exit(98);
    const char byte = bytes[page];
    _exit(byte == 0 ? 99 : 97);
}

// Runs it in a child; its wait status, and in `said` what it wrote to stderr.
static int run_child(const char *path, const char *guarded, char *said, size_t size) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        touch_what_is_gone(path, guarded);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t n = 1; n > 0 && used + 1 < size; used += (size_t)(n > 0 ? n : 0)) {
        n = read(ends[0], said + used, size - 1 - used);
    }
    said[used] = '\0';
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

Test(signals, a_file_cut_while_mapped_is_named) {
    const char *path = test_scratch_path("model.bin");
    cr_assert(test_write_file(path, "x", 1));
    char said[512];
    const int status = run_child(path, "model.bin", said, sizeof said);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "wait status %d", status);
    const char *message =
        strstr(said, ": model.bin: cut short or unreadable while it was in use\n");
    cr_assert_not_null(message, "%s", said);
    cr_assert_eq(strchr(said, '\n') + 1, said + strlen(said), "more than a line: %s", said);
}

Test(signals, a_long_path_keeps_the_message_one_line) {
    const char *path = test_scratch_path("model.bin");
    cr_assert(test_write_file(path, "x", 1));
    char name[4000], said[2000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const int status = run_child(path, name, said, sizeof said);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "wait status %d", status);
    cr_assert_eq(strchr(said, '\n') + 1, said + strlen(said));
    cr_assert_not_null(strstr(said, "nnn: cut short"));
}
