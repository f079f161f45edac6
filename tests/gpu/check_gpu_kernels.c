// Every kernel of lib/cuda (recurrences: gpu_recurrences.c) against the CPU's scalar kernels, on
// seeded random numbers of odd sizes. Limits: rounding to 8 bits, widening and cutting apart are
// exact; sums in another order are within some units of float32 of what is summed.
//
//     check_gpu_kernels [SEED]
#include <cuda_runtime_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/cuda_kernels.h"
#include "cuda/cuda_pack.h"
#include "gpu_check.h"
#include "gpu_memory.h"
#include "tensor/convert_row.h"
#include "tensor/half.h"

// ---- inputs of products

static rk__gpu_input input_new(size_t tokens, size_t columns) {
    const size_t n = tokens * columns;
    rk__gpu_input input = {.x = gpu_new(4 * n), .half = gpu_new(2 * n)};
    if (columns % 32 != 0) return input;
    input.q = gpu_new(n);
    input.scale = gpu_new(n / 8);
    input.qsum = gpu_new(n / 8);
    return input;
}

// All forms of an input are what the CPU makes of its x.
static void expect_forms(const rk__gpu_input *input, size_t tokens, size_t columns,
                         const char *what) {
    const size_t n = tokens * columns, n_blocks = n / 32;
    float *x = gpu_host_of(input->x, n, sizeof *x);
    uint16_t *half = gpu_host_of(input->half, n, sizeof *half);
    size_t n_wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const float most = 65504.0F;
        const float kept = x[i] > most ? most : x[i] < -most ? -most : x[i];
        n_wrong += half[i] != rk__f16_from_float(kept);
    }
    gpu_expect(n_wrong == 0, "%s: %zu of %zu values differ as FP16", what, n_wrong, n);
    if (input->q != NULL) {
        int8_t *q = gpu_host_of(input->q, n, 1), *wanted_q = gpu_host_new(n, 1);
        float *scale = gpu_host_of(input->scale, n_blocks, 4),
              *wanted_scale = gpu_host_new(n_blocks, 4);
        int32_t *qsum = gpu_host_of(input->qsum, n_blocks, 4),
                *wanted_qsum = gpu_host_new(n_blocks, 4);
        gpu_cpu.quantize_activations(wanted_q, wanted_scale, wanted_qsum, x, tokens, columns);
        gpu_expect(memcmp(q, wanted_q, n) == 0, "%s: codes differ", what);
        gpu_expect(memcmp(qsum, wanted_qsum, 4 * n_blocks) == 0, "%s: sums of codes", what);
        size_t n_scales = 0;
        for (size_t b = 0; b < n_blocks; b++) {
            const bool same = scale[b] == wanted_scale[b];
            n_scales += !same && !(isnan(scale[b]) && isnan(wanted_scale[b]));
        }
        gpu_expect(n_scales == 0, "%s: %zu scales differ", what, n_scales);
        free(q);
        free(wanted_q);
        free(scale);
        free(wanted_scale);
        free(qsum);
        free(wanted_qsum);
    }
    free(x);
    free(half);
}

static void check_round(void) {
    enum { TOKENS = 3, COLUMNS = 96, N = TOKENS * COLUMNS };
    float *x = gpu_floats(N, -3.0F, 3.0F);
    for (size_t i = 0; i < 32; i++) x[i] = 0.0F;        // a block of zeros
    for (size_t i = 32; i < 64; i++) x[i] *= 0x1p-124F; // counts as zeros
    x[70] = NAN;
    x[100] = INFINITY;
    x[140] = 1e6F;
    for (size_t i = 0; i < 32; i++) x[192 + i] = (float)i * 0.5F - 7.75F; // ties
    const rk__gpu_round a = {input_new(TOKENS, COLUMNS), TOKENS, COLUMNS};
    gpu_require(cudaMemcpy(a.input.x, x, sizeof *x * N, cudaMemcpyHostToDevice), "cudaMemcpy");
    gpu_require(rk__gpu_round_run(gpu_stream, &a), "round");
    expect_forms(&a.input, TOKENS, COLUMNS, "round");
    free(x);
    gpu_free_all();
}

// ---- norm and mix

typedef struct mix_case {
    size_t n_embd;
    bool shifts, has_addend, keeps;
} mix_case;

static void check_norm_mix(const mix_case *c) {
    enum { MIXES = 2 };
    const size_t n = c->n_embd, stride = 3 * n + 5; // of a sequence's state
    float *x = gpu_floats(GPU_TOKENS * n, -2.0F, 4.0F),
          *state = gpu_floats(GPU_SEQUENCES * stride, -1, 1);
    float *weight = gpu_floats(n, 0.5F, 1.5F), *bias = gpu_floats(n, -0.5F, 0.5F);
    float *mixes = gpu_floats(MIXES * n, 0.0F, 1.0F),
          *addend = gpu_floats(GPU_TOKENS * n, -0.2F, 0.2F);
    rk__gpu_norm_mix a = {.x = gpu_of_floats(x, GPU_TOKENS * n),
                          .weight = gpu_of_floats(weight, n),
                          .bias = gpu_of_floats(bias, n),
                          .state = gpu_of_floats(state, GPU_SEQUENCES * stride),
                          .sequence_floats = stride,
                          .tokens = gpu_tokens_new(),
                          .n_mixes = MIXES,
                          .n_embd = (uint32_t)n,
                          .shifts_towards_previous = c->shifts,
                          .keeps = c->keeps};
    const float *addend_on_device = gpu_of_floats(addend, GPU_TOKENS * n);
    for (size_t i = 0; i < MIXES; i++) {
        a.mix[i] = (rk__gpu_mix){gpu_of_floats(mixes + i * n, n),
                                 c->has_addend ? addend_on_device : NULL, input_new(GPU_TOKENS, n)};
    }
    gpu_require(rk__gpu_norm_mix_run(gpu_stream, &a), "norm_mix");

    float *normed = gpu_host_new(GPU_TOKENS * n, 4),
          *wanted = gpu_host_new(MIXES * GPU_TOKENS * n, 4);
    for (size_t t = 0; t < GPU_TOKENS; t++) {
        gpu_cpu.vector.layer_norm(normed + t * n, x + t * n, weight, bias, n, 1e-5F);
    }
    for (size_t t = 0; t < GPU_TOKENS; t++) {
        const bool begins = gpu_token_first[t] == (int32_t)t;
        const float *previous =
            begins ? state + (size_t)gpu_token_sequence[t] * stride : normed + (t - 1) * n;
        for (size_t i = 0; i < MIXES; i++) {
            float *out = wanted + (i * GPU_TOKENS + t) * n;
            for (size_t j = 0; j < n; j++) {
                out[j] = mixes[i * n + j] + (c->has_addend ? addend[t * n + j] : 0.0F);
            }
            (c->shifts ? gpu_cpu.vector.shift : gpu_cpu.vector.lerp)(out, normed + t * n, previous,
                                                                     out, n);
        }
    }
    for (size_t i = 0; i < MIXES; i++) {
        gpu_expect_near(a.mix[i].out.x, wanted + i * GPU_TOKENS * n, GPU_TOKENS * n, 2e-5,
                        "norm_mix");
        expect_forms(&a.mix[i].out, GPU_TOKENS, n, "norm_mix");
    }
    for (size_t s = 0; c->keeps && s < GPU_SPANS; s++) {
        memcpy(state + (size_t)gpu_span_sequence[s] * stride,
               normed + (size_t)(gpu_span_first[s] + gpu_span_count[s] - 1) * n, 4 * n);
    }
    gpu_expect_near(a.state, state, GPU_SEQUENCES * stride, 2e-5, "norm_mix: the state");
    free(x);
    free(state);
    free(weight);
    free(bias);
    free(mixes);
    free(addend);
    free(normed);
    free(wanted);
    gpu_free_all();
}

// ---- matrices

// A random matrix of any type: on the device, and its values.
static rk__gpu_matrix matrix_new(rk_dtype dtype, size_t rows, size_t columns, float **values,
                                 uint8_t **bytes) {
    const rk__gpu_layout l = rk__gpu_layout_of(dtype);
    const size_t n = rows * columns, n_blocks = n / l.block_values;
    size_t row_bytes = 0;
    if (!rk_dtype_row_bytes(&row_bytes, dtype, columns)) abort();
    float *raw = gpu_floats(n, -1.0F, 1.0F);
    uint8_t *file = gpu_host_new(rows, row_bytes);
    for (size_t r = 0; r < rows; r++) {
        rk__row_encoder_of(dtype)(file + r * row_bytes, raw + r * columns, columns);
    }
    *values = raw;
    for (size_t r = 0; r < rows; r++) {
        rk__row_decoder_of(dtype)(raw + r * columns, file + r * row_bytes, columns);
    }
    // Rows of floats are apart by whole vectors of 16 bytes.
    const size_t stride_bytes = (columns / l.block_values * l.values + 15) / 16 * 16;
    uint8_t *codes = gpu_host_new(rows, stride_bytes), *steps = gpu_host_new(n_blocks, 8);
    uint8_t *fifths = gpu_host_new(n_blocks, 4);
    for (size_t r = 0; r < rows; r++) {
        const size_t b = r * (columns / l.block_values);
        rk__gpu_pack(dtype, file + r * row_bytes, columns / l.block_values,
                     codes + r * stride_bytes, steps + b * l.steps, fifths + b * l.fifths);
    }
    const rk__gpu_matrix m = {.values = gpu_of(codes, rows * stride_bytes),
                              .steps = l.steps == 0 ? NULL : gpu_of(steps, n_blocks * l.steps),
                              .fifths = l.fifths == 0 ? NULL : gpu_of(fifths, n_blocks * l.fifths),
                              .rows = (uint32_t)rows,
                              .columns = (uint32_t)columns,
                              .stride = (uint32_t)(stride_bytes / l.values * l.block_values),
                              .dtype = dtype};
    free(codes);
    free(steps);
    free(fifths);
    if (bytes == NULL) {
        free(file);
    } else {
        *bytes = file;
    }
    return m;
}

static const rk_dtype all_types[] = {RK_DTYPE_F32,  RK_DTYPE_F16,  RK_DTYPE_BF16, RK_DTYPE_Q4_0,
                                     RK_DTYPE_Q4_1, RK_DTYPE_Q5_0, RK_DTYPE_Q5_1, RK_DTYPE_Q8_0};
enum { N_TYPES = sizeof all_types / sizeof all_types[0] };

static bool is_block(rk_dtype dtype) {
    return rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK;
}

// What has been cut apart goes together again, byte for byte, and every part is written.
static void check_pack(rk_dtype dtype) {
    enum { BLOCKS = 37 };
    const rk__gpu_layout l = rk__gpu_layout_of(dtype);
    const size_t bytes = rk_dtype_describe(dtype)->block_bytes;
    uint8_t *file = gpu_host_new(BLOCKS, bytes), *again = gpu_host_new(BLOCKS, bytes);
    uint8_t *values = gpu_host_new(BLOCKS, l.values), *steps = gpu_host_new(BLOCKS, l.steps + 1);
    uint8_t *fifths = gpu_host_new(BLOCKS, l.fifths + 1);
    for (size_t i = 0; i < BLOCKS * bytes; i++) file[i] = (uint8_t)gpu_uniform(0.0F, 255.9F);
    rk__gpu_pack(dtype, file, BLOCKS, values, steps, fifths);
    rk__gpu_unpack(dtype, again, BLOCKS, values, steps, fifths);
    gpu_expect(l.values + l.steps + l.fifths == bytes, "%s: parts are all of a block",
               rk_dtype_describe(dtype)->name);
    gpu_expect(memcmp(file, again, BLOCKS * bytes) == 0, "%s: packing is not reversible",
               rk_dtype_describe(dtype)->name);
    free(file);
    free(again);
    free(values);
    free(steps);
    free(fifths);
}

// Types that no kernel has are refused, not taken for others.
static void check_unknown_types(void) {
    static const rk_dtype unknown[] = {RK_DTYPE_Q4_0_V100, RK_DTYPE_Q4_1_O_V100};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        const char *name = rk_dtype_describe(unknown[i])->name;
        const rk__gpu_layout l = rk__gpu_layout_of(unknown[i]);
        gpu_expect(l.block_values == 0 && l.values == 0, "%s: has a layout", name);
        const rk__gpu_products a = {
            .product = {{.matrix = {.rows = 4, .columns = 64, .dtype = unknown[i]}}},
            .n = 1,
            .n_tokens = 1};
        gpu_expect(rk__gpu_matvec_block_run(gpu_stream, &a) != 0, "%s: as blocks", name);
        gpu_expect(rk__gpu_matvec_float_run(gpu_stream, &a) != 0, "%s: as floats", name);
    }
}

// What is widened is the matrix's values as FP16.
static void check_widen(rk_dtype dtype) {
    enum { ROWS = 5, COLUMNS = 320, FIRST = 2, N = 3 };
    float *values = NULL;
    const rk__gpu_matrix m = matrix_new(dtype, ROWS, COLUMNS, &values, NULL);
    const rk__gpu_widen a = {m, gpu_new(2 * N * COLUMNS), FIRST, N};
    gpu_require(rk__gpu_widen_run(gpu_stream, &a), "widen");
    uint16_t *found = gpu_host_of(a.half, N * COLUMNS, sizeof *found);
    size_t n_wrong = 0;
    for (size_t i = 0; i < N * COLUMNS; i++) {
        n_wrong += found[i] != rk__f16_from_float(values[FIRST * COLUMNS + i]);
    }
    gpu_expect(n_wrong == 0, "widen %s: %zu of %d values differ", rk_dtype_describe(dtype)->name,
               n_wrong, N * COLUMNS);
    free(found);
    free(values);
    gpu_free_all();
}

static void check_embed(rk_dtype dtype) {
    enum { ROWS = 9, COLUMNS = 96, N = 4 };
    static const int32_t token[N] = {8, 0, 3, 8};
    float *values = NULL, *weight = gpu_floats(COLUMNS, 0.5F, 2.0F),
          *bias = gpu_floats(COLUMNS, -1, 1);
    const rk__gpu_embed a = {.matrix = matrix_new(dtype, ROWS, COLUMNS, &values, NULL),
                             .token = gpu_of(token, sizeof token),
                             .weight = gpu_of_floats(weight, COLUMNS),
                             .bias = gpu_of_floats(bias, COLUMNS),
                             .x = gpu_new(4 * N * COLUMNS),
                             .n_tokens = N};
    gpu_require(rk__gpu_embed_run(gpu_stream, &a), "embed");
    float wanted[N * COLUMNS];
    for (size_t t = 0; t < N; t++) {
        gpu_cpu.vector.layer_norm(wanted + t * COLUMNS, values + (size_t)token[t] * COLUMNS, weight,
                                  bias, COLUMNS, 1e-5F);
    }
    gpu_expect_near(a.x, wanted, N * COLUMNS, 2e-5, rk_dtype_describe(dtype)->name);
    free(values);
    free(weight);
    free(bias);
    gpu_free_all();
}

static void check_norm_rows(size_t n_embd) {
    enum { N = 3 };
    static const int32_t index[N] = {4, 0, 4};
    float *x = gpu_floats(5 * n_embd, -4, 4), *weight = gpu_floats(n_embd, 0.5F, 2),
          *bias = gpu_floats(n_embd, -1, 1);
    const rk__gpu_norm_rows a = {.x = gpu_of_floats(x, 5 * n_embd),
                                 .index = gpu_of(index, sizeof index),
                                 .weight = gpu_of_floats(weight, n_embd),
                                 .bias = gpu_of_floats(bias, n_embd),
                                 .out = input_new(N, n_embd),
                                 .n = N,
                                 .n_embd = (uint32_t)n_embd};
    gpu_require(rk__gpu_norm_rows_run(gpu_stream, &a), "norm_rows");
    float *wanted = gpu_host_new(N * n_embd, 4);
    for (size_t i = 0; i < N; i++) {
        gpu_cpu.vector.layer_norm(wanted + i * n_embd, x + (size_t)index[i] * n_embd, weight, bias,
                                  n_embd, 1e-5F);
    }
    gpu_expect_near(a.out.x, wanted, N * n_embd, 2e-5, "norm_rows");
    expect_forms(&a.out, N, n_embd, "norm_rows");
    free(x);
    free(weight);
    free(bias);
    free(wanted);
    gpu_free_all();
}

// ---- products

// What the CPU's kernel makes of these rows and activations.
static void multiply_on_cpu(rk_dtype dtype, float *out, const uint8_t *rows, size_t n_rows,
                            size_t columns, const float *x, size_t n_tokens) {
    const rk__product *product = &gpu_cpu.product[dtype];
    size_t panel_bytes = 0, row_bytes = 0;
    if (!rk__panel_bytes(&panel_bytes, product, dtype, columns)) abort();
    (void)rk_dtype_row_bytes(&row_bytes, dtype, columns);
    const size_t unit = product->panel_rows, n_panels = (n_rows + unit - 1) / unit;
    uint8_t *panels = aligned_alloc(64, (n_panels * panel_bytes + 63) / 64 * 64);
    if (panels == NULL) abort();
    for (size_t p = 0; p < n_panels; p++) {
        const size_t left = n_rows - p * unit;
        product->pack(panels + p * panel_bytes, rows + p * unit * row_bytes, row_bytes,
                      left < unit ? left : unit, columns);
    }
    const size_t n = n_tokens * columns;
    int8_t *q = gpu_host_new(n, 1);
    float *scale = gpu_host_new(n, 4);
    int32_t *qsum = gpu_host_new(n, 4);
    if (columns % 32 == 0) gpu_cpu.quantize_activations(q, scale, qsum, x, n_tokens, columns);
    const rk__activations input = {x, q, scale, qsum};
    product->multiply(out, n_rows, panels, n_rows, columns, &input, n_tokens);
    free(panels);
    free(q);
    free(scale);
    free(qsum);
}

static float ended(rk__gpu_ending ending, float before, float value, float gate) {
    float out = value;
    if (ending == RK__END_ADD) return before + value;
    if (ending == RK__END_GATED_ADD) {
        gpu_cpu.vector.sigmoid(&out, &gate, 1);
        return before + value * out;
    }
    if (ending == RK__END_SQUARED_RELU) gpu_cpu.vector.squared_relu(&out, &value, 1);
    if (ending == RK__END_TANH) gpu_cpu.vector.tanh(&out, &value, 1);
    if (ending == RK__END_SIGMOID) gpu_cpu.vector.sigmoid(&out, &value, 1);
    return out;
}

// One product of a group on both sides.
typedef struct one_product {
    size_t rows;
    float *wanted, *before, *gate;
} one_product;

static void check_products(rk_dtype dtype, size_t columns, size_t n_tokens) {
    enum { N = 3 };
    static const size_t rows_of[N] = {8, 21, 1};
    static rk__gpu_ending next; // all of them in turns
    rk__gpu_products a = {.n = N, .n_tokens = (uint32_t)n_tokens};
    one_product of[N];
    float *x = gpu_floats(n_tokens * columns, -2.0F, 2.0F);
    rk__gpu_input input = input_new(n_tokens, columns);
    gpu_require(cudaMemcpy(input.x, x, 4 * n_tokens * columns, cudaMemcpyHostToDevice),
                "cudaMemcpy");
    const rk__gpu_round round = {input, (uint32_t)n_tokens, (uint32_t)columns};
    gpu_require(rk__gpu_round_run(gpu_stream, &round), "round");
    for (size_t i = 0; i < N; i++) {
        const size_t n = n_tokens * rows_of[i];
        const rk__gpu_ending ending = next;
        next = next == RK__END_SIGMOID ? RK__END_STORE : (rk__gpu_ending)(next + 1);
        float *values = NULL;
        uint8_t *bytes = NULL;
        of[i] = (one_product){.rows = rows_of[i],
                              .wanted = gpu_host_new(n, 4),
                              .before = gpu_floats(n, -1, 1),
                              .gate = gpu_floats(n, -3, 3)};
        a.product[i] =
            (rk__gpu_product){.matrix = matrix_new(dtype, rows_of[i], columns, &values, &bytes),
                              .input = input,
                              .out = gpu_of_floats(of[i].before, n),
                              .gate = gpu_of_floats(of[i].gate, n),
                              .out_stride = (uint32_t)rows_of[i],
                              .ending = ending};
        multiply_on_cpu(dtype, of[i].wanted, bytes, rows_of[i], columns, x, n_tokens);
        for (size_t j = 0; j < n; j++) {
            of[i].wanted[j] = ended(ending, of[i].before[j], of[i].wanted[j], of[i].gate[j]);
        }
        free(values);
        free(bytes);
    }
    gpu_require(cudaStreamSynchronize(gpu_stream), "round");
    gpu_require(is_block(dtype) ? rk__gpu_matvec_block_run(gpu_stream, &a)
                                : rk__gpu_matvec_float_run(gpu_stream, &a),
                "matvec");
    for (size_t i = 0; i < N; i++) {
        char what[96];
        (void)snprintf(what, sizeof what, "%s, %zu columns, %zu tokens, ending %d",
                       rk_dtype_describe(dtype)->name, columns, n_tokens, (int)a.product[i].ending);
        const size_t n = n_tokens * of[i].rows;
        // Squares double what a value is off by, times the value.
        double largest = 1.0;
        for (size_t j = 0; j < n; j++) largest = fmax(largest, fabs((double)of[i].wanted[j]));
        const double limit = (2e-6 + 4e-8 * (double)columns) * largest;
        gpu_expect_near(a.product[i].out, of[i].wanted, n, limit, what);
        free(of[i].wanted);
        free(of[i].before);
        free(of[i].gate);
    }
    free(x);
    gpu_free_all();
}

// Endings of products that were made elsewhere.
static void check_end(rk__gpu_ending ending) {
    enum { TOKENS = 3, ROWS = 101, STRIDE = 110 };
    float *product = gpu_floats(TOKENS * ROWS, -3, 3), *before = gpu_floats(TOKENS * STRIDE, -1, 1);
    float *gate = gpu_floats(TOKENS * STRIDE, -3, 3), *wanted = gpu_host_new(TOKENS * STRIDE, 4);
    const rk__gpu_end a = {.product = gpu_of_floats(product, TOKENS * ROWS),
                           .out = gpu_of_floats(before, TOKENS * STRIDE),
                           .gate = gpu_of_floats(gate, TOKENS * STRIDE),
                           .rows = ROWS,
                           .out_stride = STRIDE,
                           .n_tokens = TOKENS,
                           .ending = ending};
    gpu_require(rk__gpu_end_run(gpu_stream, &a), "end");
    memcpy(wanted, before, sizeof *wanted * TOKENS * STRIDE);
    for (size_t t = 0; t < TOKENS; t++) {
        for (size_t r = 0; r < ROWS; r++) {
            const size_t at = t * STRIDE + r;
            wanted[at] = ended(ending, before[at], product[t * ROWS + r], gate[at]);
        }
    }
    gpu_expect_near(a.out, wanted, TOKENS * STRIDE, 2e-6, "end");
    free(product);
    free(before);
    free(gate);
    free(wanted);
    gpu_free_all();
}

// One token, or some together: the same bits.
static void check_equal_over_tokens(rk_dtype dtype) {
    enum { ROWS = 11, COLUMNS = 672, TOKENS = 6 };
    float *values = NULL, *x = gpu_floats(TOKENS * COLUMNS, -2, 2);
    rk__gpu_products a = {.n = 1, .n_tokens = TOKENS};
    rk__gpu_input input = input_new(TOKENS, COLUMNS);
    gpu_require(cudaMemcpy(input.x, x, 4 * TOKENS * COLUMNS, cudaMemcpyHostToDevice), "cudaMemcpy");
    const rk__gpu_round round = {input, TOKENS, COLUMNS};
    gpu_require(rk__gpu_round_run(gpu_stream, &round), "round");
    a.product[0] = (rk__gpu_product){.matrix = matrix_new(dtype, ROWS, COLUMNS, &values, NULL),
                                     .input = input,
                                     .out = gpu_new(4 * TOKENS * ROWS),
                                     .out_stride = ROWS};
    unsigned (*const run)(rk__gpu_stream, const rk__gpu_products *) =
        is_block(dtype) ? rk__gpu_matvec_block_run : rk__gpu_matvec_float_run;
    gpu_require(run(gpu_stream, &a), "matvec");
    float *together = gpu_host_of(a.product[0].out, TOKENS * ROWS, 4);
    for (size_t t = 0; t < TOKENS; t++) {
        a.n_tokens = 1;
        a.product[0].input.x = input.x + t * COLUMNS;
        a.product[0].input.q = input.q + t * COLUMNS;
        a.product[0].input.scale = input.scale + t * (COLUMNS / 32);
        a.product[0].input.qsum = input.qsum + t * (COLUMNS / 32);
        gpu_require(run(gpu_stream, &a), "matvec");
        float *alone = gpu_host_of(a.product[0].out, ROWS, 4);
        gpu_expect(memcmp(alone, together + t * ROWS, 4 * ROWS) == 0,
                   "%s: token %zu alone is not the same", rk_dtype_describe(dtype)->name, t);
        free(alone);
    }
    free(together);
    free(values);
    free(x);
    gpu_free_all();
}

// ----

static void check_all_products(void) {
    static const size_t columns[] = {8, 20, 32, 96, 1056}, tokens[] = {1, 2, 4, 5, 9};
    for (size_t i = 0; i < N_TYPES; i++) {
        for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
            if (is_block(all_types[i]) && columns[c] % 32 != 0) continue;
            for (size_t t = 0; t < sizeof tokens / sizeof tokens[0]; t++) {
                check_products(all_types[i], columns[c], tokens[t]);
            }
        }
        check_pack(all_types[i]);
        check_equal_over_tokens(all_types[i]);
        check_widen(all_types[i]);
        check_embed(all_types[i]);
    }
}

int main(int argc, char **argv) {
    static const mix_case mixes[] = {{40, false, false, true},
                                     {60, true, true, true},
                                     {64, true, false, false},
                                     {96, false, false, true},
                                     {544, true, true, true}};
    gpu_begin();
    gpu_memory_begin(argc > 1 ? strtoull(argv[1], NULL, 10) : 1);
    check_round();
    for (size_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++) check_norm_mix(&mixes[i]);
    check_norm_rows(40);
    check_norm_rows(352);
    for (int i = RK__END_STORE; i <= RK__END_SIGMOID; i++) check_end((rk__gpu_ending)i);
    check_all_products();
    check_unknown_types();
    gpu_check_recurrences();
    gpu_memory_end();
    return gpu_end();
}
