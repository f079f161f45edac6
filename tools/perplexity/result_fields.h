// The names of everything in a record, as JSON and CSV have them: one table for writers and
// readers.
#ifndef RESULT_FIELDS_H
#define RESULT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "perplexity/result_record.h"

typedef enum field_kind {
    FIELD_TEXT,   // char *, owned
    FIELD_CHARS,  // char array of `size`
    FIELD_SIZE,   // uint64_t
    FIELD_INDEX,  // size_t
    FIELD_NUMBER, // double
    FIELD_BOOL,   // bool
} field_kind;

typedef struct field {
    const char *key;
    field_kind kind;
    size_t offset, size;
} field;

// Fields that are there together or not at all.
typedef struct field_group {
    const field *fields; // [n_fields]
    size_t n_fields;
    size_t flag; // offset of the bool in a result that says so; SIZE_MAX: always
} field_group;

enum { RESULT_N_GROUPS = 6 };
extern const field_group result_groups[RESULT_N_GROUPS]; // of a result
extern const field_group record_group;                   // of a record
extern const field_group position_group;                 // of an rk_position_bin
extern const field_group position_divergence_group;      // the same where there is a base
extern const field_group latency_group;                  // of a latency_row

// Is a group there?
bool field_group_present(const field_group *group, const void *object);

#endif
