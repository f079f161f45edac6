// The standard streams.
#include "cli/standard_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/messages.h"

static int write_errno; // why cli_write_now failed

void cli_start(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        // Opened the wrong way round: using what the caller had closed stays an error.
        const int opened = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
        if (opened != fd) exit(CLI_EXIT_FAILED);
    }
}

bool cli_write_now(const char *text, size_t length) {
    const bool done = fwrite(text, 1, length, stdout) == length && fflush(stdout) == 0;
    if (!done) write_errno = errno;
    return done;
}

int cli_finish(int exit_code) {
    const int failed_before = ferror(stdout);
    errno = 0;
    const int failed = fclose(stdout);
    if (failed_before == 0 && failed == 0) return exit_code;
    const int cause = write_errno != 0 ? write_errno : errno;
    // The buffer may have been empty by now; then the cause is no longer known.
    const char *words = cause != 0 ? strerror(cause) : "could not be written";
    if (cause != EPIPE) cli_complain("standard output: %s", words);
    return exit_code == CLI_EXIT_DONE ? CLI_EXIT_FAILED : exit_code;
}
