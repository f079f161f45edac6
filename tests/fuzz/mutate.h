// What a fuzz target may bring besides its entry, so that libFuzzer's changes get past checksums.
#ifndef TEST_MUTATE_H
#define TEST_MUTATE_H

#include <stddef.h>
#include <stdint.h>

// NOLINTBEGIN(readability-identifier-naming): the names are libFuzzer's.

// Changes the input in place, to at most max_size bytes; gives the new size. Called instead of
// libFuzzer's own changes where a target has it.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

// libFuzzer's own changes.
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

// NOLINTEND(readability-identifier-naming)

#endif
