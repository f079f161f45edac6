// Matching the tensors of an adapter to those of a model.
#ifndef RK_CONVERT_ADAPTER_MATCH_H
#define RK_CONVERT_ADAPTER_MATCH_H

#include "convert/adapter.h"
#include "convert/adapter_faults.h"

// Fills the adapter's changes, which are allocated, from its open files. What does not match is a
// fault, and no change.
rk_status rk__adapter_match(rk__adapter *adapter, const rk__weights *model,
                            rk__adapter_faults *faults, rk_error *err);

#endif
