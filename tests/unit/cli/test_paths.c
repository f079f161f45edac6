// Paths: one file under two names is one file.
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/paths.h"
#include "support/scratch.h"

TestSuite(paths, .fini = test_scratch_remove);

Test(paths, links_are_the_same_file) {
    const char *file = test_scratch_path("a"), *hard = test_scratch_path("b"),
               *soft = test_scratch_path("c"), *other = test_scratch_path("d");
    cr_assert(test_write_file(file, "x", 1));
    cr_assert(test_write_file(other, "x", 1));
    cr_assert_eq(link(file, hard), 0);
    cr_assert_eq(symlink(file, soft), 0);
    cr_assert(cli_same_file(file, hard));
    cr_assert(cli_same_file(file, soft));
    cr_assert_not(cli_same_file(file, other));
}

Test(paths, a_name_is_itself_even_where_no_file_is) {
    cr_assert(cli_same_file("nowhere", "nowhere"));
    cr_assert_not(cli_same_file("nowhere", "elsewhere"));
}

// Outputs are compared before they are there.
Test(paths, one_folder_reached_in_two_ways) {
    char straight[600], around[600];
    const char *file = test_scratch_path("new");
    (void)snprintf(straight, sizeof straight, "%s", file);
    (void)snprintf(around, sizeof around, "%.*s/./new", (int)(strlen(file) - 4), file);
    cr_assert(cli_same_file(straight, around), "%s", around);
    cr_assert(cli_same_file("nowhere", "./nowhere"));
    cr_assert_not(cli_same_file("nowhere", "../nowhere"));
    cr_assert_not(cli_same_file("a/nowhere", "b/nowhere"));
}

Test(paths, endings_and_base_names) {
    cr_assert(cli_ends_with("a.npy", ".npy"));
    cr_assert(cli_ends_with(".npy", ".npy"));
    cr_assert_not(cli_ends_with("npy", ".npy"));
    cr_assert_not(cli_ends_with("a.npy.gz", ".npy"));
    cr_assert_str_eq(cli_base_name("a/b/c.bin"), "c.bin");
    cr_assert_str_eq(cli_base_name("c.bin"), "c.bin");
}
