// Tasks: a text, and what it should go on with.
#ifndef TASK_ITEMS_H
#define TASK_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

#include "perplexity/corpus.h"
#include "perplexity/perplexity_settings.h"

// LAMBADA: a line is {"text": "..."}; what follows the last blank of the text, with the blank, is
// to be found. Multiple choice: a line is {"context": "...", "choices": ["...", ...], "label": 0}.
typedef struct task_item {
    char *context;
    char **endings; // [n_endings]
    size_t n_endings;
    size_t label; // which of them is right
} task_item;

typedef struct task_items {
    const char *name; // of the file
    bool is_choice;
    task_item *items; // [n_items]
    size_t n_items;
    uint64_t bytes; // of the file, and its checksum
    char sha256[CLI_SHA256_TEXT];
} task_items;

// Reads a file of tasks, of `kind` "lambada" or "choice"; the first `limit` items, unless 0.
// Returns an exit code; failures have been reported, with the line. Freeing accepts all zeros.
int task_items_read(task_items *out, const char *path, const char *kind, size_t limit);
void task_items_free(task_items *items);

// What is done with the items, in one line. Release: free.
char *task_items_describe(const task_items *items, const perplexity_settings *s);

#endif
