// Small RWKV-4 checkpoints with random weights, for tests.
#include "small_model.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 64 };

// In the order in which torch writes them; shapes as letters, "11C" being [1, 1, n_embd].
static const struct {
    const char *name, *shape;
} layer_tensors[] = {
    {"ln1.weight", "C"},
    {"ln1.bias", "C"},
    {"ln2.weight", "C"},
    {"ln2.bias", "C"},
    {"att.time_decay", "C"},
    {"att.time_first", "C"},
    {"att.time_mix_k", "11C"},
    {"att.time_mix_v", "11C"},
    {"att.time_mix_r", "11C"},
    {"att.key.weight", "CC"},
    {"att.value.weight", "CC"},
    {"att.receptance.weight", "CC"},
    {"att.output.weight", "CC"},
    {"ffn.time_mix_k", "11C"},
    {"ffn.time_mix_r", "11C"},
    {"ffn.key.weight", "FC"},
    {"ffn.receptance.weight", "CC"},
    {"ffn.value.weight", "CF"},
};
enum { LAYER_TENSORS = sizeof layer_tensors / sizeof layer_tensors[0] };

void test_fill(float *values, size_t n, float scale, unsigned seed) {
    uint64_t x = seed + UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13; // xorshift64
        x ^= x >> 7;
        x ^= x << 17;
        values[i] = scale * ((float)(x >> 40) / 8388608.0F - 1.0F);
    }
}

static void add(test_small_tensors *list, const test_small_model *m, const char *name,
                const char *shape) {
    test_pth_tensor *tensor = &list->tensors[list->count];
    *tensor = (test_pth_tensor){.storage = "FloatStorage", .n_values = 1};
    for (const char *c = shape; *c != '\0'; c++) {
        const size_t size = *c == 'V'   ? m->n_vocab
                            : *c == 'C' ? m->n_embd
                            : *c == 'F' ? m->n_ffn
                                        : 1;
        tensor->dims[tensor->n_dims++] = size;
        tensor->n_values *= size;
    }
    tensor->name = strdup(name);
    float *values = malloc(tensor->n_values * sizeof *values);
    if (tensor->name == NULL || values == NULL) abort();
    test_fill(values, tensor->n_values, 0.5F, m->seed * 1000 + (unsigned)list->count);
    tensor->data = values;
    list->count++;
}

test_small_tensors test_small_model_new(const test_small_model *sizes) {
    test_small_tensors list = {0};
    list.tensors = calloc(6 + LAYER_TENSORS * sizes->n_layer, sizeof list.tensors[0]);
    if (list.tensors == NULL) abort();
    add(&list, sizes, "emb.weight", "VC");
    for (size_t layer = 0; layer < sizes->n_layer; layer++) {
        if (layer == 0) {
            add(&list, sizes, "blocks.0.ln0.weight", "C");
            add(&list, sizes, "blocks.0.ln0.bias", "C");
        }
        for (size_t i = 0; i < LAYER_TENSORS; i++) {
            char name[LONGEST_NAME];
            (void)snprintf(name, sizeof name, "blocks.%zu.%s", layer, layer_tensors[i].name);
            add(&list, sizes, name, layer_tensors[i].shape);
        }
    }
    add(&list, sizes, "ln_out.weight", "C");
    add(&list, sizes, "ln_out.bias", "C");
    add(&list, sizes, "head.weight", "VC");
    return list;
}

void test_small_model_free(test_small_tensors *list) {
    for (size_t i = 0; i < list->count; i++) {
        free((void *)(uintptr_t)list->tensors[i].name);
        free((void *)(uintptr_t)list->tensors[i].data);
    }
    free(list->tensors);
    *list = (test_small_tensors){0};
}

float *test_small_model_find(const test_small_tensors *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->tensors[i].name, name) == 0) {
            return (float *)(uintptr_t)list->tensors[i].data;
        }
    }
    return NULL;
}

bool test_small_model_write(const char *path, const test_small_model *sizes) {
    test_small_tensors list = test_small_model_new(sizes);
    const bool written = test_pth_write(path, list.tensors, list.count);
    test_small_model_free(&list);
    return written;
}
