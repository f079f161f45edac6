// Which tensor gets which type, and how values of a checkpoint become a model's.
#include "arch/arch.h"

#include <math.h>

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

rk_dtype rk__arch_type(const rk__arch_row *row, size_t columns, rk_dtype stored, rk_dtype target,
                       bool model_file) {
    if (rk__arch_is_vector(row)) return RK_DTYPE_F32;
    const rk_dtype_info *info = rk_dtype_describe(target);
    if (info->class_ == RK_CLASS_FLOAT) return row->keeps_fp32 ? RK_DTYPE_F32 : target;
    if (row->role == RK__MATRIX && columns % info->block_values == 0) return target;
    const bool keep = row->keeps_fp32 || (stored == RK_DTYPE_F32 && model_file);
    return keep ? RK_DTYPE_F32 : RK_DTYPE_F16;
}
