// The texts to embed, one after the other: lines, JSON lines, whole files, or arguments.
#ifndef EMBED_TEXT_SOURCE_H
#define EMBED_TEXT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "embed/text_item.h"

typedef struct text_source {
    const char *const *names; // [n_names] of files, or the texts themselves; borrowed
    size_t n_names, current;
    const char *kind;  // "lines", "jsonl", "files", "arguments"; NULL: by the file's name
    const char *label; // a jsonl's member that holds the label; NULL: none is read
    bool skip_empty;
    size_t count;         // texts handed out
    uint64_t done, total; // bytes read; of all files whose size is known
    int fd;               // of the current file, or -1
    char *bytes;          // [capacity]; those from begin to end have been read, not handed out
    size_t begin, end, capacity, searched;
    size_t line;
    bool at_end;
} text_source;

// All borrowed; `label` as above. To be closed.
void text_source_files(text_source *source, const cli_text_list *files, const char *kind,
                       bool skip_empty);
void text_source_arguments(text_source *source, const char *const *texts, size_t n);
void text_source_close(text_source *source);

// Can the files be read? Asked before a model is loaded for them. False after a message.
bool text_source_check(const text_source *source);

typedef enum text_result {
    TEXT_ITEM,
    TEXT_END,
    TEXT_FAILED,      // after a message
    TEXT_INTERRUPTED, // cli_interrupted
} text_result;

// The next text; *item is owned by the caller, and all zeros where there is none.
text_result text_source_next(text_source *source, text_item *item);

#endif
