// The parts of the kernel table's recurrences (vector.h), and what their variants share.
#ifndef RK_KERNELS_WKV_H
#define RK_KERNELS_WKV_H

#include "kernels/vector.h"

// Each fills in the recurrences with matrix states and what goes with them.
void rk__wkv_init_scalar(rk__vector *vector); // wkv.c
void rk__wkv_init_avx2(rk__vector *vector);   // wkv_avx2.c

// The scalar recurrences: for heads of odd sizes in the other variants, too.
void rk__wkv6_scalar(float *y, float *state, const float *r, const float *k, const float *v,
                     const float *u, const float *w, size_t n);
void rk__wkv7_scalar(float *y, float *state, const float *r, const float *w, const float *k,
                     const float *v, const float *removed, const float *rate, size_t n);

// What brings a vector with this sum of squares to length 1.
float rk__rwkv7_key_scale(double squares);

#endif
