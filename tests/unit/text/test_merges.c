// Merging with a heap against merging by looking at all pairs each time.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "text/merges.h"

enum { N_LETTERS = 4, MOST_TOKENS = 200, MOST_BYTES = 300 };

// Random merges of tokens that earlier ones made.
typedef struct system_of_merges {
    rk__merge merges[MOST_TOKENS];
    size_t n;
    uint32_t byte_tokens[256];
    rk__merge_table table;
} system_of_merges;

static void make_system(system_of_merges *s, size_t n) {
    memset(s, 0, sizeof *s);
    for (uint32_t i = 0; i < 256; i++) s->byte_tokens[i] = i % N_LETTERS;
    cr_assert_eq(rk__merge_table_init(&s->table, n, NULL), RK_OK);
    // Ranks in random order: a merge may come before those that make its halves.
    uint32_t ranks[MOST_TOKENS];
    for (uint32_t i = 0; i < n; i++) ranks[i] = i;
    for (size_t i = n; i > 1; i--) {
        const size_t k = (size_t)rand() % i;
        const uint32_t swapped = ranks[i - 1];
        ranks[i - 1] = ranks[k];
        ranks[k] = swapped;
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t n_tokens = N_LETTERS + (uint32_t)s->n;
        const uint32_t left = (uint32_t)rand() % n_tokens, right = (uint32_t)rand() % n_tokens;
        const rk__merge merge = {left, right, n_tokens, ranks[i]};
        if (rk__merge_table_find(&s->table, merge.left, merge.right)) continue;
        rk__merge_table_add(&s->table, merge);
        s->merges[s->n++] = merge;
    }
}

static const rk__merge *slow_find(const system_of_merges *s, uint32_t left, uint32_t right) {
    for (size_t i = 0; i < s->n; i++) {
        if (s->merges[i].left == left && s->merges[i].right == right) return &s->merges[i];
    }
    return NULL;
}

static size_t merge_slowly(const system_of_merges *s, uint32_t *tokens, size_t n) {
    for (;;) {
        const rk__merge *best = NULL;
        size_t place = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const rk__merge *merge = slow_find(s, tokens[i], tokens[i + 1]);
            if (!merge || (best && best->rank <= merge->rank)) continue;
            best = merge;
            place = i;
        }
        if (!best) return n;
        tokens[place] = best->merged;
        memmove(tokens + place + 1, tokens + place + 2, (n - place - 2) * sizeof *tokens);
        n--;
    }
}

Test(merges, as_looking_at_all_pairs_would) {
    enum { SEED = 187, SYSTEMS = 40, TEXTS = 30 };
    srand(SEED);
    static system_of_merges s;
    rk__merge_buffer buffer = {0};
    rk__token_list list = {0};
    size_t n_merged = 0;
    for (int system = 0; system < SYSTEMS; system++) {
        make_system(&s, 1 + (size_t)rand() % (MOST_TOKENS - 1));
        for (int t = 0; t < TEXTS; t++) {
            char text[MOST_BYTES] = {0};
            uint32_t expected[MOST_BYTES];
            const size_t length = (size_t)rand() % MOST_BYTES;
            // Every second text repeats itself: equal ranks side by side.
            const size_t period = t % 2 ? 1 + (size_t)rand() % 3 : MOST_BYTES;
            for (size_t i = 0; i < length; i++) {
                text[i] = (char)rand();
                if (i >= period) text[i] = text[i - period];
                expected[i] = s.byte_tokens[(unsigned char)text[i]];
            }
            const size_t n = merge_slowly(&s, expected, length);
            list.count = 0;
            cr_assert_eq(
                rk__merge_bytes(&s.table, s.byte_tokens, &buffer, text, length, &list, NULL),
                RK_OK);
            cr_assert_eq(list.count, n, "seed %d, system %d, text %d", SEED, system, t);
            for (size_t i = 0; i < n; i++) cr_assert_eq(list.ids[i], expected[i]);
            n_merged += length - n;
        }
        rk__merge_table_fini(&s.table);
    }
    cr_assert_gt(n_merged, 1000); // the comparison was about something
    rk__merge_buffer_fini(&buffer);
    rk__free(list.ids);
}

Test(merges, a_full_table_finds_all) {
    enum { N = 1000 };
    rk__merge_table table = {0};
    cr_assert_eq(rk__merge_table_init(&table, N, NULL), RK_OK);
    for (uint32_t i = 0; i < N; i++) {
        rk__merge_table_add(&table, (rk__merge){i, N - i, i + 1, i});
    }
    for (uint32_t i = 0; i < N; i++) {
        cr_assert_eq(rk__merge_table_find(&table, i, N - i)->rank, i);
        cr_assert_null(rk__merge_table_find(&table, N - i, i + N));
    }
    rk__merge_table_fini(&table);
    rk__merge_table_fini(&table);
}
