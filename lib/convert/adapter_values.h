// What the values of an adapter say about its use: those that are no numbers, and those that would
// change nothing.
#ifndef RK_CONVERT_ADAPTER_VALUES_H
#define RK_CONVERT_ADAPTER_VALUES_H

#include "convert/adapter.h"
#include "convert/adapter_faults.h"

// Reads all values of the changes. NaN and infinity are an error (ERR_RANGE); products and shards
// that are zero are faults, and no changes afterwards.
rk_status rk__adapter_check_values(rk__adapter *adapter, const rk__weights *model,
                                   rk__adapter_faults *faults, rk_error *err);

#endif
