// What the parts of RWKV-4's and RWKV-7's time mixing that run over channels should give.
#include <math.h>
#include <stddef.h>

#include "vector_checks.h"

// The inputs of rwkv7_key; the outputs are the key and what is removed.
enum { KEY, RATE, K_K, K_A };

// Now and then a key that is shorter than what is brought to length 1.
static float fill_rwkv7_key(size_t input, size_t i) {
    static bool is_short;
    if (input == KEY && i == 0) is_short = check_random_below(8) == 0;
    const float scale = input == KEY && is_short ? 1e-15f : 1.0f;
    return scale * check_random_float(-3.0f, 3.0f);
}

static void call_rwkv7_key(const rk__vector *kernels, float *const *out, const float *const *in,
                           size_t n) {
    kernels->rwkv7_key(out[0], out[1], in[RATE], in[K_K], in[K_A], n);
}

static bounded expect_rwkv7_key(size_t output, const float *const *in, size_t i, size_t n) {
    const double key = (double)in[KEY][i];
    if (output == 0) {
        const double less = ((double)in[RATE][i] - 1) * (double)in[K_A][i];
        const double limit = unit * fabs(key) * (fabs(1 + less) + 3 * fabs(less) + 1);
        return (bounded){key * (1 + less), limit};
    }
    double squares = 0;
    for (size_t j = 0; j < n; j++) squares += pow((double)in[KEY][j] * (double)in[K_K][j], 2);
    const double value = key * (double)in[K_K][i] / fmax(sqrt(squares), 1e-12);
    return (bounded){value, unit * 6 * fabs(value)};
}

// The inputs of rwkv7_bonus; the output is y.
enum { BONUS_Y, BONUS_R, BONUS_K, BONUS_V, BONUS_R_K };

static void call_rwkv7_bonus(const rk__vector *kernels, float *const *out, const float *const *in,
                             size_t n) {
    kernels->rwkv7_bonus(out[0], in[BONUS_R], in[BONUS_K], in[BONUS_V], in[BONUS_R_K], n);
}

static bounded expect_rwkv7_bonus(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output;
    double bonus = 0, magnitude = 0;
    for (size_t j = 0; j < n; j++) {
        const double term =
            (double)in[BONUS_R][j] * (double)in[BONUS_K][j] * (double)in[BONUS_R_K][j];
        bonus += term;
        magnitude += fabs(term);
    }
    const double added = bonus * (double)in[BONUS_V][i], y = (double)in[BONUS_Y][i];
    const double off = magnitude * fabs((double)in[BONUS_V][i]);
    return (bounded){y + added, unit * (1.1 * off + 2.1 * fabs(added) + 1.1 * fabs(y + added))};
}

// The inputs of wkv4; the outputs are wkv, aa, bb, pp.
enum { K, V, U, W, AA, BB, PP };

// Every ninth channel is as it is at the beginning of a text; others have far apart exponents.
static float fill_wkv4(size_t input, size_t i) {
    const bool empty = i % 9 == 4;
    switch (input) {
    case W:
        return check_random_float(-20.0f, -1e-4f);
    case AA:
        return empty ? 0.0f : check_random_float(-50.0f, 50.0f);
    case BB:
        return empty ? 0.0f : check_random_float(0.1f, 50.0f);
    case PP:
        return empty ? -1e38f : check_random_float(-60.0f, 60.0f);
    case K:
        return check_random_float(-60.0f, 60.0f);
    default:
        return check_random_float(-3.0f, 3.0f);
    }
}

static void call_wkv4(const rk__vector *kernels, float *const *out, const float *const *in,
                      size_t n) {
    kernels->wkv4(out[0], out[1], out[2], out[3], in[K], in[V], in[U], in[W], n);
}

// An exponent that is a difference of floats is off by a rounding of its terms, and so is its
// exponential, relatively.
static bounded expect_wkv4(size_t output, const float *const *in, size_t i, size_t n) {
    (void)n;
    const double k = (double)in[K][i], v = (double)in[V][i], now = (double)in[U][i] + k;
    const double aa = (double)in[AA][i], bb = (double)in[BB][i], pp = (double)in[PP][i];
    const double decayed = pp + (double)in[W][i];
    const double q = fmax(pp, now), next = fmax(decayed, k);
    const double past = exp(pp - q), present = exp(now - q);
    const double kept = exp(decayed - next), added = exp(k - next);
    const double roundings = unit * (12 + 4 * (fmin(fabs(pp), 100) + fabs(k) + 25));
    const double below = past * bb + present;
    const double spread = (past * fabs(aa) + present * fabs(v)) / below;
    switch (output) {
    case 0:
        return (bounded){(past * aa + present * v) / below, roundings * 2 * spread};
    case 1:
        return (bounded){kept * aa + added * v, roundings * (kept * fabs(aa) + added * fabs(v))};
    case 2:
        return (bounded){kept * bb + added, roundings * (kept * bb + added)};
    default:
        return (bounded){next, unit * fabs(next)};
    }
}

const vector_check vector_rwkv_checks[] = {
    {"rwkv7_key",
     offsetof(rk__vector, rwkv7_key),
     4,
     2,
     {1 + KEY},
     false,
     fill_rwkv7_key,
     call_rwkv7_key,
     expect_rwkv7_key},
    {"rwkv7_bonus",
     offsetof(rk__vector, rwkv7_bonus),
     5,
     1,
     {1 + BONUS_Y},
     false,
     fill_near_one,
     call_rwkv7_bonus,
     expect_rwkv7_bonus},
    {"wkv4",
     offsetof(rk__vector, wkv4),
     7,
     4,
     {0, 1 + AA, 1 + BB, 1 + PP},
     true,
     fill_wkv4,
     call_wkv4,
     expect_wkv4},
};
const size_t n_vector_rwkv_checks = sizeof vector_rwkv_checks / sizeof vector_rwkv_checks[0];
