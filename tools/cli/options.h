// The command line of a program as one table: parsing, --help and the checks of values all read it,
// so that they cannot differ.
//
// A program describes its options with offsets into a struct of its own; the options that all
// programs understand alike (--threads, --cpu, --quiet, --json, --help, ...) stand in a second
// table and go into a cli_common.
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cli_text_list {
    const char **items; // [count], each borrowed from argv
    size_t count;
} cli_text_list;

// What an option's value is, and the C type at its offset.
typedef enum cli_kind {
    CLI_FLAG,      // bool, set to true
    CLI_TEXT,      // const char *
    CLI_TEXT_LIST, // cli_text_list; the option may be repeated
    CLI_SIZE,      // size_t within [size.least, size.most]
    CLI_NUMBER,    // double within [number.least, number.most]
    CLI_CHOICE,    // const char *, equal to one of `choices`
    CLI_CUSTOM,    // whatever `parse` makes of it
    CLI_BUILT_IN,  // --help and its like
} cli_kind;

// Reads a value of a kind of its own. False, with one clause in `reason` ("choose A or B"), when it
// is none.
enum { CLI_REASON = 256 };
typedef bool (*cli_parse_fn)(void *value, const char *text, char reason[CLI_REASON]);

typedef struct cli_option {
    const char *name;     // "type": long spelling without the dashes
    char letter;          // short spelling, or 0
    const char *argument; // stands for the value in the help; NULL: takes none
    cli_kind kind;
    size_t offset;
    union {
        struct {
            size_t least, most;
        } size;
        struct {
            double least, most;
        } number;
        const char *const *choices; // ends with NULL
        cli_parse_fn parse;
    };
    const char *help;
    const char *standard; // the default as the help shows it, cli_its_value, or NULL
} cli_option;

// As number.most (its negative as number.least): any finite number.
#define CLI_ANY_NUMBER 1e30

// As `standard` of a CLI_SIZE or CLI_NUMBER: whatever the settings hold before parsing.
extern const char cli_its_value[];

// Which of the common options a program understands.
enum {
    CLI_COMMON_THREADS = 1 << 0,
    CLI_COMMON_CPU = 1 << 1,
    CLI_COMMON_QUIET = 1 << 2,
    CLI_COMMON_JSON = 1 << 3,
};

typedef struct cli_common {
    size_t threads;  // 0: physical cores
    const char *cpu; // NULL: the best that the machine has
    bool quiet, json;
} cli_common;

// Options that belong together: a heading in the help, and a struct of their own in the settings.
typedef struct cli_option_group {
    const char *title; // "Sampling"
    const cli_option *options;
    size_t n_options;
    size_t offset; // of their struct; the options' offsets count from there
} cli_option_group;

typedef struct cli_program {
    const char *name;
    const char *summary;         // a phrase: "make a model file smaller"
    const char *const *usages;   // what may follow the name; ends with NULL
    const char *description;     // sentences; '\n' begins a new paragraph
    const char *const *examples; // command, what it does, command, ...; ends with NULL
    const cli_option *options;
    size_t n_options;
    const cli_option_group *groups; // [n_groups], more options, after `options`
    size_t n_groups;
    size_t settings_size;
    unsigned common;           // CLI_COMMON_*
    const char *exit_statuses; // a sentence; NULL: cli_exit_statuses
} cli_program;

// An option and where its value lives.
typedef struct cli_row {
    const cli_option *option;
    const char *title; // of its group
    bool common;
    size_t offset; // in the settings, or in the cli_common
} cli_row;

// All options of a program: its own, then the common ones. Returns their number.
enum { CLI_MAX_ROWS = 96 };
size_t cli_program_rows(const cli_program *program, cli_row rows[CLI_MAX_ROWS]);

// Reads the command line. `settings` holds the defaults and receives values at the options'
// offsets; `arguments` gets what is no option, in order. --help, --version and misuse end the
// program. --cpu takes effect here.
void cli_parse(const cli_program *program, int argc, char **argv, void *settings,
               cli_common *common, cli_text_list *arguments);

// Reads the text of one option into its value, as the command line does; texts are borrowed. False,
// with one clause in `reason` ("'x' is not a number from 0 to 1"), and nothing changed.
bool cli_option_read(const cli_option *option, void *value, const char *text,
                     char reason[CLI_REASON]);

// Appends an item that lives at least as long as the list.
void cli_text_list_add(cli_text_list *list, const char *item);
void cli_text_list_free(cli_text_list *list);

#endif
