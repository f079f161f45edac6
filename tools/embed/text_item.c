// Texts to embed.
#include "embed/text_item.h"

#include <stdlib.h>

#include "cli/allocate.h"
#include "cli/utf8_text.h"

void text_item_free(text_item *item) {
    free(item->text);
    free(item->where);
    free(item->id);
    free(item->fields);
    free(item->label);
    *item = (text_item){0};
}

char *text_preview(const char *text, size_t length, size_t most) {
    size_t end = 0;
    for (size_t n = 0; end < length && n < most; n++) {
        const size_t bytes = cli_utf8_character(text + end);
        end += bytes > 0 ? bytes : 1;
    }
    char *preview = cli_format("%.*s%s", (int)end, text, end < length ? "..." : "");
    for (char *at = preview; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = ' ';
    }
    return preview;
}
