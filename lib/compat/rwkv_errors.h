// Error flags of include/rwkv.h: where they are kept, and what our own errors become there.
#ifndef RK_RWKV_ERRORS_H
#define RK_RWKV_ERRORS_H

#include "base/error_internal.h"
#include "rwkv.h"

// What a context keeps of its errors.
typedef struct rk__compat_errors {
    enum rwkv_error_flags last;
    bool print;
} rk__compat_errors;

// Notes a failure, and prints its message when that is wanted. errors NULL: the calling thread's.
void rk__compat_fail(rk__compat_errors *errors, enum rwkv_error_flags flags, const char *message);

// Forgets the last failure of the calling thread: loading and quantizing begin with that.
void rk__compat_forget(void);

// The flags for a failure to read the model at path.
enum rwkv_error_flags rk__compat_flags_of_model(rk_status status, const char *path);

// The flags for a failure to make a context or to evaluate.
enum rwkv_error_flags rk__compat_flags_of_context(rk_status status);

#endif
