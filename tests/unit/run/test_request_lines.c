// Lines as they come through a pipe: whole ones only, numbered, with limits.
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/request_lines.h"

typedef struct pipe_lines {
    request_lines lines;
    int in; // the end to write to
} pipe_lines;

static void open_pipe(pipe_lines *p) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    *p = (pipe_lines){.lines = {.name = "pipe", .fd = ends[0]}, .in = ends[1]};
}

static void put(const pipe_lines *p, const char *text) {
    cr_assert_eq(write(p->in, text, strlen(text)), (ssize_t)strlen(text));
}

static void assert_line(pipe_lines *p, const char *expected, size_t number) {
    char *text;
    size_t length;
    cr_assert_eq(request_lines_next(&p->lines, true, &text, &length), REQUEST_LINE);
    cr_assert_str_eq(text, expected);
    cr_assert_eq(length, strlen(expected));
    cr_assert_eq(p->lines.line, number);
}

static void assert_answer(pipe_lines *p, bool wait, request_line expected) {
    char *text;
    size_t length;
    cr_assert_eq(request_lines_next(&p->lines, wait, &text, &length), expected);
}

Test(request_lines, are_given_out_whole) {
    pipe_lines p;
    open_pipe(&p);
    assert_answer(&p, false, REQUEST_LINE_LATER);
    put(&p, "fir");
    assert_answer(&p, false, REQUEST_LINE_LATER);
    put(&p, "st\nsecond\nthi");
    assert_line(&p, "first", 1);
    assert_line(&p, "second", 2);
    assert_answer(&p, false, REQUEST_LINE_LATER);
    put(&p, "rd");
    assert_answer(&p, false, REQUEST_LINE_LATER);
    close(p.in);
    assert_line(&p, "third", 3);
    assert_answer(&p, true, REQUEST_LINES_END);
    assert_answer(&p, false, REQUEST_LINES_END);
    request_lines_close(&p.lines);
}

Test(request_lines, blank_ones_are_counted_only) {
    pipe_lines p;
    open_pipe(&p);
    put(&p, "\n\r\n \t \na\r\n\n");
    close(p.in);
    assert_line(&p, "a\r", 4);
    assert_answer(&p, true, REQUEST_LINES_END);
    cr_assert_eq(p.lines.line, 5);
    request_lines_close(&p.lines);
}

Test(request_lines, zeros_are_part_of_them) {
    pipe_lines p;
    open_pipe(&p);
    cr_assert_eq(write(p.in, "a\0b\n", 4), 4);
    close(p.in);
    char *text;
    size_t length;
    cr_assert_eq(request_lines_next(&p.lines, true, &text, &length), REQUEST_LINE);
    cr_assert_eq(length, 3);
    cr_assert_eq(memcmp(text, "a\0b", 4), 0);
    request_lines_close(&p.lines);
}

// Writes `n` letters and an end of line, from another process, since a pipe holds 64 KB.
static void put_long_line(const pipe_lines *p, size_t n) {
    if (fork() != 0) return;
    char *letters = malloc(n + 1);
    if (letters == NULL) _exit(1);
    memset(letters, 'x', n);
    letters[n] = '\n';
    for (size_t done = 0; done <= n;) {
        const ssize_t written = write(p->in, letters + done, n + 1 - done);
        if (written < 0) _exit(1);
        done += (size_t)written;
    }
    (void)!write(p->in, "next\n", 5);
    _exit(0);
}

Test(request_lines, as_long_as_they_may_be) {
    pipe_lines p;
    open_pipe(&p);
    put_long_line(&p, REQUEST_MAX_BYTES);
    close(p.in);
    char *text;
    size_t length;
    cr_assert_eq(request_lines_next(&p.lines, true, &text, &length), REQUEST_LINE);
    cr_assert_eq(length, (size_t)REQUEST_MAX_BYTES);
    assert_line(&p, "next", 2);
    request_lines_close(&p.lines);
}

Test(request_lines, longer_ones_are_thrown_away_without_being_held) {
    pipe_lines p;
    open_pipe(&p);
    put_long_line(&p, 3 * (size_t)REQUEST_MAX_BYTES);
    close(p.in);
    assert_answer(&p, true, REQUEST_LINE_TOO_LONG);
    cr_assert_lt(p.lines.capacity, 3 * (size_t)REQUEST_MAX_BYTES);
    assert_line(&p, "next", 2);
    assert_answer(&p, true, REQUEST_LINES_END);
    request_lines_close(&p.lines);
}
