// How long jobs tell their caller how far they are, and learn that they should stop.
#ifndef RK_PROGRESS_H
#define RK_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Called from the thread that started the job, now and then: `done` of `total` units (the job's
// documentation names the unit). Returning false ends the job with RK_ERR_CANCELLED and cleans up.
typedef bool (*rk_progress_fn)(void *user, uint64_t done, uint64_t total);

typedef struct rk_progress {
    rk_progress_fn report; // NULL: nobody wants to know
    void *user;
} rk_progress;

#ifdef __cplusplus
}
#endif

#endif
