// Memory: sizes that overflow are refused before anything is allocated.
#include <criterion/criterion.h>

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

Test(memory, products_and_sums_that_fit) {
    size_t out = 1;
    cr_assert(rk_size_mul(&out, 1000, 1000));
    cr_assert_eq(out, 1000000);
    cr_assert(rk_size_mul(&out, 0, SIZE_MAX));
    cr_assert_eq(out, 0);
    cr_assert(rk_size_mul(&out, SIZE_MAX, 1));
    cr_assert_eq(out, SIZE_MAX);
    cr_assert(rk_size_add(&out, SIZE_MAX - 1, 1));
    cr_assert_eq(out, SIZE_MAX);
}

Test(memory, products_and_sums_that_do_not) {
    size_t out = 1;
    cr_assert_not(rk_size_mul(&out, SIZE_MAX / 2 + 1, 2));
    cr_assert_eq(out, 0);
    out = 1;
    cr_assert_not(rk_size_mul(&out, SIZE_MAX, SIZE_MAX));
    cr_assert_eq(out, 0);
    out = 1;
    cr_assert_not(rk_size_add(&out, SIZE_MAX, 1));
    cr_assert_eq(out, 0);
}

Test(memory, alloc_gives_zeros) {
    void *memory;
    cr_assert_eq(rk__alloc(&memory, 1000, 8, NULL), RK_OK);
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < 8000; i++) cr_assert_eq(bytes[i], 0);
    rk__free(memory);
}

Test(memory, aligned_memory_is_aligned) {
    for (size_t bytes = 0; bytes < 300; bytes += 7) {
        void *memory;
        cr_assert_eq(rk__alloc_aligned(&memory, bytes, 1, NULL), RK_OK);
        cr_assert_eq((uintptr_t)memory % RK_CACHE_LINE, 0);
        memset(memory, 0xff, bytes);
        rk__free(memory);
    }
}

Test(memory, empty_arrays_have_an_address) {
    void *memory;
    cr_assert_eq(rk__alloc(&memory, 0, 8, NULL), RK_OK);
    cr_assert_not_null(memory);
    rk__free(memory);
    rk__free(NULL);
}

Test(memory, impossible_sizes_are_an_error) {
    static const size_t sizes[][2] = {
        {SIZE_MAX, 2}, {SIZE_MAX / 4 + 1, 4}, {1, SIZE_MAX}, {(size_t)PTRDIFF_MAX + 1, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *memory = &memory;
        rk_error err = {0};
        cr_assert_eq(rk__alloc(&memory, sizes[i][0], sizes[i][1], &err), RK_ERR_MEMORY);
        cr_assert_null(memory);
        cr_assert_eq(err.code, RK_ERR_MEMORY);
        memory = &memory;
        cr_assert_eq(rk__alloc_aligned(&memory, sizes[i][0], sizes[i][1], &err), RK_ERR_MEMORY);
        cr_assert_null(memory);
    }
}

Test(memory, more_than_the_machine_has_is_an_error) {
    void *memory = &memory;
    rk_error err = {0};
    cr_assert_eq(rk__alloc(&memory, (size_t)1 << 62, 1, &err), RK_ERR_MEMORY);
    cr_assert_null(memory);
    cr_assert_str_eq(err.message, "out of memory: 4611686018427387904 bytes wanted");
}

Test(memory, large_pieces_are_aligned_and_usable) {
    static const size_t sizes[] = {0, 1, 4096, (2 << 20) - 1, 2 << 20, (5 << 20) + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *memory = NULL;
        cr_assert_eq(rk__alloc_large(&memory, sizes[i], NULL), RK_OK);
        cr_assert_not_null(memory);
        const uintptr_t alignment = sizes[i] < 2 << 20 ? RK_CACHE_LINE : 2 << 20;
        cr_assert_eq((uintptr_t)memory % alignment, 0, "%zu bytes", sizes[i]);
        memset(memory, 1, sizes[i]);
        rk__free(memory);
    }
}

Test(memory, large_pieces_that_cannot_be_are_an_error) {
    static const size_t sizes[] = {SIZE_MAX, PTRDIFF_MAX, (size_t)1 << 62};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *memory = &memory;
        rk_error err = {0};
        cr_assert_eq(rk__alloc_large(&memory, sizes[i], &err), RK_ERR_MEMORY);
        cr_assert_null(memory);
        cr_assert_eq(err.code, RK_ERR_MEMORY);
    }
}

Test(memory, growing_keeps_the_contents) {
    void *buffer = NULL;
    size_t capacity = 0, steps = 0;
    for (size_t n = 1; n <= 100000; n++) {
        const size_t before = capacity;
        cr_assert_eq(rk__grow(&buffer, &capacity, n, sizeof(uint32_t), NULL), RK_OK);
        cr_assert_geq(capacity, n);
        steps += capacity != before;
        ((uint32_t *)buffer)[n - 1] = (uint32_t)n;
    }
    for (uint32_t i = 0; i < 100000; i++) cr_assert_eq(((uint32_t *)buffer)[i], i + 1);
    cr_assert_leq(steps, 16, "%zu reallocations for 100000 elements: no doubling", steps);
    rk__free(buffer);
}

Test(memory, growing_that_fails_changes_nothing) {
    void *buffer = NULL;
    size_t capacity = 0;
    cr_assert_eq(rk__grow(&buffer, &capacity, 10, 8, NULL), RK_OK);
    void *const before = buffer;
    const size_t capacity_before = capacity;
    cr_assert_eq(rk__grow(&buffer, &capacity, SIZE_MAX / 8, 8, NULL), RK_ERR_MEMORY);
    cr_assert_eq(buffer, before);
    cr_assert_eq(capacity, capacity_before);
    cr_assert_eq(rk__grow(&buffer, &capacity, capacity, 8, NULL), RK_OK);
    cr_assert_eq(buffer, before, "what fits is not reallocated");
    rk__free(buffer);
}

Test(memory, strings_are_copied_with_their_length) {
    char *copy;
    cr_assert_eq(rk__copy_string(&copy, "abcdef", 3, NULL), RK_OK);
    cr_assert_str_eq(copy, "abc");
    rk__free(copy);
    cr_assert_eq(rk__copy_string(&copy, NULL, 0, NULL), RK_OK);
    cr_assert_str_eq(copy, "");
    rk__free(copy);
    cr_assert_eq(rk__copy_string(&copy, "x", SIZE_MAX, NULL), RK_ERR_MEMORY);
    cr_assert_null(copy);
}
