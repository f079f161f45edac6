// Manual pages in the roff language of man(7).
#include "cli/man_page.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "rk/version.h"

// Text that roff shows as it is: no hyphen that is not one, no line that begins with a request.
static void print_text(FILE *out, const char *text) {
    bool line_begins = true;
    for (const char *c = text; *c != '\0'; c++) {
        if (line_begins && (*c == '.' || *c == '\'')) fputs("\\&", out);
        line_begins = false;
        if (*c == '-') {
            fputs("\\-", out);
        } else if (*c == '\\') {
            fputs("\\e", out);
        } else if (*c == '\n') {
            fputs("\n.PP\n", out);
            line_begins = true;
        } else {
            fputc(*c, out);
        }
    }
}

static void print_section(FILE *out, const char *title) {
    fprintf(out, ".SH \"%s\"\n", title);
}

static void print_synopsis(FILE *out, const cli_program *program) {
    print_section(out, "SYNOPSIS");
    for (const char *const *usage = program->usages; *usage != NULL; usage++) {
        if (usage != program->usages) fputs(".br\n", out);
        fputs(".B ", out);
        print_text(out, cli_program_shown_name(program));
        fputc('\n', out);
        print_text(out, *usage);
        fputc('\n', out);
    }
}

static void print_option(FILE *out, const cli_row *row, const void *defaults) {
    const cli_option *option = row->option;
    fputs(".TP\n", out);
    if (option->letter != 0) fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB", out);
    print_text(out, "--");
    print_text(out, option->name);
    fputs("\\fR", out);
    if (option->argument != NULL) {
        fputs(" \\fI", out);
        print_text(out, option->argument);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    char *help = cli_option_help(row, defaults);
    print_text(out, help);
    free(help);
    fputc('\n', out);
}

static void print_options(FILE *out, const cli_program *program, const void *defaults) {
    cli_row rows[CLI_MAX_ROWS];
    const size_t n = cli_program_rows(program, rows);
    print_section(out, "OPTIONS");
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(rows[i].title, rows[i - 1].title) != 0) {
            fprintf(out, ".SS \"%s\"\n", rows[i].title);
        }
        print_option(out, &rows[i], defaults);
    }
}

static void print_examples(FILE *out, const cli_program *program) {
    print_section(out, "EXAMPLES");
    for (const char *const *line = program->examples; line[0] != NULL; line += 2) {
        fputs(".TP\n.B ", out);
        cli_example_print(out, program, line[0], print_text);
        fputc('\n', out);
        print_text(out, line[1]);
        fputc('\n', out);
    }
}

// NAME and the headline want the name in letters of their own.
static void print_head(FILE *out, const cli_program *program) {
    fputs(".TH \"", out);
    for (const char *c = cli_program_shown_name(program); *c != '\0'; c++) {
        fputc(toupper((unsigned char)*c), out);
    }
    fprintf(out, "\" 1 \"\" \"rwkv-tools %s\" \"User Commands\"\n", rk_version());
    print_section(out, "NAME");
    print_text(out, cli_program_shown_name(program));
    fputs(" \\- ", out);
    print_text(out, program->summary);
    fputc('\n', out);
}

void cli_man_page_print(FILE *out, const cli_program *program, const void *defaults) {
    print_head(out, program);
    print_synopsis(out, program);
    print_section(out, "DESCRIPTION");
    print_text(out, program->description);
    fputc('\n', out);
    print_options(out, program, defaults);
    print_examples(out, program);
    print_section(out, "EXIT STATUS");
    print_text(out, cli_program_exit_statuses(program));
    fputc('\n', out);
    print_section(out, "SEE ALSO");
    fputs("The guides in /usr/share/doc/rwkv\\-tools, and the other programs' pages.\n", out);
}
