// What a person sees of an answer, and what a pipe gets.
#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/signals.h"
#include "run/chat_display.h"
#include "support/scratch.h"

// Shows the pieces of an answer, one after the other; what came out on standard output.
static char *shown(bool terminal, bool colors, const char *const *pieces) {
    const char *path = test_scratch_path("out");
    FILE *file = fopen(path, "w+");
    cr_assert_not_null(file);
    const int old = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    chat_display display;
    chat_display_begin(&display, terminal, colors);
    for (; *pieces != NULL; pieces++) {
        cr_assert(chat_display_write(&display, *pieces, strlen(*pieces)));
    }
    chat_display_end(&display);
    dup2(old, STDOUT_FILENO);
    static char text[4096];
    rewind(file);
    const size_t n = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    fclose(file);
    test_scratch_remove();
    return text;
}

#define PIECES(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(chat_display, a_pipe_gets_the_bytes_but_for_the_blanks_before) {
    cr_assert_str_eq(shown(false, false, PIECES(" ", "\n \tHi\x1b[2J", " \xff\xc2\x9b\r\n x ")),
                     "Hi\x1b[2J \xff\xc2\x9b\r\n x \n");
}

Test(chat_display, the_last_line_ends_once) {
    cr_assert_str_eq(shown(false, false, PIECES("a")), "a\n");
    cr_assert_str_eq(shown(false, false, PIECES("a\n")), "a\n");
    cr_assert_str_eq(shown(false, false, PIECES(" ")), "\n");
}

Test(chat_display, a_terminal_is_given_no_orders) {
    cr_assert_str_eq(shown(true, false, PIECES("a\x1b[2Jb\r\x07\x7f\tc", "\n")),
                     "a^[[2Jb^M^G^?\tc\n");
    // U+009B begins orders as well; what is beside it does not.
    cr_assert_str_eq(shown(true, false, PIECES("\xc2\x9b", "31m \xc2\xa9 \xc3\x9b")),
                     "\xc2\xa0"
                     "31m \xc2\xa9 \xc3\x9b\n");
}

Test(chat_display, thoughts_are_dimmed) {
    const char *expected = "\033[2m<think>\nHm <b> </thin </think>\033[0m\nYes.\n";
    cr_assert_str_eq(shown(true, true, PIECES(" <think>\nHm <b> </thin </think>\nYes.")), expected);
    // However it is cut into pieces.
    const char *whole = " <think>\nHm <b> </thin </think>\nYes.";
    const char *pieces[64] = {NULL};
    char bytes[64][2] = {{0}};
    for (size_t i = 0; whole[i] != '\0'; i++) {
        bytes[i][0] = whole[i];
        pieces[i] = bytes[i];
    }
    cr_assert_str_eq(shown(true, true, pieces), expected);
    cr_assert_str_eq(shown(true, false, pieces),
                     whole[0] == ' ' ? "<think>\nHm <b> </thin </think>\nYes.\n" : "");
}

Test(chat_display, thoughts_that_do_not_end_stay_in_their_answer) {
    cr_assert_str_eq(shown(true, true, PIECES("<think>", "Hm")), "\033[2m<think>Hm\033[0m\n");
    cr_assert_str_eq(shown(true, true, PIECES("<<", "/think>")), "<</think>\n");
}

Test(chat_display, only_what_an_answer_begins_with_are_thoughts) {
    cr_assert_str_eq(shown(true, true, PIECES("<thin", " air> <think>")), "<thin air> <think>\n");
    cr_assert_str_eq(shown(true, true, PIECES("<thi")), "<thi\n");
    cr_assert_str_eq(shown(true, true, PIECES("<think>a</think>b<think>c")),
                     "\033[2m<think>a</think>\033[0mb<think>c\n");
}

Test(chat_display, ctrl_c_ends_the_answer) {
    cli_signals_begin();
    cli_signals_converse();
    chat_display display;
    chat_display_begin(&display, false, false);
    cr_assert(chat_display_write(&display, "", 0));
    raise(SIGINT);
    cr_assert_not(chat_display_write(&display, "", 0));
    cli_interrupt_forget();
    cr_assert(chat_display_write(&display, "", 0));
}
