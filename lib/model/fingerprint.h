// What tells models apart, for files that belong to one model.
#ifndef RK_FINGERPRINT_H
#define RK_FINGERPRINT_H

#include <stdint.h>

#include "rk/model.h"

// 64 bits, the same for every quantization of a model: checksums of its layer norms.
rk_status rk__model_fingerprint(const rk_model *model, uint64_t *out, rk_error *err);

#endif
