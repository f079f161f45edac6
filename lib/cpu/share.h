// How work is split among threads: contiguous shares in order, so that results do not depend on
// their number.
#ifndef RK_CPU_SHARE_H
#define RK_CPU_SHARE_H

#include <stddef.h>

typedef struct rk__share {
    size_t begin, end;
} rk__share;

// Share `thread` of n items in units of `unit` items (the last one may be smaller).
static inline rk__share rk__share_of(size_t n, size_t unit, size_t thread, size_t n_threads) {
    const size_t units = (n + unit - 1) / unit;
    const size_t base = units / n_threads;
    const size_t rest = units % n_threads;
    const size_t begin = thread * base + (thread < rest ? thread : rest);
    const size_t end = begin + base + (thread < rest ? 1 : 0);
    return (rk__share){begin * unit < n ? begin * unit : n, end * unit < n ? end * unit : n};
}

#endif
