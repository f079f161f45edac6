// Command lines against one table: what becomes of values, and what is refused with which words.
#include <criterion/criterion.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/options.h"

typedef struct settings {
    bool flag;
    const char *text, *choice;
    cli_text_list list;
    size_t size;
    double number;
    int custom;
} settings;

static const char *const choices[] = {"red", "green", NULL};

static bool parse_custom(void *value, const char *text, char reason[CLI_REASON]) {
    snprintf(reason, CLI_REASON, "'%s' is not five", text);
    *(int *)value = 5;
    return strcmp(text, "five") == 0;
}

static const cli_option table[] = {
    {.name = "flag",
     .letter = 'f',
     .kind = CLI_FLAG,
     .offset = offsetof(settings, flag),
     .help = "f"},
    {.name = "text",
     .argument = "T",
     .kind = CLI_TEXT,
     .offset = offsetof(settings, text),
     .help = "t"},
    {.name = "choice",
     .argument = "C",
     .kind = CLI_CHOICE,
     .offset = offsetof(settings, choice),
     .choices = choices,
     .help = "c"},
    {.name = "list",
     .letter = 'l',
     .argument = "L",
     .kind = CLI_TEXT_LIST,
     .offset = offsetof(settings, list),
     .help = "l"},
    {.name = "size",
     .letter = 'n',
     .argument = "N",
     .kind = CLI_SIZE,
     .offset = offsetof(settings, size),
     .size = {2, 9},
     .help = "n",
     .standard = cli_its_value},
    {.name = "number",
     .argument = "X",
     .kind = CLI_NUMBER,
     .offset = offsetof(settings, number),
     .number = {-1.0, 1.0},
     .help = "x"},
    {.name = "custom",
     .argument = "Y",
     .kind = CLI_CUSTOM,
     .offset = offsetof(settings, custom),
     .parse = parse_custom,
     .help = "y"},
};

static const cli_program program = {
    .name = "prog",
    .usages = (const char *const[]){"IN", NULL},
    .description = "Does it.",
    .examples = (const char *const[]){NULL},
    .options = table,
    .n_options = sizeof table / sizeof table[0],
    .settings_size = sizeof(settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_QUIET | CLI_COMMON_CPU,
};

enum { MAX_WORDS = 12 };

typedef struct parsed {
    settings settings;
    cli_common common;
    cli_text_list arguments;
} parsed;

// Parses the words after the program's name; NULL ends them.
static parsed parse(const char *const *words) {
    static char copies[MAX_WORDS][64];
    char *argv[MAX_WORDS + 2] = {copies[0]};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++) argv[argc] = strcpy(copies[argc], words[argc - 1]);
    parsed p = {.settings = {.size = 4}};
    cli_parse(&program, argc, argv, &p.settings, &p.common, &p.arguments);
    return p;
}

static void parsed_fini(parsed *p) {
    cli_text_list_free(&p->arguments);
    cli_text_list_free(&p->settings.list);
}

// The same in a child that is expected to end; its exit code, and in `said` what it wrote to `fd`.
static int parse_and_end(const char *const *words, int fd, char *said, size_t size) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], fd);
        close(ends[0]);
        parse(words);
        _exit(99); // it came back
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t n = 1; n > 0 && used + 1 < size; used += (size_t)(n > 0 ? n : 0)) {
        n = read(ends[0], said + used, size - 1 - used);
    }
    said[used] = '\0';
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void assert_misuse(const char *const *words, const char *message) {
    char said[4096];
    const int code = parse_and_end(words, STDERR_FILENO, said, sizeof said);
    cr_assert_eq(code, 2, "exit code %d after: %s", code, said);
    cr_assert_not_null(strstr(said, message), "'%s' is not in: %s", message, said);
    const char *hint = strchr(said, '\n');
    cr_assert_not_null(hint);
    cr_assert_eq(strncmp(hint, "\nTry `", 6), 0, "no hint in: %s", said);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(options, values_reach_the_settings) {
    parsed p = parse(WORDS("-f", "--text", "a b", "--choice=green", "-n7", "--number", "-0.5",
                           "--custom", "five"));
    cr_assert(p.settings.flag);
    cr_assert_str_eq(p.settings.text, "a b");
    cr_assert_str_eq(p.settings.choice, "green");
    cr_assert_eq(p.settings.size, 7);
    cr_assert_eq(p.settings.number, -0.5);
    cr_assert_eq(p.settings.custom, 5);
    cr_assert_eq(p.arguments.count, 0);
    parsed_fini(&p);
}

Test(options, defaults_stay_without_options) {
    parsed p = parse(WORDS("file"));
    cr_assert_eq(p.settings.size, 4);
    cr_assert_null(p.settings.text);
    cr_assert_not(p.settings.flag);
    cr_assert_eq(p.common.threads, 0);
    parsed_fini(&p);
}

Test(options, arguments_may_stand_anywhere_and_keep_their_order) {
    parsed p = parse(WORDS("one", "-f", "two", "--", "-n", "--flag"));
    cr_assert_eq(p.arguments.count, 4);
    cr_assert_str_eq(p.arguments.items[0], "one");
    cr_assert_str_eq(p.arguments.items[1], "two");
    cr_assert_str_eq(p.arguments.items[2], "-n");
    cr_assert_str_eq(p.arguments.items[3], "--flag");
    cr_assert_eq(p.settings.size, 4);
    parsed_fini(&p);
}

Test(options, a_repeated_option_collects_or_replaces) {
    parsed p = parse(WORDS("-l", "a", "--list=b", "-n", "3", "-n", "5"));
    cr_assert_eq(p.settings.list.count, 2);
    cr_assert_str_eq(p.settings.list.items[0], "a");
    cr_assert_str_eq(p.settings.list.items[1], "b");
    cr_assert_eq(p.settings.size, 5);
    parsed_fini(&p);
}

Test(options, one_value_alone) {
    char reason[CLI_REASON] = "";
    size_t size = 4;
    const cli_option *option = &table[0];
    while (strcmp(option->name, "size") != 0) option++;
    cr_assert(cli_option_read(option, &size, "9", reason));
    cr_assert_eq(size, 9);
    cr_assert_not(cli_option_read(option, &size, "10", reason));
    cr_assert_str_eq(reason, "'10' is not a whole number from 2 to 9");
    cr_assert_not(cli_option_read(option, &size, "1x", reason));
    cr_assert_eq(size, 9);
}

Test(options, a_value_may_look_like_an_option) {
    parsed p = parse(WORDS("--text", "--size", "-l", "-f"));
    cr_assert_str_eq(p.settings.text, "--size");
    cr_assert_str_eq(p.settings.list.items[0], "-f");
    cr_assert_not(p.settings.flag);
    parsed_fini(&p);
}

Test(options, common_options_go_to_their_own_struct) {
    parsed p = parse(WORDS("--threads=3", "-q", "--cpu", "scalar"));
    cr_assert_eq(p.common.threads, 3);
    cr_assert(p.common.quiet);
    cr_assert_str_eq(p.common.cpu, "scalar");
    cr_assert_str_eq(getenv("RWKV_CPU"), "scalar");
    parsed_fini(&p);
}

Test(options, misuse_is_named) {
    assert_misuse(WORDS("--colour"), "unrecognized option '--colour'");
    assert_misuse(WORDS("-x"), "invalid option -- 'x'");
    assert_misuse(WORDS("--text"), "option '--text' requires an argument");
    assert_misuse(WORDS("--flag=1"), "option '--flag' doesn't allow an argument");
    assert_misuse(WORDS("-n", "1"), "--size: '1' is not a whole number from 2 to 9");
    assert_misuse(WORDS("--size=10"), "--size: '10' is not a whole number from 2 to 9");
    assert_misuse(WORDS("--number", "1.01"), "--number: '1.01' is not a number from -1 to 1");
    assert_misuse(WORDS("--choice", "blue"), "--choice: unknown name 'blue': choose red or green");
    assert_misuse(WORDS("--custom=6"), "--custom: '6' is not five");
}

Test(options, abbreviations_are_misuse) {
    assert_misuse(WORDS("--fla"), "unrecognized option '--fla': did you mean --flag?");
    assert_misuse(WORDS("--tex", "--text"), "unrecognized option '--tex': did you mean --text?");
    assert_misuse(WORDS("--si=3"), "unrecognized option '--si': did you mean --size?");
}

Test(options, options_of_other_programs_are_unknown) {
    assert_misuse(WORDS("--json"), "unrecognized option '--json'");
}

Test(options, a_wrong_level_in_the_environment_is_misuse) {
    setenv("RWKV_CPU", "mmx", 1);
    assert_misuse(WORDS("file"),
                  "RWKV_CPU=mmx in the environment: choose scalar, avx2, avxvnni or avx512");
}

Test(options, version_goes_to_stdout) {
    char said[4096];
    cr_assert_eq(parse_and_end(WORDS("--version"), STDOUT_FILENO, said, sizeof said), 0);
    cr_assert_eq(strncmp(said, "prog (rwkv-tools) ", 18), 0, "%s", said);
}

Test(options, help_shows_the_defaults_whatever_stood_before_it) {
    char said[8192];
    cr_assert_eq(parse_and_end(WORDS("-n", "9", "--help"), STDOUT_FILENO, said, sizeof said), 0);
    cr_assert_not_null(strstr(said, "n (default: 4)"), "%s", said);
}

Test(options, help_names_every_option_within_80_columns) {
    char said[8192];
    cr_assert_eq(parse_and_end(WORDS("-h"), STDOUT_FILENO, said, sizeof said), 0);
    cr_assert_eq(strncmp(said, "Usage: prog IN\n", 15), 0, "%s", said);
    cli_row rows[CLI_MAX_ROWS];
    const size_t n = cli_program_rows(&program, rows);
    cr_assert_eq(n, sizeof table / sizeof table[0] + 3 + 5);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, " --%s", rows[i].option->name);
        cr_assert_not_null(strstr(said, name), "%s is missing", name);
    }
    for (const char *line = strtok(said, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        cr_assert_leq(strlen(line), 80, "%s", line);
        cr_assert_neq(line[strlen(line) - 1], ' ', "blank at the end of '%s'", line);
    }
}
