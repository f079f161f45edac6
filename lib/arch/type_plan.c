// Which tensor gets which type.
#include "arch/arch.h"

rk_dtype rk__arch_type(const rk__arch_row *row, size_t columns, rk_dtype stored, rk_dtype target,
                       bool model_file) {
    if (rk__arch_is_vector(row)) return RK_DTYPE_F32;
    const rk_dtype_info *info = rk_dtype_describe(target);
    if (info->class_ == RK_CLASS_FLOAT) return row->keeps_fp32 ? RK_DTYPE_F32 : target;
    if (row->role == RK__MATRIX && columns % info->block_values == 0) return target;
    const bool keep = row->keeps_fp32 || (stored == RK_DTYPE_F32 && model_file);
    return keep ? RK_DTYPE_F32 : RK_DTYPE_F16;
}
