// The type ids of model files. One table for both versions: those that changed their layout between
// them have two rows.
#include "checkpoint/model_file.h"

typedef struct type_row {
    int32_t id;
    uint32_t versions; // bit 0: version 100, bit 1: version 101
    rk_dtype dtype;
} type_row;

enum { IN_100 = 1, IN_101 = 2, IN_BOTH = IN_100 | IN_101 };

static const type_row types[] = {
    {0, IN_BOTH, RK_DTYPE_F32},      {1, IN_BOTH, RK_DTYPE_F16},
    {2, IN_101, RK_DTYPE_Q4_0},      {3, IN_101, RK_DTYPE_Q4_1},
    {7, IN_101, RK_DTYPE_Q5_0},      {8, IN_101, RK_DTYPE_Q5_1},
    {9, IN_101, RK_DTYPE_Q8_0},      {2, IN_100, RK_DTYPE_Q4_0_V100},
    {3, IN_100, RK_DTYPE_Q4_1_V100}, {4, IN_100, RK_DTYPE_Q4_1_O_V100},
    {5, IN_100, RK_DTYPE_Q4_2_V100}, {6, IN_100, RK_DTYPE_Q4_3_V100},
    {7, IN_100, RK_DTYPE_Q5_0_V100}, {8, IN_100, RK_DTYPE_Q5_1_V100},
    {9, IN_100, RK_DTYPE_Q8_0_V100},
};
enum { N_TYPES = sizeof types / sizeof types[0] };

static uint32_t version_bit(uint32_t version) {
    return version == 100 ? IN_100 : version == 101 ? IN_101 : 0;
}

int32_t rk__model_file_type_id(rk_dtype dtype, uint32_t version) {
    for (size_t i = 0; i < N_TYPES; i++) {
        if (types[i].dtype == dtype && (types[i].versions & version_bit(version))) {
            return types[i].id;
        }
    }
    return -1;
}

bool rk__model_file_dtype(rk_dtype *out, int32_t id, uint32_t version) {
    for (size_t i = 0; i < N_TYPES; i++) {
        if (types[i].id == id && (types[i].versions & version_bit(version))) {
            *out = types[i].dtype;
            return true;
        }
    }
    return false;
}

const char *rk__model_file_type_name(int32_t id) {
    static const char *const names[] = {"FP32", "FP16", "Q4_0", "Q4_1", "Q4_1_O", "Q4_2",
                                        "Q4_3", "Q5_0", "Q5_1", "Q8_0", "Q8_1",   "Q2_K",
                                        "Q3_K", "Q4_K", "Q5_K", "Q6_K"};
    const bool known = id >= 0 && (size_t)id < sizeof names / sizeof names[0];
    return known ? names[id] : "unknown";
}
