// How the library fills an rk_error.
#ifndef RK_BASE_ERROR_INTERNAL_H
#define RK_BASE_ERROR_INTERNAL_H

#include "rk/error.h"

#include <stddef.h>

// Leaves the calling function with the status of a failed call. The one control-flow macro we have.
#define RK_TRY(call)                                                                               \
    do {                                                                                           \
        rk_status rk_try_status = (call);                                                          \
        if (rk_try_status != RK_OK) return rk_try_status;                                          \
    } while (0)

// Fills *err (which may be NULL) and returns status, so that `return rk__fail(err, ...)` reads
// well. Bytes of the formatted text that are no printable UTF-8 come out as '?': names in error
// messages come from files that nobody vouches for.
__attribute__((format(printf, 3, 4))) rk_status rk__fail(rk_error *err, rk_status status,
                                                         const char *format, ...);

// The same for a failed system call: appends ": " and the text of `system_errno`.
__attribute__((format(printf, 3, 4))) rk_status rk__fail_errno(rk_error *err, int system_errno,
                                                               const char *format, ...);

// Out of memory, for an allocation of `bytes` bytes.
rk_status rk__fail_memory(rk_error *err, size_t bytes);

#endif
