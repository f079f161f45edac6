// Block formats in the two versions of model files, and the names that people give them.
#include "rk/tensor.h"

#include <string.h>
#include <strings.h>

// Q4_1_O, Q4_2 and Q4_3 are in version 100 alone: they have no partner.
static const struct {
    rk_dtype v101, v100;
} partners[] = {
    {RK_DTYPE_Q4_0, RK_DTYPE_Q4_0_V100}, {RK_DTYPE_Q4_1, RK_DTYPE_Q4_1_V100},
    {RK_DTYPE_Q5_0, RK_DTYPE_Q5_0_V100}, {RK_DTYPE_Q5_1, RK_DTYPE_Q5_1_V100},
    {RK_DTYPE_Q8_0, RK_DTYPE_Q8_0_V100},
};

static const struct {
    const char *name;
    rk_dtype dtype;
} old_names[] = {
    // Of version 100 alone.
    {"Q4_1_O", RK_DTYPE_Q4_1_O_V100},
    {"Q4_2", RK_DTYPE_Q4_2_V100},
    {"Q4_3", RK_DTYPE_Q4_3_V100},
    // Ids of model files, which the first scripts asked for.
    {"2", RK_DTYPE_Q4_0},
    {"3", RK_DTYPE_Q4_1},
    {"4", RK_DTYPE_Q4_1_O_V100},
    {"5", RK_DTYPE_Q4_2_V100},
    {"6", RK_DTYPE_Q4_3_V100},
    {"7", RK_DTYPE_Q5_0},
    {"8", RK_DTYPE_Q5_1},
    {"9", RK_DTYPE_Q8_0},
};

unsigned rk_dtype_version(rk_dtype dtype) {
    return dtype >= RK_DTYPE_Q4_0_V100 && dtype <= RK_DTYPE_Q8_0_V100 ? 100 : 101;
}

bool rk_dtype_in_version(rk_dtype *out, rk_dtype dtype, unsigned version) {
    const bool plain = dtype == RK_DTYPE_F32 || dtype == RK_DTYPE_F16;
    const bool block = rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK;
    if (plain || (block && rk_dtype_version(dtype) == version)) {
        *out = dtype;
        return true;
    }
    for (size_t i = 0; i < sizeof partners / sizeof partners[0]; i++) {
        if (partners[i].v100 != dtype && partners[i].v101 != dtype) continue;
        *out = version == 100 ? partners[i].v100 : partners[i].v101;
        return true;
    }
    return false;
}

bool rk_dtype_parse_stored(rk_dtype *out, const char *name) {
    rk_dtype dtype;
    if (rk_dtype_parse(&dtype, name) && dtype != RK_DTYPE_BF16) {
        *out = dtype;
        return true;
    }
    for (size_t i = 0; i < sizeof old_names / sizeof old_names[0]; i++) {
        if (strcasecmp(old_names[i].name, name) != 0) continue;
        *out = old_names[i].dtype;
        return true;
    }
    return false;
}
