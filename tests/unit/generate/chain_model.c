// The layers are switched off (they add zeros), so the logits are head * ln_out(ln0(emb[token])):
// with random rows in the embedding and the same rows, in another order, in the head, each byte
// finds the row of the one that follows it.
#include "chain_model.h"

#include <math.h>
#include <string.h>

#include "support/small_model.h"

enum { VOCAB = 256, EMBD = 64 };

static void set_all(const test_small_tensors *model, const char *name, size_t n, float value) {
    float *values = test_small_model_find(model, name);
    for (size_t i = 0; i < n; i++) values[i] = value;
}

static unsigned char follower(unsigned char byte, const char *cycle) {
    if (byte == 0) return (unsigned char)cycle[0];
    const char *at = strchr(cycle, byte);
    if (!at) return byte;
    return (unsigned char)(at[1] ? at[1] : cycle[0]);
}

// Makes the logits after `byte` NaN with weights that are all finite: its row of the embedding,
// normalised, becomes a row of the channel mixing's key matrix, so large that the square of the
// product overflows for this byte (and, rows being far from parallel, for no other); infinity times
// the zeros of the value matrix is NaN.
static void break_after(const test_small_tensors *model, int byte) {
    set_all(model, "blocks.0.ln2.weight", EMBD, 1);
    set_all(model, "blocks.0.ln2.bias", EMBD, 0);
    set_all(model, "blocks.0.ffn.time_mix_k", EMBD, 1);
    const float *row = test_small_model_find(model, "emb.weight") + (size_t)byte * EMBD;
    float *key = test_small_model_find(model, "blocks.0.ffn.key.weight");
    double mean = 0, variance = 0;
    for (size_t i = 0; i < EMBD; i++) mean += (double)row[i] / EMBD;
    for (size_t i = 0; i < EMBD; i++) variance += pow((double)row[i] - mean, 2) / EMBD;
    for (size_t i = 0; i < EMBD; i++) {
        key[i] = (float)(3e19 / EMBD * ((double)row[i] - mean) / sqrt(variance));
    }
}

bool chain_model_write(const char *path, const char *cycle, int broken) {
    const test_small_model sizes = {
        .n_vocab = VOCAB, .n_embd = EMBD, .n_layer = 1, .n_ffn = EMBD, .seed = 11};
    test_small_tensors model = test_small_model_new(&sizes);
    set_all(&model, "blocks.0.att.output.weight", EMBD * EMBD, 0);
    set_all(&model, "blocks.0.ffn.value.weight", EMBD * EMBD, 0);
    set_all(&model, "blocks.0.ln0.weight", EMBD, 1);
    set_all(&model, "blocks.0.ln0.bias", EMBD, 0);
    set_all(&model, "ln_out.weight", EMBD, 1);
    set_all(&model, "ln_out.bias", EMBD, 0);

    float *emb = test_small_model_find(&model, "emb.weight");
    float *head = test_small_model_find(&model, "head.weight");
    set_all(&model, "head.weight", VOCAB * EMBD, 0);
    for (int byte = 0; byte < VOCAB; byte++) {
        // Sums, since the first byte of the cycle follows two others.
        const size_t next = follower((unsigned char)byte, cycle);
        for (size_t i = 0; i < EMBD; i++) head[next * EMBD + i] += 4 * emb[(size_t)byte * EMBD + i];
    }
    if (broken >= 0) break_after(&model, broken);
    const bool written = test_pth_write(path, model.tensors, model.count);
    test_small_model_free(&model);
    return written;
}
