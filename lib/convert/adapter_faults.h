// Everything that is wrong with an adapter, gathered into one line.
#ifndef RK_CONVERT_ADAPTER_FAULTS_H
#define RK_CONVERT_ADAPTER_FAULTS_H

#include "base/error_internal.h"
#include "rk/convert.h"

// As many as fit, the others counted. Those that are let pass are told to whoever wants to know.
typedef struct rk__adapter_faults {
    const char *path; // of the adapter; borrowed
    bool let_pass;
    rk_convert_passed_over_fn passed_over; // may be NULL
    void *user;
    char text[360];
    size_t length, shown, count;
} rk__adapter_faults;

__attribute__((format(printf, 2, 3))) void rk__adapter_fault(rk__adapter_faults *faults,
                                                             const char *format, ...);

// Tells what is passed over in any case, because it is no fault.
__attribute__((format(printf, 2, 3))) void rk__adapter_remark(const rk__adapter_faults *faults,
                                                              const char *format, ...);

// ERR_MISMATCH with all of them; RK_OK when there is none, or they are let pass. `model` is the
// path of what the adapter does not fit.
rk_status rk__adapter_faults_status(const rk__adapter_faults *faults, const char *model,
                                    rk_error *err);

#endif
