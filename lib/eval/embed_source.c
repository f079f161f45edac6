// The names of the sources, and which of them are taken by default.
#include <string.h>

#include "eval/embed_plan.h"

static const char *const names[RK_EMBED_SOURCE_COUNT] = {
    [RK_EMBED_ATT_SHIFT] = "att-shift",
    [RK_EMBED_FFN_SHIFT] = "ffn-shift",
    [RK_EMBED_AA] = "aa",
    [RK_EMBED_BB] = "bb",
    [RK_EMBED_AA_OVER_BB] = "aa/bb",
    [RK_EMBED_WKV] = "wkv",
    [RK_EMBED_HIDDEN] = "hidden",
    [RK_EMBED_COUNTS] = "counts",
};

const char *rk_embed_source_name(rk_embed_source source) {
    return names[source];
}

bool rk_embed_source_parse(rk_embed_source *out, const char *name, size_t length) {
    for (size_t i = 0; i < RK_EMBED_SOURCE_COUNT; i++) {
        if (strlen(names[i]) != length || memcmp(names[i], name, length) != 0) continue;
        *out = (rk_embed_source)i;
        return true;
    }
    return false;
}

bool rk__embed_has_matrix_states(rk_arch arch) {
    switch (arch) { // without default, so that the compiler asks about a new version
    case RK_ARCH_RWKV4:
        return false;
    case RK_ARCH_RWKV5:
    case RK_ARCH_RWKV6:
    case RK_ARCH_RWKV7:
        break;
    }
    return true;
}

size_t rk_embed_default_sources(rk_embed_source sources[RK_EMBED_SOURCE_COUNT], rk_arch arch) {
    if (rk__embed_has_matrix_states(arch)) {
        sources[0] = RK_EMBED_WKV;
        return 1;
    }
    sources[0] = RK_EMBED_ATT_SHIFT;
    sources[1] = RK_EMBED_FFN_SHIFT;
    sources[2] = RK_EMBED_AA_OVER_BB;
    return 3;
}
