// Reading lists of counts.
#include "count_list.h"

#include <stdio.h>
#include <string.h>

#include "cli/numbers.h"

bool bench_parse_counts(void *out, const char *text, char reason[CLI_REASON]) {
    bench_counts counts = {0};
    for (const char *word = text;;) {
        char digits[24];
        const size_t length = strcspn(word, ",");
        snprintf(digits, sizeof digits, "%.*s", (int)(length < 23 ? length : 23), word);
        size_t n;
        if (counts.count == BENCH_MAX_COUNTS || !cli_read_size(&n, digits) || n < 1 ||
            n > BENCH_MOST_COUNT) {
            snprintf(reason, CLI_REASON, "up to %d numbers from 1 to %d, separated by commas",
                     BENCH_MAX_COUNTS, BENCH_MOST_COUNT);
            return false;
        }
        counts.items[counts.count++] = n;
        if (word[length] == '\0') break;
        word += length + 1;
    }
    *(bench_counts *)out = counts;
    return true;
}
