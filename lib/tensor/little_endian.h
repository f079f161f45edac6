// Numbers of files in memory: little-endian, at any address, read and written byte by byte
// (compilers make one instruction of it where the machine allows), and the bit patterns of floats.
#ifndef RK_TENSOR_LITTLE_ENDIAN_H
#define RK_TENSOR_LITTLE_ENDIAN_H

#include <stdint.h>
#include <string.h>

static inline float rk__float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t rk__bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline uint16_t rk__load_u16le(const void *bytes) {
    const uint8_t *b = bytes;
    return (uint16_t)(b[0] | (uint32_t)b[1] << 8);
}

static inline uint32_t rk__load_u32le(const void *bytes) {
    const uint8_t *b = bytes;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t rk__load_u64le(const void *bytes) {
    const uint8_t *b = bytes;
    return (uint64_t)rk__load_u32le(b) | (uint64_t)rk__load_u32le(b + 4) << 32;
}

static inline float rk__load_f32le(const void *bytes) {
    return rk__float_from_bits(rk__load_u32le(bytes));
}

static inline void rk__store_u16le(void *bytes, uint16_t value) {
    uint8_t *b = bytes;
    b[0] = (uint8_t)value;
    b[1] = (uint8_t)(value >> 8);
}

static inline void rk__store_u32le(void *bytes, uint32_t value) {
    uint8_t *b = bytes;
    b[0] = (uint8_t)value;
    b[1] = (uint8_t)(value >> 8);
    b[2] = (uint8_t)(value >> 16);
    b[3] = (uint8_t)(value >> 24);
}

#endif
