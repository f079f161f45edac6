// Cutting a JSON object into its members.
#include "embed/json_members.h"

#include <string.h>

static const char *skip_blanks(const char *at) {
    return at + strspn(at, " \t\r\n");
}

// From a quote to behind its partner; NULL at a control character or the end.
static const char *skip_string(const char *at) {
    for (at++; *at != '"'; at++) {
        if (*at == '\\') at++;
        if ((unsigned char)*at < 0x20) return NULL;
    }
    return at + 1;
}

static const char *skip_value(const char *at) {
    size_t depth = 0;
    do {
        if (*at == '\0') return NULL;
        if (*at == '"') {
            at = skip_string(at);
            if (at == NULL) return NULL;
            continue;
        }
        if (*at == '{' || *at == '[') depth++;
        if (*at == '}' || *at == ']') depth--;
        at++;
    } while (depth > 0 || strchr(",} \t\r\n", *at) == NULL);
    return at;
}

const char *json_members_next(json_member *member, const char *at) {
    at = skip_blanks(at);
    if (*at != '{' && *at != ',') return NULL;
    at = skip_blanks(at + 1);
    if (*at != '"') return NULL;
    member->key = at;
    at = skip_string(at);
    if (at == NULL) return NULL;
    member->key_length = (size_t)(at - member->key);
    at = skip_blanks(at);
    if (*at != ':') return NULL;
    at = skip_blanks(at + 1);
    member->value = at;
    at = skip_value(at);
    if (at == NULL) return NULL;
    member->value_length = (size_t)(at - member->value);
    return at;
}
