// The weights of a layer of each version, as pointers for a stage to fill: float vectors, and
// matrices as the stage holds them.
#ifndef RK_ARCH_LAYERS_H
#define RK_ARCH_LAYERS_H

// A matrix as a stage holds it: packed, on its device. What it looks like is each stage's own
// business.
typedef struct rk__matrix rk__matrix;

// The tensors around the layers, the same for every version.
typedef struct rk__outer_weights {
    const rk__matrix *emb;              // [n_vocab][n_embd]
    const float *ln0_weight, *ln0_bias; // [n_embd]
    const float *ln_out_weight, *ln_out_bias;
    const rk__matrix *head; // [n_vocab][n_embd]
} rk__outer_weights;

// Channel mixing, in all versions a two-layer network with squared ReLU.
typedef struct rk__channel_mixing_weights {
    const float *mix_k, *mix_r;   // [n_embd]; RWKV-7 has no mix_r
    const rk__matrix *key;        // [n_ffn][n_embd]
    const rk__matrix *value;      // [n_embd][n_ffn]
    const rk__matrix *receptance; // [n_embd][n_embd]; RWKV-7 has none
} rk__channel_mixing_weights;

// What the layers of all versions have; every layer's struct begins with it.
typedef struct rk__common_weights {
    const float *ln1_weight, *ln1_bias, *ln2_weight, *ln2_bias; // [n_embd]
    rk__channel_mixing_weights ffn;
    const float *time_state; // [n_head][head_size][head_size], a tuned initial state, or NULL
} rk__common_weights;

// Equations of all versions: docs/numerics.md.

typedef struct rk__layer_rwkv4 {
    rk__common_weights common;
    const float *mix_k, *mix_v, *mix_r;                  // [n_embd]
    const float *decay;                                  // [n_embd], -exp(raw) < 0
    const float *first;                                  // [n_embd]
    const rk__matrix *key, *value, *receptance, *output; // [n_embd][n_embd]
} rk__layer_rwkv4;

typedef struct rk__layer_rwkv5 {
    rk__common_weights common;
    const float *mix_k, *mix_v, *mix_r;                  // [n_embd]
    const float *mix_g;                                  // [n_embd]; NULL without a gate
    const float *decay;                                  // [n_embd], exp(-exp(raw)) in (0, 1)
    const float *first;                                  // [n_embd]
    const float *ln_x_weight, *ln_x_bias;                // [n_embd]
    const rk__matrix *key, *value, *receptance, *output; // [n_embd][n_embd]
    const rk__matrix *gate;                              // [n_embd][n_embd], or NULL
} rk__layer_rwkv5;

// The data-dependent token shift of RWKV-6 has five outputs, in this order.
enum { RK__RWKV6_W, RK__RWKV6_K, RK__RWKV6_V, RK__RWKV6_R, RK__RWKV6_G, RK__RWKV6_MIXES };

typedef struct rk__layer_rwkv6 {
    rk__common_weights common;
    const float *maa_x;                         // [n_embd]
    const float *maa[RK__RWKV6_MIXES];          // [n_embd]
    const rk__matrix *maa_in;                   // [5 * mixing rank][n_embd]
    const rk__matrix *maa_out[RK__RWKV6_MIXES]; // [n_embd][mixing rank]
    const float *decay;                         // [n_embd], raw
    const rk__matrix *decay_in, *decay_out;     // [decay rank][n_embd], [n_embd][decay rank]
    const float *first;                         // [n_embd]
    const float *ln_x_weight, *ln_x_bias;       // [n_embd]
    const rk__matrix *key, *value, *receptance, *gate, *output; // [n_embd][n_embd]
} rk__layer_rwkv6;

// A low-rank matrix as the product of two.
typedef struct rk__adapter_weights {
    const rk__matrix *in;  // [rank][n_embd]
    const rk__matrix *out; // [n_embd][rank]
} rk__adapter_weights;

typedef struct rk__layer_rwkv7 {
    rk__common_weights common;
    const float *mix_r, *mix_w, *mix_k, *mix_v, *mix_a, *mix_g; // [n_embd]
    const float *w0, *a0;                                       // [n_embd]
    const float *v0;                                            // [n_embd]; not in layer 0
    rk__adapter_weights w, a, g;                                // decay, learning rate, gate
    rk__adapter_weights v;                                      // value residual; not in layer 0
    const float *k_k, *k_a, *r_k;                               // [n_embd]
    const float *ln_x_weight, *ln_x_bias;                       // [n_embd]
    const rk__matrix *key, *value, *receptance, *output;        // [n_embd][n_embd]
} rk__layer_rwkv7;

#endif
