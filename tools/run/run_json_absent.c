// A minimal build (RWKV_MINIMAL): no cJSON.
#include "run/run_json.h"

const run_json_table *const run_json = NULL;
