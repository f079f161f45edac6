// The recurrences of lib/cuda against the CPU's scalar ones.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu_memory.h"

static void check_wkv4(size_t n) {
    const size_t stride = 5 * n; // rows ffn_xx, att_xx, aa, bb, pp
    float *r = gpu_floats(GPU_TOKENS * n, -3, 3), *k = gpu_floats(GPU_TOKENS * n, -9, 9);
    float *v = gpu_floats(GPU_TOKENS * n, -2, 2), *u = gpu_floats(n, -2, 2),
          *w = gpu_floats(n, -4, -0.01F);
    float *state = gpu_floats(GPU_SEQUENCES * stride, 0.1F, 2.0F),
          *wanted = gpu_host_new(GPU_TOKENS * n, 4);
    for (size_t i = 0; i < n; i++) state[3 * stride - n + i] = -1e38F; // sequence 2: empty
    const rk__gpu_wkv4 a = {.r = gpu_of_floats(r, GPU_TOKENS * n),
                            .k = gpu_of_floats(k, GPU_TOKENS * n),
                            .v = gpu_of_floats(v, GPU_TOKENS * n),
                            .first = gpu_of_floats(u, n),
                            .decay = gpu_of_floats(w, n),
                            .state = gpu_of_floats(state, GPU_SEQUENCES * stride) + 2 * n,
                            .sequence_floats = stride,
                            .tokens = gpu_tokens_new(),
                            .out = gpu_new(4 * GPU_TOKENS * n),
                            .n_embd = (uint32_t)n};
    gpu_require(rk__gpu_wkv4_run(gpu_stream, &a), "wkv4");
    for (size_t t = 0; t < GPU_TOKENS; t++) {
        float *s = state + (size_t)gpu_token_sequence[t] * stride + 2 * n;
        gpu_cpu.vector.wkv4(wanted + t * n, s, s + n, s + 2 * n, k + t * n, v + t * n, u, w, n);
        gpu_cpu.vector.sigmoid(r + t * n, r + t * n, n);
        gpu_cpu.vector.multiply(wanted + t * n, wanted + t * n, r + t * n, n);
    }
    gpu_expect_near(a.out, wanted, GPU_TOKENS * n, 1e-5, "wkv4");
    gpu_expect_near(a.state - 2 * n, state, GPU_SEQUENCES * stride, 1e-4, "wkv4: the state");
    free(r);
    free(k);
    free(v);
    free(u);
    free(w);
    free(state);
    free(wanted);
    gpu_free_all();
}

// Heads of one size with everything that a recurrence reads, on both sides.
typedef struct heads_case {
    size_t n_head, size, n_embd, stride;
    float *state, *ln_weight, *ln_bias;
    rk__gpu_heads gpu;
} heads_case;

static heads_case heads_new(size_t n_head, size_t size) {
    heads_case c = {.n_head = n_head, .size = size, .n_embd = n_head * size};
    c.stride = n_head * size * size + 2 * c.n_embd;
    c.state = gpu_floats(GPU_SEQUENCES * c.stride, -0.5F, 0.5F);
    c.ln_weight = gpu_floats(c.n_embd, 0.5F, 1.5F);
    c.ln_bias = gpu_floats(c.n_embd, -0.5F, 0.5F);
    c.gpu =
        (rk__gpu_heads){.state = gpu_of_floats(c.state, GPU_SEQUENCES * c.stride) + 2 * c.n_embd,
                        .sequence_floats = c.stride,
                        .tokens = gpu_tokens_new(),
                        .ln_weight = gpu_of_floats(c.ln_weight, c.n_embd),
                        .ln_bias = gpu_of_floats(c.ln_bias, c.n_embd),
                        .eps = 64e-5F,
                        .n_head = (uint32_t)n_head,
                        .head_size = (uint32_t)size,
                        .out = gpu_new(4 * GPU_TOKENS * c.n_embd)};
    return c;
}

static float *state_of(const heads_case *c, size_t token, size_t head) {
    return c->state + (size_t)gpu_token_sequence[token] * c->stride + 2 * c->n_embd +
           head * c->size * c->size;
}

static void heads_end(heads_case *c, const float *wanted, const char *what) {
    char text[64];
    (void)snprintf(text, sizeof text, "%s, heads of %zu", what, c->size);
    gpu_expect_near(c->gpu.out, wanted, GPU_TOKENS * c->n_embd, 2e-4, text);
    (void)snprintf(text, sizeof text, "%s, heads of %zu: the state", what, c->size);
    gpu_expect_near(c->gpu.state - 2 * c->n_embd, c->state, GPU_SEQUENCES * c->stride, 2e-5, text);
    free(c->state);
    free(c->ln_weight);
    free(c->ln_bias);
    gpu_free_all();
}

static void check_wkv6(size_t size, bool is_rwkv6, bool has_gate) {
    heads_case c = heads_new(2, size);
    const size_t e = c.n_embd, n = GPU_TOKENS * e;
    float *r = gpu_floats(n, -1, 1), *k = gpu_floats(n, -1, 1), *v = gpu_floats(n, -1, 1);
    float *gate = gpu_floats(n, -2, 2), *more = gpu_floats(n, -1, 1), *u = gpu_floats(e, -1, 1);
    float *decay = is_rwkv6 ? gpu_floats(e, -3, 1) : gpu_floats(e, 0.1F, 0.99F);
    float *wanted = gpu_host_new(n, 4), *w = gpu_host_new(e, 4);
    const rk__gpu_wkv6 a = {.heads = c.gpu,
                            .r = gpu_of_floats(r, n),
                            .k = gpu_of_floats(k, n),
                            .v = gpu_of_floats(v, n),
                            .gate = has_gate ? gpu_of_floats(gate, n) : NULL,
                            .first = gpu_of_floats(u, e),
                            .decay = gpu_of_floats(decay, e),
                            .token_decay = is_rwkv6 ? gpu_of_floats(more, n) : NULL};
    gpu_require(rk__gpu_wkv6_run(gpu_stream, &a), "wkv6");
    for (size_t t = 0; t < GPU_TOKENS; t++) {
        memcpy(w, decay, 4 * e);
        if (is_rwkv6) {
            gpu_cpu.vector.add(w, w, more + t * e, e);
            gpu_cpu.vector.exp_of_negative_exp(w, w, e);
        }
        for (size_t h = 0; h < c.n_head; h++) {
            const size_t ch = h * size, at = t * e + ch;
            float *y = wanted + at;
            gpu_cpu.vector.wkv6(y, state_of(&c, t, h), r + at, k + at, v + at, u + ch, w + ch,
                                size);
            gpu_cpu.vector.layer_norm(y, y, c.ln_weight + ch, c.ln_bias + ch, size, 64e-5F);
            if (!has_gate) continue;
            gpu_cpu.vector.silu(gate + at, gate + at, size);
            gpu_cpu.vector.multiply(y, y, gate + at, size);
        }
    }
    heads_end(&c, wanted, is_rwkv6 ? "wkv6 of RWKV-6" : "wkv6 of RWKV-5");
    float *const all[] = {r, k, v, gate, more, u, decay, wanted, w};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
}

// What the CPU does with one head of one token of RWKV-7 (cpu/cpu_rwkv7.c).
typedef struct wkv7_vectors {
    float *r, *k, *v, *gate, *decay, *rate, *residual, *first_value; // [tokens][n_embd]
    float *w0, *a0, *v0, *k_k, *k_a, *r_k;                           // [n_embd]
} wkv7_vectors;

static void run_wkv7_head(const heads_case *c, const wkv7_vectors *x, bool is_first, size_t t,
                          size_t head, float *y) {
    const size_t n = c->size, ch = head * n, at = t * c->n_embd + ch;
    float removed[RK__GPU_HEAD_SIZE];
    gpu_cpu.vector.add(x->decay + at, x->decay + at, x->w0 + ch, n);
    gpu_cpu.vector.rwkv7_decay(x->decay + at, x->decay + at, n);
    gpu_cpu.vector.add(x->rate + at, x->rate + at, x->a0 + ch, n);
    gpu_cpu.vector.sigmoid(x->rate + at, x->rate + at, n);
    if (is_first) {
        memcpy(x->first_value + at, x->v + at, 4 * n);
    } else {
        gpu_cpu.vector.add(x->residual + at, x->residual + at, x->v0 + ch, n);
        gpu_cpu.vector.sigmoid(x->residual + at, x->residual + at, n);
        gpu_cpu.vector.shift(x->v + at, x->v + at, x->first_value + at, x->residual + at, n);
    }
    gpu_cpu.vector.rwkv7_key(x->k + at, removed, x->rate + at, x->k_k + ch, x->k_a + ch, n);
    gpu_cpu.vector.wkv7(y, state_of(c, t, head), x->r + at, x->decay + at, x->k + at, x->v + at,
                        removed, x->rate + at, n);
    gpu_cpu.vector.layer_norm(y, y, c->ln_weight + ch, c->ln_bias + ch, n, 64e-5F);
    gpu_cpu.vector.rwkv7_bonus(y, x->r + at, x->k + at, x->v + at, x->r_k + ch, n);
    gpu_cpu.vector.multiply(y, y, x->gate + at, n);
}

static void check_wkv7(size_t size, bool is_first) {
    heads_case c = heads_new(2, size);
    const size_t e = c.n_embd, n = GPU_TOKENS * e;
    float *const a_token[8] = {gpu_floats(n, -1, 1), gpu_floats(n, -1, 1), gpu_floats(n, -1, 1),
                               gpu_floats(n, -1, 1), gpu_floats(n, -2, 2), gpu_floats(n, -2, 2),
                               gpu_floats(n, -2, 2), gpu_floats(n, -1, 1)};
    float *const a_channel[6] = {gpu_floats(e, -2, 2), gpu_floats(e, -2, 2), gpu_floats(e, -2, 2),
                                 gpu_floats(e, -1, 1), gpu_floats(e, -1, 1), gpu_floats(e, -1, 1)};
    const wkv7_vectors x = {a_token[0],   a_token[1],   a_token[2],   a_token[3],   a_token[4],
                            a_token[5],   a_token[6],   a_token[7],   a_channel[0], a_channel[1],
                            a_channel[2], a_channel[3], a_channel[4], a_channel[5]};
    const rk__gpu_wkv7 a = {.heads = c.gpu,
                            .r = gpu_of_floats(x.r, n),
                            .k = gpu_of_floats(x.k, n),
                            .v = gpu_of_floats(x.v, n),
                            .gate = gpu_of_floats(x.gate, n),
                            .decay = gpu_of_floats(x.decay, n),
                            .rate = gpu_of_floats(x.rate, n),
                            .residual = is_first ? NULL : gpu_of_floats(x.residual, n),
                            .first_value = gpu_of_floats(x.first_value, n),
                            .w0 = gpu_of_floats(x.w0, e),
                            .a0 = gpu_of_floats(x.a0, e),
                            .v0 = gpu_of_floats(x.v0, e),
                            .k_k = gpu_of_floats(x.k_k, e),
                            .k_a = gpu_of_floats(x.k_a, e),
                            .r_k = gpu_of_floats(x.r_k, e)};
    gpu_require(rk__gpu_wkv7_run(gpu_stream, &a), "wkv7");
    float *wanted = gpu_host_new(n, 4);
    for (size_t t = 0; t < GPU_TOKENS; t++) {
        for (size_t h = 0; h < c.n_head; h++) {
            run_wkv7_head(&c, &x, is_first, t, h, wanted + t * e + h * size);
        }
    }
    gpu_expect_near(a.first_value, x.first_value, n, 0.0, "wkv7: the first layer's value");
    heads_end(&c, wanted, is_first ? "wkv7 of the first layer" : "wkv7");
    for (size_t i = 0; i < 8; i++) free(a_token[i]);
    for (size_t i = 0; i < 6; i++) free(a_channel[i]);
    free(wanted);
}

void gpu_check_recurrences(void) {
    static const size_t sizes[] = {1, 20, 32, 33, 64, 128};
    check_wkv4(40);
    check_wkv4(300);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check_wkv6(sizes[i], false, false);
        check_wkv6(sizes[i], false, true);
        check_wkv6(sizes[i], true, true);
        check_wkv7(sizes[i], true);
        check_wkv7(sizes[i], false);
    }
}
