// Everything that is wrong with a model's tensors, gathered into one line.
#ifndef RK_ARCH_COMPLAINTS_H
#define RK_ARCH_COMPLAINTS_H

#include "base/error_internal.h"
#include "rk/tensor.h"

typedef enum rk__complaint {
    RK__COMPLAINT_MISSING,
    RK__COMPLAINT_UNKNOWN,
    RK__COMPLAINT_TWICE,
    RK__COMPLAINT_SHAPE,
    RK__COMPLAINT_TYPE,
    RK__COMPLAINT_COUNT
} rk__complaint;

// Starts as all zeros. The first names of each kind are kept, the others counted.
typedef struct rk__complaints {
    struct {
        size_t count;
        char text[200]; // names (and details) joined by ", "
        size_t length;
        size_t shown;
    } kind[RK__COMPLAINT_COUNT];
} rk__complaints;

// detail (may be NULL) is put behind the name.
void rk__complain(rk__complaints *complaints, rk__complaint kind, const char *name,
                  const char *detail);

// RK_OK when nothing was complained about; otherwise fails with "<where>: <arch> model with 2
// tensors missing (a, b), 1 of the wrong shape (c is [3, 4], expected [4, 4])".
rk_status rk__complaints_status(const rk__complaints *complaints, const char *where,
                                const char *arch_name, rk_error *err);

#endif
