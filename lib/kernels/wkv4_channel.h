// One channel of RWKV-4's recurrence (vector.h): the scalar kernel, and the tail of the others.
#ifndef RK_KERNELS_WKV4_CHANNEL_H
#define RK_KERNELS_WKV4_CHANNEL_H

#include "kernels/elementary.h"

// Sums of e^x and of e^x * value are kept divided by e^pp, so that no exponent is positive: of the
// two terms of a sum the one with the larger exponent has weight 1, the other one e^-distance.
static inline float rk__wkv4_channel(float *aa, float *bb, float *pp, float k, float v, float u,
                                     float w) {
    const float lead = *pp - (u + k);
    const float smaller = rk__exp(-fabsf(lead));
    const float past = lead > 0.0f ? 1.0f : smaller;
    const float present = lead > 0.0f ? smaller : 1.0f;
    const float above = past * *aa + present * v;
    const float below = past * *bb + present;

    const float decayed = *pp + w;
    const float next_lead = decayed - k;
    const float next_smaller = rk__exp(-fabsf(next_lead));
    const float kept = next_lead > 0.0f ? 1.0f : next_smaller;
    const float added = next_lead > 0.0f ? next_smaller : 1.0f;
    *aa = kept * *aa + added * v;
    *bb = kept * *bb + added;
    *pp = next_lead > 0.0f ? decayed : k;
    return above / below;
}

#endif
