// Vector functions on float32: everything of a forward pass that is no matrix product. [n] arrays
// may be unaligned; outputs may be the same array as an input (element i is read before it is
// written) unless said otherwise.
#ifndef RK_KERNELS_VECTOR_H
#define RK_KERNELS_VECTOR_H

#include <stddef.h>

typedef struct rk__vector {
    // out = (x - mean) / sqrt(variance + eps) * weight + bias; biased variance. Sums in double, so
    // that the scalar and other variants agree to the last bits of float32.
    void (*layer_norm)(float *out, const float *x, const float *weight, const float *bias, size_t n,
                       float eps);

    // out = mix * x + (1 - mix) * previous: the token shift of RWKV-4 and 5.
    void (*lerp)(float *out, const float *x, const float *previous, const float *mix, size_t n);

    // Elementary functions are exact to what elementary.h says and give the same bits in all
    // variants, and so do the other functions of single elements.
    void (*exp)(float *out, const float *x, size_t n);
    void (*sigmoid)(float *out, const float *x, size_t n);      // 1 / (1 + exp(-x))
    void (*squared_relu)(float *out, const float *x, size_t n); // max(x, 0)^2
    void (*multiply)(float *out, const float *a, const float *b, size_t n);
    void (*add)(float *out, const float *a, const float *b, size_t n);

    // out = x + mix * (previous - x): the token shift of RWKV-6 and 7. mix may be out.
    void (*shift)(float *out, const float *x, const float *previous, const float *mix, size_t n);

    void (*tanh)(float *out, const float *x, size_t n);
    void (*silu)(float *out, const float *x, size_t n);                // x / (1 + exp(-x))
    void (*exp_of_negative_exp)(float *out, const float *x, size_t n); // exp(-exp(x)), a decay
    void (*rwkv7_decay)(float *out, const float *x, size_t n); // exp(-0.606531 / (1 + exp(-x)))

    // One token of the recurrence of RWKV-5 and 6 for one head of n channels;
    // S = state, [key i][value j]:
    //   y[j] = sum over i of r[i] (S[i][j] + u[i] k[i] v[j])
    //   S[i][j] = w[i] S[i][j] + k[i] v[j]
    // y overlaps nothing.
    void (*wkv6)(float *y, float *state, const float *r, const float *k, const float *v,
                 const float *u, const float *w, size_t n);

    // One token of the recurrence of RWKV-7 for one head of n channels;
    // S = state, [value i][key j]:
    //   old[i] = sum over l of S[i][l] removed[l]
    //   S[i][j] = S[i][j] w[j] - old[i] removed[j] rate[j] + v[i] k[j]
    //   y[i] = sum over j of S[i][j] r[j]
    // y overlaps nothing.
    void (*wkv7)(float *y, float *state, const float *r, const float *w, const float *k,
                 const float *v, const float *removed, const float *rate, size_t n);

    // The key of one head of RWKV-7 before its recurrence: removed = k k_k, brought to length 1 (or
    // shorter, where it is below 1e-12); k = k (1 + (rate - 1) k_a). Sums in double.
    void (*rwkv7_key)(float *key, float *removed, const float *rate, const float *k_k,
                      const float *k_a, size_t n);

    // y += v * (sum of r k r_k), for one head of RWKV-7. Sums in double.
    void (*rwkv7_bonus)(float *y, const float *r, const float *k, const float *v, const float *r_k,
                        size_t n);

    // One token of RWKV-4's recurrence for n channels (reference equations: docs/numerics.md):
    //   q = max(pp, u + k); wkv = (e^(pp-q) aa + e^(u+k-q) v) / (e^(pp-q) bb + e^(u+k-q))
    //   q = max(pp + w, k); aa = e^(pp+w-q) aa + e^(k-q) v; bb = e^(pp+w-q) bb + e^(k-q); pp = q
    // w < 0 is added to the exponent for every token of age; aa, bb, pp are updated in place.
    void (*wkv4)(float *wkv, float *aa, float *bb, float *pp, const float *k, const float *v,
                 const float *u, const float *w, size_t n);
} rk__vector;

#endif
