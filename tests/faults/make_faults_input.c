// Makes what the tests of this folder convert: an RWKV-4 checkpoint of 63 MB in float32, and a LoRA
// adapter for it.
//
// usage: make_faults_input CHECKPOINT ADAPTER
#include <stdio.h>
#include <stdlib.h>

#include "support/small_model.h"

static const test_small_model sizes = {
    .n_vocab = 2000, .n_embd = 512, .n_layer = 4, .n_ffn = 2048, .seed = 21};

enum { RANK = 16 };

// One half of a pair; its values are released with the program.
static test_pth_tensor make_half(const char *name, size_t rows, size_t columns, unsigned seed) {
    float *values = malloc(rows * columns * sizeof *values);
    if (!values) abort();
    test_fill(values, rows * columns, 0.1F, seed);
    return (test_pth_tensor){.name = name,
                             .storage = "FloatStorage",
                             .n_dims = 2,
                             .dims = {rows, columns},
                             .data = values,
                             .n_values = rows * columns};
}

static bool write_adapter(const char *path) {
    const test_pth_tensor tensors[] = {
        make_half("blocks.0.att.key.lora_A", RANK, sizes.n_embd, 1),
        make_half("blocks.0.att.key.lora_B", sizes.n_embd, RANK, 2),
        make_half("blocks.1.ffn.value.lora_A", RANK, sizes.n_ffn, 3),
        make_half("blocks.1.ffn.value.lora_B", sizes.n_embd, RANK, 4),
        make_half("blocks.3.ffn.key.lora_A", RANK, sizes.n_embd, 5),
        make_half("blocks.3.ffn.key.lora_B", sizes.n_ffn, RANK, 6),
    };
    const size_t n = sizeof tensors / sizeof tensors[0];
    const bool written = test_pth_write(path, tensors, n);
    for (size_t i = 0; i < n; i++) free((void *)tensors[i].data);
    return written;
}

int main(int argc, char **argv) {
    if (argc != 3 || !test_small_model_write(argv[1], &sizes) || !write_adapter(argv[2])) {
        (void)fprintf(stderr, "make_faults_input: the files cannot be written\n");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
