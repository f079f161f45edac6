// The members of a JSON object as they are written: so that values can be passed on unchanged,
// numbers that no double holds too.
#ifndef EMBED_JSON_MEMBERS_H
#define EMBED_JSON_MEMBERS_H

#include <stddef.h>

typedef struct json_member {
    const char *key, *value; // views into the text; the key with its quotes
    size_t key_length, value_length;
} json_member;

// The member that begins at `at` (the text itself, then what the last call returned). The text must
// be that of an object, as a JSON parser has found. Returns where to go on; NULL behind the last
// member, and where a text holds a control character, which JSON does not have.
const char *json_members_next(json_member *member, const char *at);

#endif
