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
    for (size_t i = 0; broken >= 0 && i < EMBD; i++) emb[(size_t)broken * EMBD + i] = NAN;
    const bool written = test_pth_write(path, model.tensors, model.count);
    test_small_model_free(&model);
    return written;
}
