// The functions that the table of types (dtype.c) is made of: one decoder a type, one encoder a
// type that we write. All are rk__row_decoder or rk__row_encoder; convert_row.h holds their
// contract.
#ifndef RK_TENSOR_ROW_FUNCTIONS_H
#define RK_TENSOR_ROW_FUNCTIONS_H

#include <stddef.h>

// float_rows.c
void rk__decode_f32(float *out, const void *row, size_t n);
void rk__decode_f16(float *out, const void *row, size_t n);
void rk__decode_bf16(float *out, const void *row, size_t n);
void rk__decode_f64(float *out, const void *row, size_t n);
void rk__encode_f32(void *row, const float *values, size_t n);
void rk__encode_f16(void *row, const float *values, size_t n);
void rk__encode_bf16(void *row, const float *values, size_t n);

// integer_rows.c
void rk__decode_i64(float *out, const void *row, size_t n);
void rk__decode_i32(float *out, const void *row, size_t n);
void rk__decode_i16(float *out, const void *row, size_t n);
void rk__decode_i8(float *out, const void *row, size_t n);
void rk__decode_u8(float *out, const void *row, size_t n);
void rk__decode_bool(float *out, const void *row, size_t n);

// block_decode.c
void rk__decode_q4_0(float *out, const void *row, size_t n);
void rk__decode_q4_1(float *out, const void *row, size_t n);
void rk__decode_q5_0(float *out, const void *row, size_t n);
void rk__decode_q5_1(float *out, const void *row, size_t n);
void rk__decode_q8_0(float *out, const void *row, size_t n);

// block_decode_v100.c
void rk__decode_q4_0_v100(float *out, const void *row, size_t n);
void rk__decode_q4_1_v100(float *out, const void *row, size_t n);
void rk__decode_q4_1_o_v100(float *out, const void *row, size_t n);
void rk__decode_q4_2_v100(float *out, const void *row, size_t n);
void rk__decode_q4_3_v100(float *out, const void *row, size_t n);
void rk__decode_q5_0_v100(float *out, const void *row, size_t n);
void rk__decode_q5_1_v100(float *out, const void *row, size_t n);
void rk__decode_q8_0_v100(float *out, const void *row, size_t n);

// block_encode.c
void rk__encode_q4_0(void *row, const float *values, size_t n);
void rk__encode_q4_1(void *row, const float *values, size_t n);
void rk__encode_q5_0(void *row, const float *values, size_t n);
void rk__encode_q5_1(void *row, const float *values, size_t n);
void rk__encode_q8_0(void *row, const float *values, size_t n);

// block_encode_v100.c
void rk__encode_q4_0_v100(void *row, const float *values, size_t n);
void rk__encode_q4_1_v100(void *row, const float *values, size_t n);
void rk__encode_q4_1_o_v100(void *row, const float *values, size_t n);
void rk__encode_q4_2_v100(void *row, const float *values, size_t n);
void rk__encode_q4_3_v100(void *row, const float *values, size_t n);
void rk__encode_q5_0_v100(void *row, const float *values, size_t n);
void rk__encode_q5_1_v100(void *row, const float *values, size_t n);
void rk__encode_q8_0_v100(void *row, const float *values, size_t n);

#endif
