// Rows of plain floats, stored little-endian at any address.
#include <math.h>

#include "tensor/half.h"
#include "tensor/little_endian.h"
#include "tensor/row_functions.h"

void rk__decode_f32(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) out[i] = rk__load_f32le(bytes + 4 * i);
}

void rk__decode_f16(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) out[i] = rk__float_from_f16(rk__load_u16le(bytes + 2 * i));
}

void rk__decode_bf16(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) out[i] = rk__float_from_bf16(rk__load_u16le(bytes + 2 * i));
}

void rk__decode_f64(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) {
        const uint64_t bits = rk__load_u64le(bytes + 8 * i);
        double value;
        memcpy(&value, &bits, sizeof value);
        out[i] = (float)value;
    }
}

void rk__encode_f32(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) rk__store_u32le(bytes + 4 * i, rk__bits_of_float(values[i]));
}

void rk__encode_f16(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) rk__store_u16le(bytes + 2 * i, rk__f16_from_float(values[i]));
}

void rk__encode_bf16(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) rk__store_u16le(bytes + 2 * i, rk__bf16_from_float(values[i]));
}
