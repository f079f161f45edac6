// Element types and block formats, and the description of a named tensor.
#ifndef RK_TENSOR_H
#define RK_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rk/error.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// Every type a tensor in a file can have. FP32, FP16, BF16 and the block formats are what models
// run in; the others occur in checkpoints. The *_V100 types are the layouts of version 100 model
// files (docs/formats.md): expanded when a model is loaded.
typedef enum rk_dtype {
    RK_DTYPE_F32,
    RK_DTYPE_F16,
    RK_DTYPE_BF16,
    RK_DTYPE_Q4_0,
    RK_DTYPE_Q4_1,
    RK_DTYPE_Q5_0,
    RK_DTYPE_Q5_1,
    RK_DTYPE_Q8_0,
    RK_DTYPE_Q4_0_V100,
    RK_DTYPE_Q4_1_V100,
    RK_DTYPE_Q4_1_O_V100,
    RK_DTYPE_Q4_2_V100,
    RK_DTYPE_Q4_3_V100,
    RK_DTYPE_Q5_0_V100,
    RK_DTYPE_Q5_1_V100,
    RK_DTYPE_Q8_0_V100,
    RK_DTYPE_F64,
    RK_DTYPE_I64,
    RK_DTYPE_I32,
    RK_DTYPE_I16,
    RK_DTYPE_I8,
    RK_DTYPE_U8,
    RK_DTYPE_BOOL,
    RK_DTYPE_COUNT
} rk_dtype;

typedef enum rk_dtype_class {
    RK_CLASS_FLOAT,   // one IEEE or bfloat16 value an element
    RK_CLASS_BLOCK,   // blocks of quantized values with a shared step
    RK_CLASS_INTEGER, // whole numbers and booleans
} rk_dtype_class;

// One row of the table of types.
typedef struct rk_dtype_info {
    const char *name; // as printed and accepted: "FP16", "Q4_0", "Q4_0 (v100)"
    rk_dtype_class class_;
    size_t block_values; // values in a block; 1 for plain types
    size_t block_bytes;  // bytes of a block
} rk_dtype_info;

// The row of a type. The argument must be a type (< RK_DTYPE_COUNT).
const rk_dtype_info *rk_dtype_describe(rk_dtype dtype);

// Reads a name as people write it: "FP16", "fp16", "float16", "F16", "BF16", "bfloat16", "Q4_0",
// "q4_0", "int8" (Q8_0), ... Only types that models run in are accepted. False when the name is
// none; *out is then unchanged.
bool rk_dtype_parse(rk_dtype *out, const char *name);

// Reads the name of a type that model files are written in, as command lines and scripts have it:
// what rk_dtype_parse accepts but BF16, the formats that version 100 alone has ("Q4_1_O", "Q4_2",
// "Q4_3"), and the ids 2 to 9 of the first scripts. Formats of both versions are given as version
// 101 has them.
bool rk_dtype_parse_stored(rk_dtype *out, const char *name);

// The version of model files whose layout a block format is: 100 or 101.
unsigned rk_dtype_version(rk_dtype dtype);

// The same format as model files of a version (100 or 101) have it: *out. FP32 and FP16 are the
// same in both. False when there is none, as for BF16, or Q4_2 in version 101; *out is then
// unchanged.
bool rk_dtype_in_version(rk_dtype *out, rk_dtype dtype, unsigned version);

// Bytes of a row of `columns` values: *out. False when columns is no multiple of the block, or on
// overflow.
bool rk_dtype_row_bytes(size_t *out, rk_dtype dtype, size_t columns);

enum { RK_MAX_DIMS = 8 };

// Sizes as PyTorch prints them, slowest-running first: a matrix is {rows, columns}, that is
// {outputs, inputs}. No dimensions: a scalar.
typedef struct rk_shape {
    size_t n_dims;
    size_t dims[RK_MAX_DIMS];
} rk_shape;

// A named tensor as a file declares it.
typedef struct rk_tensor_info {
    const char *name; // UTF-8, owned by the file object that gave this
    rk_dtype dtype;
    rk_shape shape;
} rk_tensor_info;

// Product of the sizes (1 for a scalar). False on overflow; *out is then 0.
bool rk_shape_elements(size_t *out, const rk_shape *shape);

// The shape as a matrix: the last dimension is the columns, all others together the rows. A vector
// is one row; a scalar 1 x 1. False on overflow.
bool rk_shape_matrix(size_t *rows, size_t *columns, const rk_shape *shape);

// Bytes of a whole tensor, contiguous. False on overflow or where rk_dtype_row_bytes is false.
bool rk_tensor_bytes(size_t *out, const rk_tensor_info *tensor);

// Writes "[192, 768]" into text (always terminated); returns text.
enum { RK_SHAPE_TEXT = 192 };
char *rk_shape_format(char text[RK_SHAPE_TEXT], const rk_shape *shape);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
