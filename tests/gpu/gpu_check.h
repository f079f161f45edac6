// What the programs of tests/gpu share. They are plain programs, since builds for GPU machines have
// no test library; each is built twice: with the emulated GPU, and where there is CUDA with a real
// one, without which it is skipped.
#ifndef TEST_GPU_CHECK_H
#define TEST_GPU_CHECK_H

#include <stdbool.h>

// Ends the program with exit status 77 and the reason when there is no GPU.
void gpu_begin(void);

// Counts and reports what does not hold; the program goes on.
__attribute__((format(printf, 2, 3))) void gpu_expect(bool holds, const char *format, ...);

// Exit status of the program: 0 where everything held.
int gpu_end(void);

// Is this the emulated GPU? Of a real one there is more to expect, and less to be asked.
bool gpu_is_emulated(void);

#endif
