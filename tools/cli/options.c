// Parsing of command lines, on top of argp.
#include "cli/options.h"

#include <argp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/common_options.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/man_page.h"
#include "cli/messages.h"
#include "cli/numbers.h"
#include "cli/standard_streams.h"

// What the parser's callback knows.
typedef struct parsing {
    const cli_program *program;
    void *settings, *defaults;
    cli_common *common;
    cli_text_list *arguments;
    cli_row rows[CLI_MAX_ROWS];
    size_t n_rows;
} parsing;

enum { FIRST_LONG_KEY = 0x100 }; // keys of options without a letter; argp prints smaller ones

void cli_text_list_add(cli_text_list *list, const char *item) {
    list->items = cli_reallocate(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = item;
}

void cli_text_list_free(cli_text_list *list) {
    free(list->items);
    *list = (cli_text_list){0};
}

static size_t add_rows(cli_row rows[CLI_MAX_ROWS], size_t n, const cli_option_group *group) {
    for (size_t i = 0; i < group->n_options && n < CLI_MAX_ROWS; i++) {
        const cli_option *option = &group->options[i];
        rows[n++] = (cli_row){option, group->title, false, group->offset + option->offset};
    }
    return n;
}

size_t cli_program_rows(const cli_program *program, cli_row rows[CLI_MAX_ROWS]) {
    const cli_option_group own = {"Options", program->options, program->n_options, 0};
    size_t n = add_rows(rows, 0, &own);
    for (size_t i = 0; i < program->n_groups; i++) n = add_rows(rows, n, &program->groups[i]);
    for (size_t i = 0; i < CLI_N_COMMON_OPTIONS && n < CLI_MAX_ROWS; i++) {
        const bool always = i >= CLI_N_SELECTABLE_OPTIONS;
        const cli_option *option = &cli_common_options[i];
        if (always || (program->common & (1u << i)) != 0) {
            rows[n++] = (cli_row){option, "Common options", true, option->offset};
        }
    }
    return n;
}

static int row_key(const cli_row *row, size_t index) {
    return row->option->letter != 0 ? row->option->letter : FIRST_LONG_KEY + (int)index;
}

static _Noreturn void answer(const parsing *p, const cli_option *option, const char *text) {
    const cli_program *program = p->program;
    if (strcmp(option->name, "man-page") == 0) cli_man_page_print(stdout, program, p->defaults);
    if (strcmp(option->name, "completion") == 0 && !cli_completion_print(stdout, program, text)) {
        cli_misuse("--completion: unknown shell '%s': choose bash, zsh or fish", text);
    }
    if (strcmp(option->name, "help") == 0) cli_help_print(stdout, program, p->defaults);
    if (strcmp(option->name, "usage") == 0) cli_usage_print(stdout, program);
    if (strcmp(option->name, "version") == 0) cli_version_print(stdout, program);
    exit(cli_finish(CLI_EXIT_DONE));
}

static bool read_size(size_t *value, const cli_option *option, const char *text, char *reason) {
    const size_t least = option->size.least, most = option->size.most;
    size_t size;
    if (cli_read_size(&size, text) && size >= least && size <= most) {
        *value = size;
        return true;
    }
    if (most >= SIZE_MAX - 1) { // the largest one may stand for something else
        snprintf(reason, CLI_REASON, "'%s' is not a whole number of at least %zu", text, least);
    } else {
        snprintf(reason, CLI_REASON, "'%s' is not a whole number from %zu to %zu", text, least,
                 most);
    }
    return false;
}

static bool read_number(double *value, const cli_option *option, const char *text, char *reason) {
    const double least = option->number.least, most = option->number.most;
    double number;
    if (cli_read_number(&number, text) && number >= least && number <= most) {
        *value = number;
        return true;
    }
    if (least <= -CLI_ANY_NUMBER) {
        snprintf(reason, CLI_REASON, "'%s' is not a number", text);
    } else if (most >= CLI_ANY_NUMBER) {
        snprintf(reason, CLI_REASON, "'%s' is not a number of at least %g", text, least);
    } else {
        snprintf(reason, CLI_REASON, "'%s' is not a number from %g to %g", text, least, most);
    }
    return false;
}

static bool read_choice(const char **value, const cli_option *option, const char *text,
                        char *reason) {
    int used = snprintf(reason, CLI_REASON, "unknown name '%.64s': choose ", text);
    for (const char *const *choice = option->choices; *choice != NULL; choice++) {
        if (strcmp(*choice, text) == 0) {
            *value = *choice;
            return true;
        }
        const char *before = choice == option->choices ? "" : choice[1] == NULL ? " or " : ", ";
        if (used >= CLI_REASON) continue;
        used += snprintf(reason + used, (size_t)(CLI_REASON - used), "%s%s", before, *choice);
    }
    return false;
}

bool cli_option_read(const cli_option *option, void *value, const char *text,
                     char reason[CLI_REASON]) {
    switch (option->kind) {
    case CLI_FLAG:
        *(bool *)value = true;
        return true;
    case CLI_TEXT:
        *(const char **)value = text;
        return true;
    case CLI_TEXT_LIST:
        cli_text_list_add(value, text);
        return true;
    case CLI_SIZE:
        return read_size(value, option, text, reason);
    case CLI_NUMBER:
        return read_number(value, option, text, reason);
    case CLI_CHOICE:
        return read_choice(value, option, text, reason);
    case CLI_CUSTOM:
        return option->parse(value, text, reason);
    case CLI_BUILT_IN:
        break;
    }
    snprintf(reason, CLI_REASON, "has no value");
    return false;
}

static void set_value(const parsing *p, const cli_row *row, const char *text) {
    const cli_option *option = row->option;
    if (option->kind == CLI_BUILT_IN) answer(p, option, text);
    void *value = (char *)(row->common ? (void *)p->common : p->settings) + row->offset;
    char reason[CLI_REASON] = "";
    if (!cli_option_read(option, value, text, reason)) cli_misuse("--%s: %s", option->name, reason);
}

// getopt accepts any unambiguous beginning of a name; scripts that rely on that break when an
// option is added.
static void refuse_abbreviation(const struct argp_state *state, const cli_option *option,
                                const char *text) {
    const char *word = state->argv[state->next - 1];
    if (word == text) word = state->argv[state->next - 2];
    if (strncmp(word, "--", 2) != 0) return;
    const size_t length = strcspn(word + 2, "=");
    if (length == strlen(option->name) && strncmp(word + 2, option->name, length) == 0) return;
    cli_misuse("unrecognized option '%.*s': did you mean --%s?", (int)length + 2, word,
               option->name);
}

static error_t parse_one(int key, char *text, struct argp_state *state) {
    parsing *p = state->input;
    if (key == ARGP_KEY_ARG) {
        cli_text_list_add(p->arguments, text);
        return 0;
    }
    for (size_t i = 0; i < p->n_rows; i++) {
        if (row_key(&p->rows[i], i) != key) continue;
        refuse_abbreviation(state, p->rows[i].option, text);
        set_value(p, &p->rows[i], text);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

void cli_parse(const cli_program *program, int argc, char **argv, void *settings,
               cli_common *common, cli_text_list *arguments) {
    parsing p = {
        .program = program, .settings = settings, .common = common, .arguments = arguments};
    p.n_rows = cli_program_rows(program, p.rows);
    p.defaults = cli_allocate(program->settings_size, 1);
    memcpy(p.defaults, settings, program->settings_size);
    struct argp_option options[CLI_MAX_ROWS + 1] = {0};
    for (size_t i = 0; i < p.n_rows; i++) {
        options[i].name = p.rows[i].option->name;
        options[i].key = row_key(&p.rows[i], i);
        options[i].arg = p.rows[i].option->argument;
    }
    const struct argp parser = {.options = options, .parser = parse_one};
    argp_err_exit_status = CLI_EXIT_MISUSE;
    if (argc > 0) argv[0] = program_invocation_short_name; // getopt would print the whole path
    const error_t failed = argp_parse(&parser, argc, argv, ARGP_NO_HELP, NULL, &p);
    if (failed != 0) {
        cli_complain("command line: %s", strerror(failed));
        exit(CLI_EXIT_FAILED);
    }
    free(p.defaults);
    cli_apply_cpu(common);
}
