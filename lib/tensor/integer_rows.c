// Rows of whole numbers and booleans, stored little-endian at any address. They occur in
// checkpoints beside the weights (counters, masks); a number that float32 cannot hold is rounded to
// the nearest, ties to even.
#include <stdint.h>

#include "tensor/little_endian.h"
#include "tensor/row_functions.h"

void rk__decode_i64(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) out[i] = (float)(int64_t)rk__load_u64le(bytes + 8 * i);
}

void rk__decode_i32(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) out[i] = (float)(int32_t)rk__load_u32le(bytes + 4 * i);
}

void rk__decode_i16(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) out[i] = (float)(int16_t)rk__load_u16le(bytes + 2 * i);
}

void rk__decode_i8(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) out[i] = (float)(int8_t)bytes[i];
}

void rk__decode_u8(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) out[i] = (float)bytes[i];
}

// Whatever is not zero is true, and true is 1.
void rk__decode_bool(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i++) out[i] = bytes[i] != 0 ? 1.0f : 0.0f;
}
