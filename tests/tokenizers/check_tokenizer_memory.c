// Tokenizers when memory ends: each allocation of the library in turn fails while a vocabulary is
// found, a text encoded. Nothing but ERR_MEMORY may come of it; the address sanitizer sees what is
// not released.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/tokenizer.h"

// The linker leads the library's calls here (--wrap); other libraries' calls stay as they are.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the linker's names
void *__real_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *memory, size_t size);

static size_t n_left = SIZE_MAX; // allocations that will still succeed

static bool may_allocate(void) {
    if (n_left == 0) {
        errno = ENOMEM;
        return false;
    }
    n_left--;
    return true;
}

void *__wrap_calloc(size_t count, size_t size) {
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_malloc(size_t size) {
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_realloc(void *memory, size_t size) {
    return may_allocate() ? __real_realloc(memory, size) : NULL;
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

// A part of everything: added tokens, marks in the wrong order, words to merge, broken UTF-8.
static const char text[] = "the <|end|> there's q\xcc\x87\xcc\xa3 abcabc    12345 \x80\x81 end";

// Finds a vocabulary and encodes the text with the first n allocations.
static rk_status use_memory(const char *path, size_t n) {
    rk_tokenizer *tokenizer = NULL;
    uint32_t *tokens = NULL;
    size_t n_tokens = 0;
    rk_error err = {0};
    n_left = n;
    rk_status status = rk_tokenizer_find(&tokenizer, 65536, "model.bin", path, &err);
    if (status == RK_OK) {
        status = rk_tokenizer_encode(tokenizer, text, sizeof text - 1, &tokens, &n_tokens, &err);
    }
    n_left = SIZE_MAX;
    if ((status == RK_OK) != (n_tokens > 0) || (status == RK_OK) != (tokens != NULL) ||
        err.code != status) {
        printf("%s, allocation %zu: the outcome contradicts itself\n", path, n);
        exit(1);
    }
    rk_tokens_free(&tokens);
    rk_tokenizer_close(&tokenizer);
    return status;
}

static void check(const char *path) {
    size_t n = 0;
    rk_status status;
    while ((status = use_memory(path, n)) == RK_ERR_MEMORY) n++;
    printf("%s: %zu allocations\n", path, n);
    if (status == RK_OK && n > 5) return;
    printf("allocation %zu: %s\n", n, rk_status_name(status));
    exit(1);
}

int main(void) {
    check(RK_TEST_DATA "/tokenizer/tiny_world.txt");
    check(RK_TEST_DATA "/tokenizer/tiny_bpe.json");
    return 0;
}
