// Laying out an embedding, and taking the layers' part of it out of a state.
#include "eval/embed_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "eval/layer_list.h"
#include "model/fingerprint.h"

// The rows of a layer in the flat form of a state (docs/numerics.md), n_embd floats each. The
// heads' matrices are all rows from AA on.
enum { FFN_XX, ATT_XX, AA, BB };

static bool is_of_layers(rk_embed_source source) {
    return source != RK_EMBED_HIDDEN && source != RK_EMBED_COUNTS;
}

static bool exists(rk_embed_source source, rk_arch arch) {
    switch (source) {
    case RK_EMBED_AA:
    case RK_EMBED_BB:
    case RK_EMBED_AA_OVER_BB:
        return !rk__embed_has_matrix_states(arch);
    case RK_EMBED_WKV:
        return rk__embed_has_matrix_states(arch);
    default:
        return true;
    }
}

// Floats of one layer (or, of those that there are once, in all).
static size_t width_of(rk_embed_source source, const rk__embed_plan *plan) {
    const size_t n_embd = plan->dims.n_embd;
    if (source == RK_EMBED_WKV) return plan->layer_state_floats - AA * n_embd;
    return source == RK_EMBED_COUNTS ? plan->dims.n_vocab : n_embd;
}

// ---- checking

static rk_status add_source(rk__embed_plan *plan, rk_embed_source source, const char *arch_name,
                            rk_error *err) {
    if ((unsigned)source >= RK_EMBED_SOURCE_COUNT) {
        return rk__fail(err, RK_ERR_ARGUMENT, "source %u does not exist", (unsigned)source);
    }
    for (size_t i = 0; i < plan->n_sources; i++) {
        if (plan->sources[i] != source) continue;
        return rk__fail(err, RK_ERR_ARGUMENT, "source '%s' is asked for twice",
                        rk_embed_source_name(source));
    }
    if (!exists(source, plan->arch)) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s has no '%s': %s", arch_name,
                        rk_embed_source_name(source),
                        source == RK_EMBED_WKV ? "matrix states came with RWKV-5"
                                               : "RWKV-4 alone has; later versions have 'wkv'");
    }
    plan->sources[plan->n_sources++] = source;
    return RK_OK;
}

static rk_status choose_sources(rk__embed_plan *plan, const rk_embed_options *options,
                                const char *arch_name, rk_error *err) {
    if (options->sources == NULL) {
        plan->n_sources = rk_embed_default_sources(plan->sources, plan->arch);
        return RK_OK;
    }
    for (size_t i = 0; i < options->n_sources; i++) {
        RK_TRY(add_source(plan, options->sources[i], arch_name, err));
    }
    if (plan->n_sources > 0) return RK_OK;
    return rk__fail(err, RK_ERR_ARGUMENT, "an embedding of no sources");
}

static rk_status choose_layers(rk__embed_plan *plan, const char *layers, rk_error *err) {
    const size_t n = plan->dims.n_layer;
    RK_TRY(rk__alloc((void **)&plan->layers, n, sizeof plan->layers[0], err));
    if (layers != NULL) return rk__layer_list_parse(plan->layers, n, layers, err);
    for (size_t i = 0; i < n; i++) plan->layers[i] = true;
    return RK_OK;
}

// ---- laying out

static size_t count_layers(const rk__embed_plan *plan) {
    size_t n = 0;
    for (size_t i = 0; i < plan->dims.n_layer; i++) n += plan->layers[i];
    return n;
}

// No product here can overflow: what is taken is a part of a state, which is in memory.
static void lay_out(rk__embed_plan *plan) {
    plan->hidden = plan->counts = SIZE_MAX;
    size_t layer_floats = 0;
    for (size_t i = 0; i < plan->n_sources; i++) {
        if (is_of_layers(plan->sources[i])) layer_floats += width_of(plan->sources[i], plan);
    }
    plan->has_layers = layer_floats > 0;
    plan->length = count_layers(plan) * layer_floats;
    for (size_t i = 0; i < plan->n_sources; i++) {
        const rk_embed_source source = plan->sources[i];
        if (is_of_layers(source)) continue;
        *(source == RK_EMBED_HIDDEN ? &plan->hidden : &plan->counts) = plan->length;
        plan->length += width_of(source, plan);
    }
}

static rk_status describe(rk__embed_plan *plan, const rk_model *model, rk_error *err) {
    uint64_t fingerprint;
    RK_TRY(rk__model_fingerprint(model, &fingerprint, err));
    // A layer takes 8 characters at most.
    const size_t size = 256 + 8 * plan->dims.n_layer;
    RK_TRY(rk__alloc((void **)&plan->description, size, 1, err));
    size_t used = (size_t)snprintf(plan->description, size,
                                   "%s %016" PRIx64 " source=", rk_model_describe(model)->arch_name,
                                   fingerprint);
    for (size_t i = 0; i < plan->n_sources; i++) {
        used += (size_t)snprintf(plan->description + used, size - used, "%s%s", i == 0 ? "" : ",",
                                 rk_embed_source_name(plan->sources[i]));
    }
    if (plan->has_layers) {
        used += (size_t)snprintf(plan->description + used, size - used, " layers=");
        rk__layer_list_format(plan->description + used, size - used, plan->layers,
                              plan->dims.n_layer);
        used += strlen(plan->description + used);
    }
    if (plan->hidden != SIZE_MAX) {
        snprintf(plan->description + used, size - used, " pool=%s",
                 plan->pooling == RK_EMBED_MEAN ? "mean" : "last");
    }
    return RK_OK;
}

rk_status rk__embed_plan_init(rk__embed_plan *plan, const rk_model *model,
                              const rk_embed_options *options, rk_error *err) {
    const rk_model_info *info = rk_model_describe(model);
    *plan = (rk__embed_plan){.arch = info->arch,
                             .dims = info->dims,
                             .layer_state_floats = info->state_floats / info->dims.n_layer,
                             .pooling = options->pooling};
    RK_TRY(choose_sources(plan, options, info->arch_name, err));
    RK_TRY(choose_layers(plan, options->layers, err));
    lay_out(plan);
    return describe(plan, model, err);
}

void rk__embed_plan_fini(rk__embed_plan *plan) {
    rk__free(plan->layers);
    rk__free(plan->description);
    *plan = (rk__embed_plan){0};
}

// ---- taking

static void divide(float *out, const float *a, const float *b, size_t n) {
    // bb is 0 only where no token has been seen, and aa is then too.
    for (size_t i = 0; i < n; i++) out[i] = b[i] == 0 ? 0 : a[i] / b[i];
}

// Writes one source of a layer, `layer` being its part of the flat state. Returns where the next
// one goes.
static float *take(const rk__embed_plan *plan, float *out, const float *layer,
                   rk_embed_source source) {
    static const size_t first_row[RK_EMBED_SOURCE_COUNT] = {[RK_EMBED_ATT_SHIFT] = ATT_XX,
                                                            [RK_EMBED_FFN_SHIFT] = FFN_XX,
                                                            [RK_EMBED_AA] = AA,
                                                            [RK_EMBED_BB] = BB,
                                                            [RK_EMBED_AA_OVER_BB] = AA,
                                                            [RK_EMBED_WKV] = AA};
    const size_t n = width_of(source, plan), n_embd = plan->dims.n_embd;
    const float *const from = layer + first_row[source] * n_embd;
    if (source == RK_EMBED_AA_OVER_BB) {
        divide(out, from, layer + BB * n_embd, n);
    } else {
        memcpy(out, from, n * sizeof *out);
    }
    return out + n;
}

void rk__embed_plan_take(const rk__embed_plan *plan, float *row, const float *flat) {
    for (size_t layer = 0; layer < plan->dims.n_layer; layer++) {
        if (!plan->layers[layer]) continue;
        for (size_t i = 0; i < plan->n_sources; i++) {
            if (!is_of_layers(plan->sources[i])) continue;
            row = take(plan, row, flat + layer * plan->layer_state_floats, plan->sources[i]);
        }
    }
}
