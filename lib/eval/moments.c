// Running mean and variance. Each number moves the mean by its share; nothing large is ever
// subtracted from something large, as it would be with sums of squares.
#include "eval/moments.h"

#include <math.h>

void rk__moments_add(rk__moments *moments, double value) {
    moments->count++;
    const double before = value - moments->mean;
    moments->mean += before / (double)moments->count;
    moments->squares += before * (value - moments->mean);
}

double rk__moments_variance(const rk__moments *moments) {
    return moments->count < 2 ? 0 : moments->squares / (double)(moments->count - 1);
}

double rk__moments_standard_error(const rk__moments *moments) {
    if (moments->count < 2) return 0;
    return sqrt(rk__moments_variance(moments) / (double)moments->count);
}
