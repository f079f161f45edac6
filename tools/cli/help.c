// The texts of --help, --usage and --version, made from the option table.
#include "cli/help.h"

#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "rk/version.h"

enum { WIDTH = 80, MARGIN = 24 };

// Prints words from column `column` on; continues at column `indent` where the line would become
// too long, and at the same place after a newline of the text.
static void print_wrapped(FILE *out, const char *text, size_t column, size_t indent) {
    while (*text != '\0') {
        const size_t word = strcspn(text, " \n");
        if (column + word > WIDTH && column > indent) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        fwrite(text, 1, word, out);
        column += word;
        text += word;
        if (*text == '\n') {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
            text++;
        } else if (*text == ' ') {
            const size_t next = strcspn(text + 1, " \n");
            if (column + 1 + next <= WIDTH) fputc(' ', out);
            column++;
            text++;
        }
    }
    fputc('\n', out);
}

const char *cli_program_shown_name(const cli_program *program) {
    static char name[64];
    (void)snprintf(name, sizeof name, "%s%s", CLI_TOOL_PREFIX, program->name);
    return name;
}

void cli_usage_print(FILE *out, const cli_program *program) {
    const char *lead = "Usage:";
    for (const char *const *usage = program->usages; *usage != NULL; usage++) {
        const int indent = fprintf(out, "%-6s %s ", lead, cli_program_shown_name(program));
        print_wrapped(out, *usage, (size_t)indent, (size_t)indent);
        lead = "";
    }
}

const char cli_its_value[] = "its value";

char *cli_option_help(const cli_row *row, const void *defaults) {
    const cli_option *option = row->option;
    const char *standard = option->standard;
    if (standard == NULL) return cli_copy(option->help);
    const char *value = (const char *)defaults + row->offset;
    if (standard != cli_its_value) {
        return cli_format("%s (default: %s)", option->help, standard);
    }
    if (option->kind == CLI_SIZE) {
        return cli_format("%s (default: %zu)", option->help, *(const size_t *)value);
    }
    return cli_format("%s (default: %g)", option->help, *(const double *)value);
}

static void print_option(FILE *out, const cli_row *row, const void *defaults) {
    const cli_option *option = row->option;
    const char *letter =
        option->letter != 0 ? (const char[]){'-', option->letter, ',', '\0'} : "   ";
    const char *space = option->argument != NULL ? " " : "";
    const char *argument = option->argument != NULL ? option->argument : "";
    const int used = fprintf(out, "  %s --%s%s%s", letter, option->name, space, argument);
    size_t column = (size_t)used;
    if (column + 2 > MARGIN) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", (int)(MARGIN - column), "");
    char *help = cli_option_help(row, defaults);
    print_wrapped(out, help, MARGIN, MARGIN);
    free(help);
}

static void print_options(FILE *out, const cli_program *program, const void *defaults) {
    cli_row rows[CLI_MAX_ROWS];
    const size_t n = cli_program_rows(program, rows);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(rows[i].title, rows[i - 1].title) != 0) {
            fprintf(out, "\n%s:\n", rows[i].title);
        }
        print_option(out, &rows[i], defaults);
    }
}

void cli_example_print(FILE *out, const cli_program *program, const char *line,
                       void (*print)(FILE *out, const char *text)) {
    const size_t length = strlen(program->name);
    if (strncmp(line, program->name, length) == 0) {
        print(out, cli_program_shown_name(program));
        line += length;
    }
    print(out, line);
}

static void print_plain(FILE *out, const char *text) {
    fputs(text, out);
}

static void print_examples(FILE *out, const cli_program *program) {
    fputs("\nExamples:\n", out);
    for (const char *const *line = program->examples; line[0] != NULL; line += 2) {
        fputs("  ", out);
        cli_example_print(out, program, line[0], print_plain);
        fputs("\n      ", out);
        print_wrapped(out, line[1], 6, 6);
    }
}

const char cli_exit_statuses[] =
    "0 done, 1 a file or a device is wrong, 2 the command line is wrong, 130 interrupted.";

const char *cli_program_exit_statuses(const cli_program *program) {
    return program->exit_statuses != NULL ? program->exit_statuses : cli_exit_statuses;
}

void cli_help_print(FILE *out, const cli_program *program, const void *defaults) {
    cli_usage_print(out, program);
    fputc('\n', out);
    print_wrapped(out, program->description, 0, 0);
    print_options(out, program, defaults);
    print_examples(out, program);
    fputs("\nExit status: ", out);
    print_wrapped(out, cli_program_exit_statuses(program), 13, 0);
}

void cli_version_print(FILE *out, const cli_program *program) {
    fprintf(out, "%s (rwkv-tools) %s\n", cli_program_shown_name(program), rk_version());
}
