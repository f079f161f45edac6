// One text to embed, with what is known of it.
#ifndef EMBED_TEXT_ITEM_H
#define EMBED_TEXT_ITEM_H

#include <stddef.h>

typedef struct text_item {
    char *text; // [length], owned: UTF-8, not empty, terminated
    size_t length;
    char *where;  // owned: for messages, "texts.txt:12"
    char *id;     // owned, as JSON: a jsonl's "id", the number of the line, the name of the file
    char *fields; // owned, as JSON: the other members of a jsonl's object, "" when there are none
    char *label;  // owned: the value of the label's member, or NULL
} text_item;

void text_item_free(text_item *item);

// The beginning of a text, for a line of a table: at most `most` characters, none of them a control
// character. Release: free.
char *text_preview(const char *text, size_t length, size_t most);

#endif
