// Parses strategy strings.
#include "stage/strategy.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { LONGEST_WORD = 32 };

// Takes the next word (up to a blank) from *text; false at the end. Words longer than the buffer
// are cut: none of ours is that long.
static bool next_word(const char **text, char word[LONGEST_WORD]) {
    while (isspace((unsigned char)**text)) (*text)++;
    size_t length = 0;
    while (**text != '\0' && !isspace((unsigned char)**text)) {
        if (length + 1 < LONGEST_WORD) word[length++] = **text;
        (*text)++;
    }
    word[length] = '\0';
    return length > 0;
}

static rk_status refuse_word(const char *text, const char *word, rk_error *err) {
    static const char *const later[] = {"cuda", "->", "*", "+", "auto", "mps"};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (strncasecmp(word, later[i], strlen(later[i])) != 0) continue;
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "strategy \"%.80s\": this build runs on the CPU alone and knows no '%s'",
                        text, word);
    }
    return rk__fail(err, RK_ERR_ARGUMENT,
                    "strategy \"%.80s\": '%s' is not understood (examples: \"cpu\", \"cpu fp32\", "
                    "\"cpu Q4_0\")",
                    text, word);
}

rk_status rk__strategy_parse(rk__strategy *out, const char *text, rk_error *err) {
    *out = (rk__strategy){.n_parts = 1};
    rk__strategy_part *part = &out->parts[0];
    *part = (rk__strategy_part){.device = RK__DEVICE_CPU, .keep_types = true};
    const char *rest = text;
    char word[LONGEST_WORD];
    if (!next_word(&rest, word)) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "strategy is empty (examples: \"cpu\", \"cpu fp32\")");
    }
    if (strcasecmp(word, "cpu") != 0) return refuse_word(text, word, err);
    if (next_word(&rest, word)) {
        if (!rk_dtype_parse(&part->dtype, word)) return refuse_word(text, word, err);
        part->keep_types = false;
    }
    if (next_word(&rest, word)) return refuse_word(text, word, err);
    return RK_OK;
}
