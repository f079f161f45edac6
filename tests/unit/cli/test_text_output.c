// Text outputs: the file appears whole or not at all.
#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/text_output.h"
#include "support/scratch.h"

TestSuite(text_output, .fini = test_scratch_remove);

Test(text_output, appears_when_committed) {
    const char *path = test_scratch_path("out.jsonl");
    cli_text_output output;
    cr_assert(cli_text_output_open(&output, path));
    fputs("{}\n", output.file);
    cr_assert_not(test_file_exists(path));
    cr_assert(cli_text_output_commit(&output));
    size_t size = 0;
    unsigned char *data = test_read_file(path, &size);
    cr_assert_eq(size, 3);
    cr_assert_eq(memcmp(data, "{}\n", 3), 0);
    cr_assert_eq(test_scratch_count(), 1);
    free(data);
}

Test(text_output, an_abort_leaves_the_old_file_alone) {
    const char *path = test_scratch_path("out.jsonl");
    cr_assert(test_write_file(path, "old", 3));
    cli_text_output output;
    cr_assert(cli_text_output_open(&output, path));
    fputs("new and longer", output.file);
    cli_text_output_abort(&output);
    size_t size = 0;
    unsigned char *data = test_read_file(path, &size);
    cr_assert_eq(size, 3);
    cr_assert_eq(test_scratch_count(), 1);
    free(data);
}

Test(text_output, has_the_permissions_of_any_new_file) {
    const char *path = test_scratch_path("out.jsonl");
    cli_text_output output;
    cr_assert(cli_text_output_open(&output, path));
    cr_assert(cli_text_output_commit(&output));
    const mode_t mask = umask(0);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0666 & ~mask);
}

Test(text_output, a_place_that_is_not_there_is_named) {
    cr_redirect_stderr();
    cli_text_output output;
    const char *path = test_scratch_path("no/such/out.jsonl");
    cr_assert_not(cli_text_output_open(&output, path));
    cr_assert_null(output.file);
    cr_assert_null(output.path);
}
