// How fast this machine reads memory: what the speed of a model that is read once for every token
// is held against.
#ifndef CLI_READ_SPEED_H
#define CLI_READ_SPEED_H

#include "rk/pool.h"

// Bytes a second that all threads of the pool read together out of memory that no cache holds, each
// its own range in order: the best of a few passes, which take about half a second. 0 when there is
// no memory for it. pool NULL: the calling thread alone.
double cli_read_speed(rk_pool *pool);

#endif
