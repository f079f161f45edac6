// The history file: lines there and back, what of it is kept.
#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/chat_history.h"
#include "support/scratch.h"

Test(chat_history, lines_are_texts_again) {
    static const struct {
        const char *text, *line;
    } cases[] = {{"", "\n"},
                 {"a b", "a b\n"},
                 {"a\nb", "a\\nb\n"},
                 {"a\\nb\\", "a\\\\nb\\\\\n"},
                 {"\n\n\\", "\\n\\n\\\\\n"},
                 {"gr\xc3\xb6\xc3\x9f\xff", "gr\xc3\xb6\xc3\x9f\xff\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *line = chat_history_line(cases[i].text);
        cr_assert_str_eq(line, cases[i].line);
        char *text = chat_history_text(line);
        cr_assert_str_eq(text, cases[i].text);
        free(text);
        free(line);
    }
}

Test(chat_history, lines_of_others_are_read_for_what_they_are_worth) {
    static const char *const cases[][2] = {{"a\\", "a\\"}, {"\\x\\t", "xt"}, {"a\nb", "a"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = chat_history_text(cases[i][0]);
        cr_assert_str_eq(text, cases[i][1]);
        free(text);
    }
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    char *text = calloc(1, 2 << 20);
    (void)!fread(text, 1, (2 << 20) - 1, file);
    fclose(file);
    return text;
}

static line_editor *editor;

static void set_up(void) {
    setenv("TERM", "dumb", 1);
    editor = line_editor_new(stdout, false);
    cr_assert_not_null(editor);
    if (!line_editor_remembers) cr_skip_test("this build keeps no history");
}

static void tear_down(void) {
    line_editor_free(&editor);
    test_scratch_remove();
}

TestSuite(chat_history_file, .init = set_up, .fini = tear_down);

Test(chat_history_file, turns_are_appended_for_the_owner_alone) {
    const char *path = test_scratch_path("typed");
    chat_history history;
    cr_assert(chat_history_open(&history, path, editor));
    chat_history_add(&history, "one\ntwo");
    chat_history_add(&history, "");
    chat_history_close(&history);
    cr_assert(chat_history_open(&history, path, editor));
    chat_history_add(&history, "three");
    chat_history_close(&history);
    char *text = read_file(path);
    cr_assert_str_eq(text, "one\\ntwo\nthree\n");
    free(text);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
}

// Removes the file and the folders that were made for it, up to `last`.
static void remove_folders(const char *file, const char *last) {
    char path[512];
    snprintf(path, sizeof path, "%s", file);
    cr_assert_eq(unlink(path), 0);
    while (strlen(path) > strlen(last)) {
        *strrchr(path, '/') = '\0';
        cr_assert_eq(rmdir(path), 0, "%s", path);
    }
}

Test(chat_history_file, the_usual_place_is_made) {
    const char *home = test_scratch_path("home");
    setenv("XDG_STATE_HOME", home, 1);
    chat_history history;
    cr_assert(chat_history_open(&history, NULL, editor));
    cr_assert_not_null(history.path);
    cr_assert_str_eq(history.path + strlen(home), "/rwkv-tools/chat_history");
    remove_folders(history.path, home);
    chat_history_close(&history);
    // Where nothing can be made nothing is kept, and nobody is bothered.
    setenv("XDG_STATE_HOME", "/dev/null/nowhere", 1);
    cr_assert(chat_history_open(&history, NULL, editor));
    cr_assert_null(history.path);
    // A relative one does not count.
    setenv("XDG_STATE_HOME", "here", 1);
    setenv("HOME", home, 1);
    cr_assert(chat_history_open(&history, NULL, editor));
    cr_assert_str_eq(history.path + strlen(home), "/.local/state/rwkv-tools/chat_history");
    remove_folders(history.path, home);
    chat_history_close(&history);
}

Test(chat_history_file, nothing_is_kept_without_a_name) {
    chat_history history;
    cr_assert(chat_history_open(&history, "", editor));
    cr_assert_null(history.path);
    chat_history_add(&history, "a");
}

Test(chat_history_file, a_file_that_was_chosen_has_to_work) {
    chat_history history;
    cr_redirect_stderr();
    cr_assert_not(chat_history_open(&history, "/dev/null/typed", editor));
    cr_assert_not(chat_history_open(&history, "/dev/null", editor));
    cr_assert_null(history.path);
}

Test(chat_history_file, a_long_file_keeps_its_last_lines) {
    const char *path = test_scratch_path("typed");
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 100000; i++) fprintf(file, "turn number %d\n", i);
    fclose(file);
    chat_history history;
    cr_assert(chat_history_open(&history, path, editor));
    chat_history_close(&history);
    char *text = read_file(path);
    const size_t length = strlen(text);
    cr_assert(length > (1 << 19) - 32 && length <= 1 << 19, "%zu", length);
    cr_assert_eq(strncmp(text, "turn number ", 12), 0, "%.40s", text);
    cr_assert_str_eq(text + length - 18, "turn number 99999\n");
    free(text);
}
