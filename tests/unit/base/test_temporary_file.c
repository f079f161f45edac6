// Temporary files of outputs: what killed processes leave behind goes, what others write stays.
#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/temporary_file.h"
#include "support/scratch.h"

TestSuite(temporary_file, .fini = test_scratch_remove);

static const char *target(void) {
    return test_scratch_path("target.bin");
}

static rk__output *open_target(void) {
    rk__output *output;
    rk_error err = {0};
    cr_assert_eq(rk__output_open(&output, target(), &err), RK_OK, "%s", err.message);
    return output;
}

// A child that opens the target, writes something, and is killed in the middle of it.
static void write_and_be_killed(void) {
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        rk__output *output;
        if (rk__output_open(&output, target(), NULL) != RK_OK) _exit(1);
        if (rk__output_write(output, "half", 4, NULL) != RK_OK) _exit(2);
        (void)raise(SIGKILL);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

Test(temporary_file, the_next_writer_removes_what_killed_ones_left) {
    cr_assert(test_write_file(target(), "old", 3));
    write_and_be_killed();
    cr_assert_eq(test_scratch_count(), 2, "a killed writer leaves one file");
    write_and_be_killed();
    cr_assert_eq(test_scratch_count(), 2, "they do not pile up");
    rk__output *output = open_target();
    cr_assert_eq(test_scratch_count(), 2, "its own file, and the target");
    cr_assert_eq(rk__output_write(output, "new", 3, NULL), RK_OK);
    cr_assert_eq(rk__output_commit(&output, false, NULL), RK_OK);
    cr_assert_eq(test_scratch_count(), 1);
    size_t size;
    unsigned char *content = test_read_file(target(), &size);
    cr_assert_eq(size, 3);
    cr_assert_arr_eq(content, "new", 3);
    free(content);
}

Test(temporary_file, what_another_one_writes_stays) {
    rk__output *first = open_target();
    rk__output *second = open_target();
    cr_assert_eq(test_scratch_count(), 2);
    rk__output_abort(&second);
    cr_assert_eq(test_scratch_count(), 1);
    cr_assert_eq(rk__output_commit(&first, false, NULL), RK_OK);
    cr_assert(test_file_exists(target()));
    cr_assert_eq(test_scratch_count(), 1);
}

// The writer may be in another container, where its number means another process or none.
Test(temporary_file, the_lock_counts_not_the_number_in_the_name) {
    const char *locked = test_scratch_path(".target.bin.999999999-0123456789abcdef.tmp");
    char name[64];
    (void)snprintf(name, sizeof name, ".target.bin.%ld-00000000000000ff.tmp", (long)getpid());
    const char *unlocked = test_scratch_path(name);
    cr_assert(test_write_file(locked, "x", 1) && test_write_file(unlocked, "x", 1));
    const int fd = open(locked, O_RDONLY);
    cr_assert_eq(flock(fd, LOCK_EX), 0);
    rk__output *output = open_target();
    cr_assert(test_file_exists(locked));
    cr_assert_not(test_file_exists(unlocked));
    (void)close(fd);
    rk__output_abort(&output);
}

Test(temporary_file, other_files_stay) {
    static const char *const names[] = {
        ".target.bin.tmp",
        ".target.bin.12-0123456789abcde.tmp",   // 15 digits
        ".target.bin.12-0123456789abcdeff.tmp", // 17
        ".target.bin.12-0123456789ABCDEF.tmp",
        ".target.bin.-0123456789abcdef.tmp",
        ".target.bin.12-0123456789abcdef.tmp.gz",
        ".target2.bin.12-0123456789abcdef.tmp",
        "target.bin.12-0123456789abcdef.tmp",
    };
    enum { N = sizeof names / sizeof names[0] };
    for (size_t i = 0; i < N; i++) cr_assert(test_write_file(test_scratch_path(names[i]), "x", 1));
    const char *folder = test_scratch_path(".target.bin.12-0123456789abcdef.tmp");
    cr_assert_eq(mkdir(folder, 0700), 0);
    rk__output *output = open_target();
    for (size_t i = 0; i < N; i++) {
        cr_assert(test_file_exists(test_scratch_path(names[i])), "%s", names[i]);
    }
    cr_assert(test_file_exists(folder));
    rk__output_abort(&output);
}

// A symbolic link with such a name is not followed, nor is a pipe waited for.
Test(temporary_file, links_and_pipes_are_left_alone) {
    const char *victim = test_scratch_path("victim");
    const char *link = test_scratch_path(".target.bin.1-0123456789abcdef.tmp");
    const char *pipe_name = test_scratch_path(".target.bin.2-0123456789abcdef.tmp");
    cr_assert(test_write_file(victim, "x", 1));
    cr_assert_eq(symlink(victim, link), 0);
    cr_assert_eq(mkfifo(pipe_name, 0600), 0);
    rk__output *output = open_target();
    cr_assert(test_file_exists(victim) && test_file_exists(link) && test_file_exists(pipe_name));
    rk__output_abort(&output);
}

// The longest names carry a part of the target's only, and are found by it.
Test(temporary_file, long_names) {
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    const int folder = open(test_scratch_path(""), O_RDONLY | O_DIRECTORY);
    rk__temporary temporary;
    cr_assert(rk__temporary_create(&temporary, folder, name));
    cr_assert_leq(strlen(temporary.name), 255);
    cr_assert_eq(test_scratch_count(), 1);
    rk__temporary_clean(folder, name);
    cr_assert_eq(test_scratch_count(), 1, "it is locked");
    (void)close(temporary.fd);
    rk__temporary_clean(folder, name);
    cr_assert_eq(test_scratch_count(), 1, "the second descriptor keeps the lock");
    (void)close(temporary.lock);
    rk__temporary_clean(folder, name);
    cr_assert_eq(test_scratch_count(), 0);
    (void)close(folder);
}
