// Files that the cases need and no program of the suite makes.
//
// usage: make_files chain OUT.pth HEX      a model of bytes in which these follow each other
//        make_files tuned OUT.pth MODEL    random tuned initial states for a model
//        make_files faint OUT.pth TENSOR   a small model in which this matrix is almost zero
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/model.h"
#include "support/small_model.h"
#include "unit/generate/chain_model.h"

static int make_chain(const char *path, const char *hex) {
    char cycle[256] = "";
    for (size_t i = 0; hex[0] && hex[1] && i < sizeof cycle - 1; i++, hex += 2) {
        const char digits[] = {hex[0], hex[1], '\0'};
        cycle[i] = (char)strtoul(digits, NULL, 16);
    }
    return chain_model_write(path, cycle, -1) ? 0 : 1;
}

static int make_tuned(const char *path, const char *model_path) {
    enum { MAX_LAYERS = 64, NAME_BYTES = 64 };
    static test_pth_tensor tensors[MAX_LAYERS];
    static char names[MAX_LAYERS][NAME_BYTES];
    rk_dims dims;
    rk_error err;
    if (rk_model_read_dims(model_path, &dims, &err) != RK_OK || dims.n_layer > MAX_LAYERS) return 1;
    const size_t n = dims.n_head * dims.head_size * dims.head_size;
    float *values = calloc(n * dims.n_layer, sizeof *values);
    if (values == NULL) return 1;
    test_fill(values, n * dims.n_layer, 0.5F, 77);
    for (size_t layer = 0; layer < dims.n_layer; layer++) {
        (void)snprintf(names[layer], NAME_BYTES, "blocks.%zu.att.time_state", layer);
        tensors[layer] = (test_pth_tensor){.name = names[layer],
                                           .storage = "FloatStorage",
                                           .n_dims = 3,
                                           .dims = {dims.n_head, dims.head_size, dims.head_size},
                                           .data = values + layer * n,
                                           .n_values = n};
    }
    const bool written = test_pth_write(path, tensors, dims.n_layer);
    free(values);
    return written ? 0 : 1;
}

static int make_faint(const char *path, const char *matrix) {
    const test_small_model sizes = {
        .n_vocab = 256, .n_embd = 64, .n_layer = 2, .n_ffn = 128, .seed = 31};
    test_small_tensors model = test_small_model_new(&sizes);
    float *values = test_small_model_find(&model, matrix);
    for (size_t i = 0; values != NULL && i < sizes.n_embd * sizes.n_embd; i++) {
        values[i] = i % 2 == 0 ? 1e-9F : -1e-9F; // below the least step of FP16
    }
    const bool written = values != NULL && test_pth_write(path, model.tensors, model.count);
    test_small_model_free(&model);
    return written ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "chain") == 0) return make_chain(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "tuned") == 0) return make_tuned(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "faint") == 0) return make_faint(argv[2], argv[3]);
    return 2;
}
