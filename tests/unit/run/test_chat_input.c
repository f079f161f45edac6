// Lines and turns out of standard input.
#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/signals.h"
#include "run/chat_input.h"

// Standard input from now on; a pipe that holds the text and, unless more is to come, its end.
static int feed(const char *text, size_t length, bool open) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], text, length), (ssize_t)length);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    if (!open) close(ends[1]);
    return ends[1];
}

static void check_line(line_reader *reader, const char *expected, size_t n) {
    char *line;
    size_t length;
    cr_assert_eq(line_reader_read(reader, &line, &length), LINE_DONE);
    cr_assert_eq(length, n);
    cr_assert_eq(memcmp(line, expected, n + 1), 0, "%s", line);
    free(line);
}

static void check_end(line_reader *reader, line_end expected) {
    char *line;
    size_t length;
    cr_assert_eq(line_reader_read(reader, &line, &length), expected);
    cr_assert_null(line);
}

Test(line_reader, lines_as_they_are) {
    feed("one\n\nt\0o\r\nlast", 14, false);
    line_reader reader = {0};
    check_line(&reader, "one", 3);
    check_line(&reader, "", 0);
    check_line(&reader, "t\0o\r", 4);
    check_line(&reader, "last", 4);
    check_end(&reader, LINE_CLOSED);
    check_end(&reader, LINE_CLOSED);
    line_reader_free(&reader);
}

Test(line_reader, a_signal_ends_the_wait_and_nothing_else) {
    cli_signals_begin();
    cli_signals_converse();
    const int in = feed("one\ntw", 6, true);
    line_reader reader = {0};
    check_line(&reader, "one", 3);
    raise(SIGINT);
    check_end(&reader, LINE_INTERRUPTED);
    check_end(&reader, LINE_INTERRUPTED);
    cli_interrupt_forget();
    raise(SIGWINCH);
    cr_assert_eq(write(in, "o\n", 2), 2);
    check_line(&reader, "two", 3);
    raise(SIGTERM);
    cli_interrupt_forget();
    check_end(&reader, LINE_INTERRUPTED);
    cr_assert(cli_terminated());
    line_reader_free(&reader);
}

Test(line_reader, what_cannot_be_read_is_a_failure) {
    cr_redirect_stderr();
    close(STDIN_FILENO);
    line_reader reader = {0};
    check_end(&reader, LINE_FAILED);
    line_reader_free(&reader);
}

static void check_turn(chat_input *input, const char *expected) {
    char *text;
    size_t length;
    cr_assert_eq(chat_input_read(input, &text, &length), LINE_DONE);
    cr_assert_eq(length, strlen(expected));
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(chat_input, a_backslash_goes_on_with_the_next_line) {
    const char *text = "one\n"
                       "a\\\n\\\nb\\\nc\n"
                       "/set penalty-exempt \\\n"
                       "//x\\\ny\n"
                       "end\\\n";
    feed(text, strlen(text), false);
    chat_input input;
    cr_assert(chat_input_open(&input, NULL, false, NULL));
    check_turn(&input, "one");
    check_turn(&input, "a\n\nb\nc");
    check_turn(&input, "/set penalty-exempt \\");
    check_turn(&input, "//x\ny");
    check_turn(&input, "end\\");
    char *none;
    size_t length;
    cr_assert_eq(chat_input_read(&input, &none, &length), LINE_CLOSED);
    cr_assert_null(none);
    chat_input_close(&input);
}

Test(chat_input, commands_begin_with_one_slash) {
    static const char *const commands[] = {"/", "/x", "/ x", "+"};
    static const char *const texts[] = {"", "x", "//", "//x", "+1", " /x", "++"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        cr_assert(chat_is_command(commands[i], strlen(commands[i])), "%s", commands[i]);
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cr_assert_not(chat_is_command(texts[i], strlen(texts[i])), "%s", texts[i]);
    }
}
