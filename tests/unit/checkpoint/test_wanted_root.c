// Tensors below a prefix of names that the caller asks for (for dictionaries: test_state_dict.c).
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "rk/checkpoint.h"
#include "support/scratch.h"

TestSuite(wanted_root, .fini = test_scratch_remove);

// A safetensors file of float tensors with these names, separated by blanks.
static const char *file_of(const char *names) {
    enum { MOST = 16 };
    static char copy[512];
    rk_tensor_info tensors[MOST];
    size_t n = 0;
    (void)strcpy(copy, names);
    for (char *name = strtok(copy, " "); name != NULL; name = strtok(NULL, " ")) {
        tensors[n++] = (rk_tensor_info){
            .name = name, .dtype = RK_DTYPE_F32, .shape = {.n_dims = 1, .dims = {1}}};
    }
    const char *path = test_scratch_path("a.safetensors");
    rk__output *output = NULL;
    cr_assert_eq(rk__output_open(&output, path, NULL), RK_OK);
    cr_assert_eq(rk__safetensors_begin(output, tensors, n, NULL, 0, NULL), RK_OK);
    for (size_t i = 0; i < n; i++) {
        const float value = (float)i; // by which a tensor is known again
        cr_assert_eq(rk__output_write(output, &value, sizeof value, NULL), RK_OK);
    }
    cr_assert_eq(rk__output_commit(&output, false, NULL), RK_OK);
    return path;
}

// What is found: names with their values, "a=0 b=2".
static void expect_found(const char *path, const char *root, const char *expected_root,
                         const char *expected) {
    rk_checkpoint *file = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_checkpoint_open_below(&file, path, root, &err), RK_OK, "%s", err.message);
    cr_assert_str_eq(rk_checkpoint_root(file), expected_root);
    char found[512] = "";
    for (size_t i = 0; i < rk_checkpoint_count(file); i++) {
        const char *name = rk_checkpoint_tensor(file, i)->name;
        float value;
        size_t index;
        cr_assert_eq(rk_checkpoint_read_floats(file, i, 0, 1, &value, NULL), RK_OK);
        cr_assert(rk_checkpoint_find(file, name, &index) && index == i);
        const size_t length = strlen(found);
        (void)snprintf(found + length, sizeof found - length, "%s%s=%g", i > 0 ? " " : "", name,
                       (double)value);
    }
    cr_assert_str_eq(found, expected);
    rk_checkpoint_close(&file);
}

Test(wanted_root, cuts_a_prefix_off_names) {
    const char *path = file_of("student.a teacher.a student.b.c studentx.d student teacher.b");
    expect_found(path, "student", "student", "a=0 b.c=2");
    expect_found(path, "teacher", "teacher", "a=1 b=5");
    expect_found(path, "student.b", "student.b", "c=2");
    expect_found(path, "student.", "student", "a=0 b.c=2");
    expect_found(path, "", "",
                 "student.a=0 teacher.a=1 student.b.c=2 studentx.d=3 student=4 "
                 "teacher.b=5");
}

Test(wanted_root, says_when_there_is_nothing) {
    const char *path = file_of("student.a teacher.a");
    rk_checkpoint *file = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_checkpoint_open_below(&file, path, "pupil", &err), RK_ERR_NOT_FOUND);
    cr_assert_null(file);
    cr_assert(strstr(err.message, path) && strstr(err.message, "'pupil'") &&
                  strstr(err.message, "student.a"),
              "%s", err.message);
    cr_assert_eq(rk_checkpoint_open_below(&file, path, "student.a", NULL), RK_ERR_NOT_FOUND);
}
