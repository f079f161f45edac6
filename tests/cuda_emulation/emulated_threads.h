// Running one block of a grid.
#ifndef TEST_EMULATED_THREADS_H
#define TEST_EMULATED_THREADS_H

#include <functional>

// Runs `thread` n_threads times as the threads of block blockIdx. One block at a time.
void emulated_run_block(unsigned n_threads, bool descending, const std::function<void()> &thread);

#endif
