// What every fuzz target offers to the program around it: libFuzzer, or replay.c in ordinary
// builds.
#ifndef TEST_FUZZ_TARGET_H
#define TEST_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

// Feeds one input to the library. Ends the program when the library breaks a promise; 0 otherwise.
// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
