// Refusing hostile files: with a proper message, in less than 64 MB of memory beyond the file's
// size, and in seconds.
//
// usage: check_refusals          all files, each opened by a process of its own
//        check_refusals PATH     that process
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile_files.h"
#include "rk/checkpoint.h"
#include "support/scratch.h"

enum { MOST_BYTES = 64 << 20, MOST_SECONDS = 10 };

// A number of kB out of /proc/self/status.
static long status_kb(const char *key) {
    char line[256];
    long value = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) {
        if (strncmp(line, key, strlen(key)) == 0) value = strtol(line + strlen(key), NULL, 10);
    }
    if (status) (void)fclose(status);
    return value;
}

// Makes the peak begin anew. Where that is not possible, it begins with the process.
static void reset_peak(void) {
    const int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    const ssize_t written = write(fd, "5", 1);
    (void)written;
    (void)close(fd);
}

// Opens one file; prints memory, time and the message. The exit code says whether all is well.
static int open_one(const char *path, size_t file_size) {
    const struct rlimit limit = {.rlim_cur = MOST_SECONDS, .rlim_max = MOST_SECONDS};
    if (setrlimit(RLIMIT_CPU, &limit) != 0) return EXIT_FAILURE; // beyond it: SIGKILL
    rk_checkpoint *file = NULL;
    rk_error err = {0};
    reset_peak();
    const long before = status_kb("VmRSS:");
    const rk_status status = rk_checkpoint_open(&file, path, &err);
    const long used = status_kb("VmHWM:") - before;
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    const double seconds = (double)usage.ru_utime.tv_sec + 1e-6 * (double)usage.ru_utime.tv_usec;
    printf("%6.1f MB %5.2f s  %.120s\n", (double)used / 1024, seconds, err.message);
    rk_checkpoint_close(&file);
    if (status == RK_OK) printf("    it was accepted\n");
    if (used * 1024 > MOST_BYTES + (long)file_size) printf("    that is too much memory\n");
    return status != RK_OK && used >= 0 && used * 1024 <= MOST_BYTES + (long)file_size
               ? EXIT_SUCCESS
               : EXIT_FAILURE;
}

static int check_file(const hostile_file *hostile, char *self) {
    hostile_bytes bytes = {0};
    hostile->make(&bytes);
    const char *path = test_scratch_path("hostile");
    if (!test_write_file(path, bytes.data, bytes.size)) return 0;
    free(bytes.data);
    printf("%-38s %5.1f MB: ", hostile->name, (double)bytes.size / (1 << 20));
    (void)fflush(stdout);
    char size[32];
    (void)snprintf(size, sizeof size, "%zu", bytes.size);
    const pid_t child = fork();
    if (child == 0) {
        char *const arguments[] = {self, (char *)(uintptr_t)path, size, NULL};
        (void)execv("/proc/self/exe", arguments);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) return 0;
    if (WIFSIGNALED(status)) printf("ended by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    if (argc == 3) return open_one(argv[1], strtoul(argv[2], NULL, 10));
    int good = 1;
    for (size_t i = 0; i < n_hostile_files; i++) good &= check_file(&hostile_files[i], argv[0]);
    test_scratch_remove();
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
