// How a checkpoint's values become the model's, and back.
#include <math.h>

#include "arch/arch.h"

bool rk__arch_is_vector(const rk__arch_row *row) {
    return row->role == RK__VECTOR || row->role == RK__STATE;
}

void rk__arch_convert(const rk__arch_row *row, float *values, size_t n) {
    switch (row->conversion) {
    case RK__AS_IS:
    case RK__TRANSPOSE:
        break;
    case RK__NEGATIVE_EXP:
        for (size_t i = 0; i < n; i++) values[i] = -expf(values[i]);
        break;
    case RK__EXP:
        for (size_t i = 0; i < n; i++) values[i] = expf(values[i]);
        break;
    case RK__EXP_OF_NEGATIVE_EXP:
        for (size_t i = 0; i < n; i++) values[i] = expf(-expf(values[i]));
        break;
    }
}

void rk__arch_unconvert(const rk__arch_row *row, float *values, size_t n) {
    switch (row->conversion) {
    case RK__AS_IS:
    case RK__TRANSPOSE:
        break;
    case RK__NEGATIVE_EXP:
        for (size_t i = 0; i < n; i++) values[i] = logf(-values[i]);
        break;
    case RK__EXP:
        for (size_t i = 0; i < n; i++) values[i] = logf(values[i]);
        break;
    case RK__EXP_OF_NEGATIVE_EXP:
        for (size_t i = 0; i < n; i++) values[i] = logf(-logf(values[i]));
        break;
    }
}
