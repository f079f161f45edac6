// The trie against looking at every key.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "text/byte_trie.h"

static rk__byte_trie build(rk__trie_key *keys, size_t n) {
    rk__byte_trie trie = {0};
    rk__trie_keys_sort(keys, n);
    cr_assert_null(rk__trie_keys_twin(keys, n));
    cr_assert_eq(rk__byte_trie_init(&trie, keys, n, NULL), RK_OK);
    return trie;
}

Test(byte_trie, without_keys_nothing_is_found) {
    rk__byte_trie zeros = {0}, empty = build(NULL, 0);
    uint32_t value = 7;
    cr_assert_eq(rk__byte_trie_longest(&zeros, "a", 1, &value), 0);
    cr_assert_eq(value, RK__NO_VALUE);
    cr_assert_eq(rk__byte_trie_longest(&empty, "a", 1, &value), 0);
    cr_assert_eq(rk__byte_trie_find(&zeros, "a", 1), RK__NO_VALUE);
    cr_assert_eq(rk__byte_trie_find(&empty, "", 0), RK__NO_VALUE);
    rk__byte_trie_fini(&empty);
    rk__byte_trie_fini(&empty);
}

Test(byte_trie, equal_keys_are_seen) {
    rk__trie_key keys[] = {{"b", 1, 1}, {"ab", 2, 2}, {"a", 1, 3}, {"ab", 2, 4}};
    rk__trie_keys_sort(keys, 4);
    const rk__trie_key *twin = rk__trie_keys_twin(keys, 4);
    cr_assert_eq(twin, &keys[1]);
    cr_assert_eq(twin->value + twin[1].value, 6);
    cr_assert_null(rk__trie_keys_twin(keys, 2));
}

Test(byte_trie, nodes_with_all_children) {
    static char bytes[256][2];
    rk__trie_key keys[513];
    for (uint32_t i = 0; i < 256; i++) {
        bytes[i][0] = (char)(255 - i);
        bytes[i][1] = 'x';
        keys[2 * i] = (rk__trie_key){bytes[i], 1, i};
        keys[2 * i + 1] = (rk__trie_key){bytes[i], 2, 1000 + i};
    }
    keys[512] = (rk__trie_key){"x\0\0\0", 4, 5000};
    rk__byte_trie trie = build(keys, 513);
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value;
        cr_assert_eq(rk__byte_trie_longest(&trie, bytes[i], 2, &value), 2);
        cr_assert_eq(value, 1000 + i);
        cr_assert_eq(rk__byte_trie_find(&trie, bytes[i], 1), i);
    }
    cr_assert_eq(rk__byte_trie_find(&trie, "x\0\0\0", 4), 5000);
    cr_assert_eq(rk__byte_trie_find(&trie, "x\0\0", 3), RK__NO_VALUE);
    rk__byte_trie_fini(&trie);
}

enum { N_KEYS = 300, KEY_BYTES = 6 };

// n different keys of few different bytes, so that many begin with others.
static size_t random_keys(char bytes[N_KEYS][KEY_BYTES], rk__trie_key *keys) {
    size_t n = 0;
    for (size_t i = 0; i < N_KEYS; i++) {
        const uint32_t length = 1 + (uint32_t)rand() % KEY_BYTES;
        for (uint32_t k = 0; k < length; k++) bytes[n][k] = "ab\0\xff"[rand() % 4];
        bool is_new = true;
        for (size_t k = 0; k < n; k++) {
            if (keys[k].length == length && memcmp(bytes[k], bytes[n], length) == 0) is_new = false;
        }
        if (!is_new) continue;
        keys[n] = (rk__trie_key){bytes[n], length, (uint32_t)n};
        n++;
    }
    return n;
}

Test(byte_trie, finds_what_a_search_finds) {
    enum { SEED = 41, ROUNDS = 20, LOOKUPS = 500 };
    srand(SEED);
    static char bytes[N_KEYS][KEY_BYTES];
    rk__trie_key keys[N_KEYS], sorted[N_KEYS];
    for (int round = 0; round < ROUNDS; round++) {
        const size_t n = random_keys(bytes, keys);
        memcpy(sorted, keys, sizeof keys);
        rk__byte_trie trie = build(sorted, n);
        for (int i = 0; i < LOOKUPS; i++) {
            char text[KEY_BYTES + 2];
            const size_t length = (size_t)rand() % sizeof text;
            for (size_t k = 0; k < length; k++) text[k] = "ab\0\xff"[rand() % 4];
            size_t longest = 0;
            uint32_t expected = RK__NO_VALUE, exact = RK__NO_VALUE, found;
            for (size_t k = 0; k < n; k++) {
                const size_t key_length = keys[k].length;
                if (key_length > length || memcmp(text, keys[k].bytes, key_length) != 0) continue;
                if (key_length == length) exact = keys[k].value;
                if (key_length < longest) continue;
                longest = key_length;
                expected = keys[k].value;
            }
            cr_assert_eq(rk__byte_trie_longest(&trie, text, length, &found), longest, "seed %d",
                         SEED);
            cr_assert_eq(found, expected);
            cr_assert_eq(rk__byte_trie_find(&trie, text, length), exact);
        }
        rk__byte_trie_fini(&trie);
    }
}
