// Completion scripts. Options complete by name; values where the table lists them, and as files
// where they may be some.
#include "cli/completion.h"

#include <ctype.h>
#include <string.h>

#include "cli/help.h"

static bool may_be_file(const cli_option *option) {
    return option->kind == CLI_TEXT || option->kind == CLI_TEXT_LIST || option->kind == CLI_CUSTOM;
}

static void print_choices(FILE *out, const cli_option *option) {
    for (const char *const *choice = option->choices; *choice != NULL; choice++) {
        fprintf(out, "%s%s", choice == option->choices ? "" : " ", *choice);
    }
}

// The first clause of the help, without what `special` lists: enough beside an option's name.
static void print_clause(FILE *out, const cli_option *option, const char *special) {
    const size_t length = strcspn(option->help, ";:(");
    for (size_t i = 0; i < length; i++) {
        if (strchr(special, option->help[i]) == NULL) fputc(option->help[i], out);
    }
}

// A name that shells take for a function's.
static void print_function(FILE *out, const cli_program *program) {
    fputs("_rwkv_tools_", out);
    for (const char *c = program->name; *c != '\0'; c++) {
        fputc(isalnum((unsigned char)*c) ? *c : '_', out);
    }
}

// ---- bash

static void print_bash_value(FILE *out, const cli_option *option) {
    fprintf(out, "    --%s", option->name);
    if (option->letter != 0) fprintf(out, "|-%c", option->letter);
    fputs(") ", out);
    if (option->kind == CLI_CHOICE) {
        fputs("COMPREPLY=($(compgen -W '", out);
        print_choices(out, option);
        fputs("' -- \"$current\")); ", out);
    } else if (may_be_file(option)) {
        fputs("COMPREPLY=($(compgen -f -- \"$current\")); ", out);
    }
    fputs("return ;;\n", out);
}

static void print_bash(FILE *out, const cli_program *program, const cli_row *rows, size_t n) {
    print_function(out, program);
    fputs("() {\n"
          "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
          "  COMPREPLY=()\n"
          "  case $previous in\n",
          out);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].option->argument != NULL) print_bash_value(out, rows[i].option);
    }
    fputs("  esac\n  if [[ $current == -* ]]; then\n    COMPREPLY=($(compgen -W '", out);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "%s--%s", i == 0 ? "" : " ", rows[i].option->name);
    }
    fputs("' -- \"$current\"))\n  else\n    COMPREPLY=($(compgen -f -- \"$current\"))\n  fi\n}\n"
          "complete -o filenames -F ",
          out);
    print_function(out, program);
    fprintf(out, " %s\n", cli_program_shown_name(program));
}

// ---- zsh

static void print_zsh_option(FILE *out, const cli_option *option) {
    const char *repeated = option->kind == CLI_TEXT_LIST ? "*" : "";
    if (option->letter != 0 && *repeated == '\0') {
        fprintf(out, "  '(-%c --%s)'{-%c,--%s}'[", option->letter, option->name, option->letter,
                option->name);
    } else if (option->letter != 0) {
        fprintf(out, "  '*'{-%c,--%s}'[", option->letter, option->name);
    } else {
        fprintf(out, "  '%s--%s[", repeated, option->name);
    }
    print_clause(out, option, "'[]\\");
    fputc(']', out);
    if (option->argument != NULL) {
        fprintf(out, ":%s:", option->name);
        if (option->kind == CLI_CHOICE) {
            fputc('(', out);
            print_choices(out, option);
            fputc(')', out);
        } else if (may_be_file(option)) {
            fputs("_files", out);
        }
    }
    fputs("' \\\n", out);
}

static void print_zsh(FILE *out, const cli_program *program, const cli_row *rows, size_t n) {
    fprintf(out, "#compdef %s\n_arguments -s \\\n", cli_program_shown_name(program));
    for (size_t i = 0; i < n; i++) print_zsh_option(out, rows[i].option);
    fputs("  '*:file:_files'\n", out);
}

// ---- fish

static void print_fish_option(FILE *out, const cli_program *program, const cli_option *option) {
    fprintf(out, "complete -c %s -l %s", cli_program_shown_name(program), option->name);
    if (option->letter != 0) fprintf(out, " -s %c", option->letter);
    if (option->kind == CLI_CHOICE) {
        fputs(" -x -a '", out);
        print_choices(out, option);
        fputc('\'', out);
    } else if (option->argument != NULL) {
        fputs(may_be_file(option) ? " -r -F" : " -x", out);
    }
    fputs(" -d '", out);
    print_clause(out, option, "'\\");
    fputs("'\n", out);
}

static void print_fish(FILE *out, const cli_program *program, const cli_row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) print_fish_option(out, program, rows[i].option);
}

bool cli_completion_print(FILE *out, const cli_program *program, const char *shell) {
    static const struct {
        const char *shell;
        void (*print)(FILE *out, const cli_program *program, const cli_row *rows, size_t n);
    } printers[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    cli_row rows[CLI_MAX_ROWS];
    const size_t n = cli_program_rows(program, rows);
    for (size_t i = 0; i < sizeof printers / sizeof printers[0]; i++) {
        if (strcmp(printers[i].shell, shell) != 0) continue;
        printers[i].print(out, program, rows, n);
        return true;
    }
    return false;
}
