// The names of tensors in adapter files, as RWKV-PEFT, RWKV-LM-LoRA and the peft package write
// them.
#include "convert/adapter_keys.h"

#include <string.h>

static const char *const prefixes[] = {"base_model.", "model.", "module.", "_orig_mod."};

static const struct {
    const char *suffix;
    rk__adapter_key key;
    bool shards_by_rows;
} suffixes[] = {
    {".lora_A", RK__KEY_A, false},
    {".lora_B", RK__KEY_B, false},
    {".lora_A.weight", RK__KEY_A, false}, // peft
    {".lora_B.weight", RK__KEY_B, false},
    {".lora_A.default.weight", RK__KEY_A, false}, // peft, a whole state dictionary
    {".lora_B.default.weight", RK__KEY_B, false},
    {".init_lora_A", RK__KEY_INITIAL_A, false},
    {".init_lora_B", RK__KEY_INITIAL_B, false},
    {".bone", RK__KEY_SHARDS, false}, // RWKV-PEFT's names for one thing, the oldest first
    {".disha", RK__KEY_SHARDS, false},
    {".miss", RK__KEY_SHARDS, false},
    {".bone_block", RK__KEY_SHARDS, true}, // peft
    {".miss_block", RK__KEY_SHARDS, true},
};

static const char *skip_prefixes(const char *name) {
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0];) {
        const size_t n = strlen(prefixes[i]);
        if (strncmp(name, prefixes[i], n) == 0) {
            name += n;
            i = 0;
        } else {
            i++;
        }
    }
    return name;
}

rk__adapter_name rk__adapter_name_split(const char *name) {
    rk__adapter_name out = {.key = RK__KEY_REPLACEMENT, .stem = skip_prefixes(name)};
    out.stem_length = strlen(out.stem);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        const size_t n = strlen(suffixes[i].suffix);
        if (out.stem_length <= n) continue;
        if (strcmp(out.stem + out.stem_length - n, suffixes[i].suffix) != 0) continue;
        out.key = suffixes[i].key;
        out.stem_length -= n;
        out.shards_by_rows = suffixes[i].shards_by_rows;
        return out;
    }
    return out;
}
