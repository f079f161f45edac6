// What tests ask of the emulated GPU.
//
// The kernels of lib/cuda are compiled as C++ and run here, block after block, every thread of a
// block as a fiber that runs until it waits for others. Harsher than a GPU on purpose:
//
//   - memory of the device can be touched by kernels and copies alone: other uses are a fault;
//   - new memory is NaN (its first MiB), and has borders that are checked when it is freed;
//   - a shuffle wants all 32 lanes, a barrier all threads of the block: otherwise the program ends;
//   - threads run in ascending or descending order, streams as late or as early as their events
//     allow (emulated_order): a result that depends on it is a race.
#ifndef TEST_EMULATOR_H
#define TEST_EMULATOR_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// Devices, and the memory that each seems to have. Before the first call: 1, 2 GiB.
void emulated_devices(int count, size_t memory);

// Why cudaGetDeviceCount fails: a version of the driver (0: none) below the emulated runtime's.
// -1: it works.
void emulated_driver(int version);

// The order of threads, and when streams other than the one that is waited for run.
typedef enum emulated_schedule {
    EMULATED_ASCENDING_LATE,
    EMULATED_DESCENDING_EARLY
} emulated_schedule;
void emulated_order(emulated_schedule schedule);

// From now on the n-th call that allocates (memory, streams, events), starts or copies fails, with
// the device lost for all calls after it where `for_good`; 0: none fails.
void emulated_fail(size_t n, bool for_good);

// Calls that could have failed so far.
size_t emulated_calls(void);

// Pieces of memory, streams, events and graphs that are not freed.
size_t emulated_live(void);

// Bytes of the device's memory in use, and kernels that have run; graphs that have been started.
size_t emulated_bytes(void);
size_t emulated_kernels(void);
size_t emulated_graphs(void);

// May products with many tokens use the emulated cuBLASLt? At first: yes.
void emulated_blas(bool there);

#ifdef __cplusplus
}
#endif

#endif
