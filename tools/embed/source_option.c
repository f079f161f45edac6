// Reading --source.
#include "embed/source_option.h"

#include <stdio.h>
#include <string.h>

#include "embed/embed_settings.h"

static bool fail_unknown(char reason[CLI_REASON], const char *name, size_t length) {
    int used = snprintf(reason, CLI_REASON, "'%.*s' is none of xx",
                        (int)(length < 40 ? length : 40), name);
    for (rk_embed_source s = 0; s < RK_EMBED_SOURCE_COUNT && used < CLI_REASON; s++) {
        used +=
            snprintf(reason + used, (size_t)(CLI_REASON - used), ", %s", rk_embed_source_name(s));
    }
    return false;
}

static bool add(source_list *list, rk_embed_source source, char reason[CLI_REASON]) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i] != source) continue;
        snprintf(reason, CLI_REASON, "'%s' is named twice", rk_embed_source_name(source));
        return false;
    }
    list->items[list->count++] = source;
    return true;
}

bool parse_sources(void *out, const char *text, char reason[CLI_REASON]) {
    source_list list = {0};
    for (const char *name = text;;) {
        const size_t length = strcspn(name, ",");
        rk_embed_source source;
        if (length == 2 && strncmp(name, "xx", 2) == 0) {
            if (!add(&list, RK_EMBED_ATT_SHIFT, reason)) return false;
            source = RK_EMBED_FFN_SHIFT;
        } else if (!rk_embed_source_parse(&source, name, length)) {
            return fail_unknown(reason, name, length);
        }
        if (!add(&list, source, reason)) return false;
        if (name[length] == '\0') break;
        name += length + 1;
    }
    *(source_list *)out = list;
    return true;
}
