// FP16, as the library converts it on the CPU.
#include "tensor/half.h"

float emulated_float_of_half(uint16_t bits);
uint16_t emulated_half_of_float(float value);

float emulated_float_of_half(uint16_t bits) {
    return rk__float_from_f16(bits);
}

uint16_t emulated_half_of_float(float value) {
    return rk__f16_from_float(value);
}
