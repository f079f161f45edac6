// The largest amount of memory that was resident at once.
#ifndef CLI_PEAK_MEMORY_H
#define CLI_PEAK_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

// Forgets the peak so far, so that the next one belongs to what comes now. False where the system
// does not permit it: cli_peak_memory then goes on from the start of the program.
bool cli_peak_memory_reset(void);

// Bytes.
uint64_t cli_peak_memory(void);

#endif
