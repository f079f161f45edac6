// Reading --vectors.
#include "embed/vector_option.h"

#include <stdio.h>
#include <string.h>

static bool fail_unknown(char reason[CLI_REASON], const char *name, size_t length) {
    int used =
        snprintf(reason, CLI_REASON, "'%.*s' is none of", (int)(length < 40 ? length : 40), name);
    for (rk_state_vector v = 0; v < RK_STATE_VECTOR_COUNT && used < CLI_REASON; v++) {
        used += snprintf(reason + used, (size_t)(CLI_REASON - used), "%s %s", v == 0 ? "" : ",",
                         rk_state_vector_name(v));
    }
    return false;
}

bool parse_vectors(void *out, const char *text, char reason[CLI_REASON]) {
    vector_list list = {0};
    for (const char *name = text;;) {
        const size_t length = strcspn(name, ",");
        rk_state_vector vector;
        if (!rk_state_vector_parse(&vector, name, length))
            return fail_unknown(reason, name, length);
        for (size_t i = 0; i < list.count; i++) {
            if (list.items[i] != vector) continue;
            snprintf(reason, CLI_REASON, "'%s' is named twice", rk_state_vector_name(vector));
            return false;
        }
        list.items[list.count++] = vector;
        if (name[length] == '\0') break;
        name += length + 1;
    }
    *(vector_list *)out = list;
    return true;
}
