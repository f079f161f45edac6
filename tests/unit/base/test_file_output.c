// Output files: whole or not at all, whatever happens on the way.
#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"

static char folder[64];
static char path[128]; // of the target, in the folder

static void make_folder(void) {
    strcpy(folder, "/tmp/rk-file-output-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/target.bin", folder);
    umask(022);
}

// Calls visit for every name in the folder; returns their number.
static size_t each_name(void (*visit)(const char *name)) {
    DIR *directory = opendir(folder);
    cr_assert_not_null(directory);
    size_t count = 0;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (visit) visit(entry->d_name);
        count++;
    }
    closedir(directory);
    return count;
}

static void delete_name(const char *name) {
    char victim[512];
    snprintf(victim, sizeof victim, "%s/%s", folder, name);
    remove(victim);
}

static void remove_folder(void) {
    each_name(delete_name);
    rmdir(folder);
}

TestSuite(file_output, .init = make_folder, .fini = remove_folder);

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(name, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_contents(const char *name, const char *text) {
    char found[256] = "";
    FILE *file = fopen(name, "r");
    cr_assert_not_null(file, "%s is missing", name);
    found[fread(found, 1, sizeof found - 1, file)] = '\0';
    fclose(file);
    cr_assert_str_eq(found, text);
}

static mode_t mode_of(const char *name) {
    struct stat about;
    cr_assert_eq(stat(name, &about), 0);
    return about.st_mode & 07777;
}

static bool exists(const char *name) {
    return access(name, F_OK) == 0;
}

// Writes text to a new output under the target's name and leaves it open.
static rk__output *open_and_write(const char *target, const char *text) {
    rk__output *output;
    rk_error err = {0};
    cr_assert_eq(rk__output_open(&output, target, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk__output_write(output, text, strlen(text), &err), RK_OK, "%s", err.message);
    return output;
}

static void commit(rk__output **output) {
    rk_error err = {0};
    cr_assert_eq(rk__output_commit(output, true, &err), RK_OK, "%s", err.message);
    cr_assert_null(*output);
}

Test(file_output, a_file_appears_when_it_is_complete) {
    rk__output *output = open_and_write(path, "new");
    cr_assert_not(exists(path));
    cr_assert_eq(rk__output_size(output), 3);
    commit(&output);
    assert_contents(path, "new");
    cr_assert_eq(mode_of(path), 0644, "the umask is 022");
    cr_assert_eq(each_name(NULL), 1);
}

Test(file_output, without_flushing_too) {
    rk__output *output = open_and_write(path, "new");
    cr_assert_eq(rk__output_commit(&output, false, NULL), RK_OK);
    assert_contents(path, "new");
}

Test(file_output, aborting_leaves_nothing) {
    rk__output *output = open_and_write(path, "new");
    cr_assert_eq(each_name(NULL), 1, "the temporary file lies beside the target");
    rk__output_abort(&output);
    cr_assert_null(output);
    cr_assert_eq(each_name(NULL), 0);
    rk__output_abort(&output);
}

Test(file_output, aborting_keeps_the_old_file) {
    write_file(path, "old");
    rk__output *output = open_and_write(path, "new");
    rk__output_abort(&output);
    assert_contents(path, "old");
    cr_assert_eq(each_name(NULL), 1);
}

Test(file_output, replacing_keeps_the_permissions) {
    write_file(path, "old and long");
    cr_assert_eq(chmod(path, 0640), 0);
    rk__output *output = open_and_write(path, "new");
    assert_contents(path, "old and long");
    commit(&output);
    assert_contents(path, "new");
    cr_assert_eq(mode_of(path), 0640);
}

Test(file_output, a_symbolic_link_stays_and_its_file_is_replaced) {
    char link_path[128], real[128];
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    snprintf(real, sizeof real, "%s/sub", folder);
    cr_assert_eq(mkdir(real, 0700), 0);
    strcat(real, "/real.bin");
    write_file(real, "old");
    cr_assert_eq(symlink("sub/real.bin", link_path), 0);

    rk__output *output = open_and_write(link_path, "new");
    commit(&output);
    struct stat about;
    cr_assert_eq(lstat(link_path, &about), 0);
    cr_assert(S_ISLNK(about.st_mode));
    assert_contents(real, "new");
    unlink(real);
}

// Opening this target is refused with a message that has the path in front and `reason` behind.
static void assert_refused(const char *target, const char *reason) {
    rk__output *output = (rk__output *)folder;
    rk_error err = {0};
    const size_t before = each_name(NULL);
    cr_assert_eq(rk__output_open(&output, target, &err), RK_ERR_IO);
    cr_assert_null(output);
    char expected[512];
    snprintf(expected, sizeof expected, "%s: %s", target, reason);
    cr_assert_str_eq(err.message, expected);
    cr_assert_eq(each_name(NULL), before);
}

Test(file_output, targets_that_cannot_be_are_refused_at_once) {
    assert_refused(folder, "is a directory, a file is to be written");
    assert_refused("", "is no file name");
    char other[160];
    snprintf(other, sizeof other, "%s/none/target.bin", folder);
    assert_refused(other, "cannot open its directory: No such file or directory");
    snprintf(other, sizeof other, "%s/none/", folder);
    assert_refused(other, "is no file name");
    write_file(path, "old");
    snprintf(other, sizeof other, "%s/x", path);
    assert_refused(other, "Not a directory");
    snprintf(other, sizeof other, "%s/link", folder);
    cr_assert_eq(symlink("nowhere", other), 0);
    assert_refused(other, "is a symbolic link to nothing");
}

Test(file_output, a_file_that_may_not_be_written_is_not_replaced) {
    write_file(path, "old");
    cr_assert_eq(chmod(path, 0444), 0);
    cr_assert_eq(chmod(folder, 0755), 0);
    const bool root = geteuid() == 0; // who may write anything
    if (root) cr_assert_eq(seteuid(65534), 0);
    assert_refused(path, "cannot be replaced: Permission denied");
    assert_contents(path, "old");
    if (root) cr_assert_eq(seteuid(0), 0);
    // Changing the user forbids others to look into the process; the leak checker is one of them.
    cr_assert_eq(prctl(PR_SET_DUMPABLE, 1), 0);
}

Test(file_output, a_target_that_becomes_a_directory_fails_at_the_end) {
    rk__output *output = open_and_write(path, "new");
    cr_assert_eq(mkdir(path, 0700), 0);
    rk_error err = {0};
    cr_assert_eq(rk__output_commit(&output, true, &err), RK_ERR_IO);
    cr_assert_null(output);
    cr_assert_eq(err.system_errno, EISDIR);
    cr_assert_eq(each_name(NULL), 1, "the temporary file is still there");
}

Test(file_output, the_last_of_two_writers_wins_whole) {
    rk__output *first = open_and_write(path, "first");
    rk__output *second = open_and_write(path, "second");
    commit(&second);
    commit(&first);
    assert_contents(path, "first");
    cr_assert_eq(each_name(NULL), 1);
}

Test(file_output, the_longest_names_have_room_for_two_writers) {
    char longest[64 + 256];
    const int length = snprintf(longest, sizeof longest, "%s/", folder);
    memset(longest + length, 'n', 255);
    longest[length + 255] = '\0';
    rk__output *first = open_and_write(longest, "first");
    rk__output *second = open_and_write(longest, "second");
    commit(&first);
    commit(&second);
    assert_contents(longest, "second");
}

Test(file_output, a_bare_name_means_the_working_directory_of_the_start) {
    cr_assert_eq(chdir(folder), 0);
    rk__output *output = open_and_write("bare.bin", "new");
    cr_assert_eq(chdir("/"), 0);
    commit(&output);
    snprintf(path, sizeof path, "%s/bare.bin", folder);
    assert_contents(path, "new");
}

Test(file_output, large_files_with_patches) {
    // Pieces below, at and above the size of the buffer, and of what goes into it at all; patches
    // before and inside it.
    enum { TOTAL = 5 * 1024 * 1024 + 123 };
    static uint8_t data[TOTAL];
    for (size_t i = 0; i < TOTAL; i++) data[i] = (uint8_t)(i * 2654435761u >> 13);
    static const size_t pieces[] = {1,    1000,    1 << 20,       3, (2 << 20) + 7, (1 << 20) - 4,
                                    5000, 1 << 18, (1 << 18) - 1, 7};
    rk__output *output = open_and_write(path, "");
    size_t done = 0;
    for (size_t i = 0; done < TOTAL; i++) {
        size_t piece = pieces[i % (sizeof pieces / sizeof pieces[0])];
        if (piece > TOTAL - done) piece = TOTAL - done;
        cr_assert_eq(rk__output_write(output, data + done, piece, NULL), RK_OK);
        done += piece;
        cr_assert_eq(rk__output_size(output), done);
        for (size_t at = 0; at + 4 <= done; at += done / 3 + 1) {
            memset(data + at, (int)i, 4);
            cr_assert_eq(rk__output_write_at(output, at, data + at, 4, NULL), RK_OK);
        }
    }
    commit(&output);

    static uint8_t found[TOTAL + 1];
    FILE *file = fopen(path, "rb");
    cr_assert_eq(fread(found, 1, sizeof found, file), TOTAL);
    fclose(file);
    cr_assert_arr_eq(found, data, TOTAL);
}

Test(file_output, a_patch_across_the_end_of_what_is_on_disk) {
    static uint8_t data[1 << 20];
    memset(data, 'a', sizeof data);
    rk__output *output = open_and_write(path, "");
    // As large as the buffer
    cr_assert_eq(rk__output_write(output, data, sizeof data, NULL), RK_OK);
    cr_assert_eq(rk__output_write(output, "bbbb", 4, NULL), RK_OK);
    cr_assert_eq(rk__output_write_at(output, sizeof data - 2, "XXXX", 4, NULL), RK_OK);
    cr_assert_eq(rk__output_write(output, "c", 1, NULL), RK_OK);
    commit(&output);

    char end[8] = "";
    FILE *file = fopen(path, "rb");
    cr_assert_eq(fseek(file, (long)sizeof data - 4, SEEK_SET), 0);
    cr_assert_eq(fread(end, 1, sizeof end, file), 8);
    cr_assert_eq(fgetc(file), 'c');
    fclose(file);
    cr_assert_arr_eq(end, "aaXXXXbb", 8);
}

// Makes a device of our own in the folder, like /dev/null (3) or /dev/full (7) but for the name.
// The machine's own are never a target: root could replace them, and if the library were wrong
// would.
static void make_device(unsigned minor) {
    if (mknod(path, S_IFCHR | 0600, makedev(1, minor)) != 0) cr_skip_test("may not make devices");
    const int fd = open(path, O_WRONLY);
    if (fd < 0) cr_skip_test("devices do not work in this folder");
    close(fd);
}

static void assert_is_device(void) {
    struct stat about;
    cr_assert_eq(lstat(path, &about), 0);
    cr_assert(S_ISCHR(about.st_mode), "the device was replaced");
    cr_assert_eq(each_name(NULL), 1);
}

Test(file_output, a_full_device_is_an_error) {
    make_device(7);
    rk__output *output = open_and_write(path, "x");
    rk_error err = {0};
    cr_assert_eq(rk__output_commit(&output, true, &err), RK_ERR_IO);
    cr_assert_null(output);
    cr_assert_eq(err.system_errno, ENOSPC);
    char expected[256];
    snprintf(expected, sizeof expected, "%s: cannot write: No space left on device", path);
    cr_assert_str_eq(err.message, expected);
    assert_is_device();
}

Test(file_output, devices_are_written_in_place) {
    make_device(3);
    rk__output *output = open_and_write(path, "x");
    commit(&output);
    assert_is_device();
}

// A limit on the size of files stands for a full disk: anybody may set it.
Test(file_output, a_file_that_cannot_grow_fails_and_keeps_the_old_one) {
    write_file(path, "old");
    static uint8_t data[3 << 20];
    const struct rlimit limit = {.rlim_cur = 2 << 20, .rlim_max = RLIM_INFINITY};
    cr_assert_neq((void *)signal(SIGXFSZ, SIG_IGN), (void *)SIG_ERR);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    rk__output *output;
    rk_error err = {0};
    cr_assert_eq(rk__output_open(&output, path, &err), RK_OK);
    cr_assert_eq(rk__output_write(output, data, sizeof data, &err), RK_ERR_IO);
    cr_assert_eq(err.system_errno, EFBIG);
    rk__output_abort(&output);
    assert_contents(path, "old");
    cr_assert_eq(each_name(NULL), 1);

    // And when it is the last of the buffer that does not fit.
    cr_assert_eq(rk__output_open(&output, path, &err), RK_OK);
    for (int i = 0; i < 9; i++) { // small enough to be gathered
        cr_assert_eq(rk__output_write(output, data, (1 << 18) - 1, &err), RK_OK, "piece %d", i);
    }
    cr_assert_eq(rk__output_commit(&output, true, &err), RK_ERR_IO);
    cr_assert_null(output);
    assert_contents(path, "old");
    cr_assert_eq(each_name(NULL), 1);
}

Test(file_output, pipes_are_written_in_place_and_patched_in_the_buffer) {
    cr_assert_eq(mkfifo(path, 0600), 0);
    const int reader = open(path, O_RDONLY | O_NONBLOCK);
    cr_assert_geq(reader, 0);
    rk__output *output = open_and_write(path, "hello");
    cr_assert_eq(rk__output_write_at(output, 0, "J", 1, NULL), RK_OK);
    commit(&output);
    char found[16] = "";
    cr_assert_eq(read(reader, found, sizeof found), 5);
    cr_assert_str_eq(found, "Jello");
    close(reader);
}
