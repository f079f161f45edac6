// Which version of RWKV a list of tensors is.
#include "arch/detect.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch_internal.h"

// All versions, the newest first.
static const rk__arch *const versions[] = {&rk__arch_rwkv7, &rk__arch_rwkv6, &rk__arch_rwkv5,
                                           &rk__arch_rwkv4};

// Relatives whose equations are not ours, by how a tensor's name ends that only they have.
static const struct {
    const char *ending, *what;
} variants[] = {
    {".tiny_q.weight", "RWKV-4a (with extra attention)"},
    {".att.gate_w1", "RWKV-6a (with a low-rank gate)"},
    {".att.time_maa_rkvw_w1", "RWKV-6b or 6c (without a gate)"},
    {".ffn.s_emb.weight", "RWKV-7a or 7b (with deep embeddings)"},
    {".ffn.enn.weight", "RWKV-8"},
    {".attn.w_lora.lora.0.weight", "RWKV-7 under the names of flash-linear-attention"},
};

static bool ends_with(const char *name, const char *ending) {
    const size_t n = strlen(name);
    const size_t m = strlen(ending);
    return n >= m && strcmp(name + n - m, ending) == 0;
}

// The first tensor whose name ends so, or NULL; *count gets their number.
static const char *find_ending(const rk_tensor_info *tensors, size_t n_tensors, const char *ending,
                               size_t *count) {
    const char *first = NULL;
    *count = 0;
    for (size_t i = 0; i < n_tensors; i++) {
        if (!ends_with(tensors[i].name, ending)) continue;
        if (first == NULL) first = tensors[i].name;
        (*count)++;
    }
    return first;
}

static bool has_tensor(const rk_tensor_info *tensors, size_t n_tensors, const char *name) {
    for (size_t i = 0; i < n_tensors; i++) {
        if (strcmp(tensors[i].name, name) == 0) return true;
    }
    return false;
}

static rk_status refuse_variants(const char *where, const rk_tensor_info *tensors, size_t n_tensors,
                                 rk_error *err) {
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        size_t count = 0;
        const char *name = find_ending(tensors, n_tensors, variants[i].ending, &count);
        if (name == NULL) continue;
        char more[40] = "";
        if (count > 1) (void)snprintf(more, sizeof more, ", and %zu more like it", count - 1);
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: this is %s, which is not supported (it has %s%s)", where,
                        variants[i].what, name, more);
    }
    return RK_OK;
}

// What the names of adapters' tensors have in them: of those that lora_merge reads, and of others.
static const char *const adapter_marks[] = {".lora_A", ".lora_B", ".bone",
                                            ".disha",  ".miss",   ".init_lora_"};
static const char *const foreign_marks[] = {".lora_down.", ".lora_up.", ".lora.0", ".lora.1"};

// The first tensor with one of these in its name, or NULL.
static const char *find_mark(const rk_tensor_info *tensors, size_t n_tensors,
                             const char *const marks[], size_t n_marks) {
    for (size_t i = 0; i < n_tensors; i++) {
        for (size_t k = 0; k < n_marks; k++) {
            if (strstr(tensors[i].name, marks[k]) != NULL) return tensors[i].name;
        }
    }
    return NULL;
}

// Adapters replace some tensors whole, so that they may look like a model with few tensors.
static rk_status refuse_adapter(const char *where, const rk_tensor_info *tensors, size_t n_tensors,
                                rk_error *err) {
    if (has_tensor(tensors, n_tensors, "emb.weight")) return RK_OK;
    size_t count = 0;
    if (find_ending(tensors, n_tensors, ".lora_A", &count) != NULL) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: a LoRA adapter (%zu pair%s), not a model; merge it with lora_merge",
                        where, count, count == 1 ? "" : "s");
    }
    const size_t n_own = sizeof adapter_marks / sizeof adapter_marks[0];
    const size_t n_foreign = sizeof foreign_marks / sizeof foreign_marks[0];
    const char *name = find_mark(tensors, n_tensors, adapter_marks, n_own);
    if (name != NULL) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: an adapter, not a model (it has %.80s); merge it with lora_merge",
                        where, name);
    }
    name = find_mark(tensors, n_tensors, foreign_marks, n_foreign);
    if (name == NULL) return RK_OK;
    return rk__fail(err, RK_ERR_UNSUPPORTED,
                    "%s: an adapter, not a model (it has %.80s); lora_merge takes those of "
                    "RWKV-PEFT and of the peft package (X.lora_A and X.lora_B)",
                    where, name);
}

static const char first_norm[] = ".blocks.0.ln0.weight";

// Bytes before the names of a model that is there under longer names, or 0.
static size_t find_prefix(const rk_tensor_info *tensors, size_t n_tensors) {
    enum { LONGEST = 60 };
    size_t count = 0;
    const char *name = find_ending(tensors, n_tensors, first_norm, &count);
    const size_t n = name == NULL ? 0 : strlen(name) - (sizeof first_norm - 1);
    return n > LONGEST ? 0 : n;
}

static rk_status fail_no_model(const char *where, const rk_tensor_info *tensors, size_t n_tensors,
                               rk_error *err) {
    if (n_tensors == 0) return rk__fail(err, RK_ERR_FORMAT, "%s: holds no tensors", where);
    size_t count = 0;
    (void)find_ending(tensors, n_tensors, ".time_state", &count);
    if (count == n_tensors) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: a tuned initial state (%zu layers), not a model", where, count);
    }
    const size_t prefix = find_prefix(tensors, n_tensors);
    if (prefix > 0) {
        const char *name = find_ending(tensors, n_tensors, first_norm, &count);
        return rk__fail(
            err, RK_ERR_UNSUPPORTED,
            "%s: the names of its tensors begin with '%.*s'; say that this is to be cut "
            "off (pth2bin --prefix %.*s)",
            where, (int)prefix, name, (int)prefix, name);
    }
    return rk__fail(err, RK_ERR_UNSUPPORTED,
                    "%s: not an RWKV model: none of the tensors that tell the versions apart is "
                    "among its %zu (the first is %.80s)",
                    where, n_tensors, tensors[0].name);
}

// How well a version's table fits the first layer: the tensors of it that are there, less those
// that are missing. A file that lacks one tensor, whichever, is still best explained by its own
// version, and the report then names that tensor.
static ptrdiff_t fit_of(const rk__arch *arch, const rk_tensor_info *tensors, size_t n_tensors,
                        rk__naming naming) {
    ptrdiff_t fit = 0;
    for (size_t i = 0; i < arch->n_rows; i++) {
        const rk__arch_row *row = &arch->rows[i];
        if (row->part > 0 && rk__arch_is_joined(row, naming)) continue; // counted with part 0
        char name[RK__NAME_TEXT];
        rk__arch_name(name, row, naming, 0);
        if (name[0] != '\0' && has_tensor(tensors, n_tensors, name)) {
            fit++;
        } else if (row->presence == RK__REQUIRED) {
            fit--;
        }
    }
    return fit;
}

static bool has_marker(const rk__arch *arch, const rk_tensor_info *tensors, size_t n_tensors,
                       rk__naming naming) {
    char name[RK__NAME_TEXT];
    for (size_t i = 0; i < arch->n_rows; i++) {
        rk__arch_name(name, &arch->rows[i], RK__NAMES_CHECKPOINT, 0);
        if (strcmp(name, arch->marker) != 0) continue;
        rk__arch_name(name, &arch->rows[i], naming, 0);
        return name[0] != '\0' && has_tensor(tensors, n_tensors, name);
    }
    return false;
}

rk_status rk__arch_detect(const rk__arch **out, const char *where, const rk_tensor_info *tensors,
                          size_t n_tensors, rk__naming naming, rk_error *err) {
    *out = NULL;
    RK_TRY(refuse_variants(where, tensors, n_tensors, err));
    RK_TRY(refuse_adapter(where, tensors, n_tensors, err));
    const rk__arch *best = NULL;
    ptrdiff_t best_fit = PTRDIFF_MIN;
    bool marked = false;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        const ptrdiff_t fit = fit_of(versions[i], tensors, n_tensors, naming);
        marked = marked || has_marker(versions[i], tensors, n_tensors, naming);
        if (fit <= best_fit) continue;
        best = versions[i];
        best_fit = fit;
    }
    if (best_fit <= 0 && !marked) return fail_no_model(where, tensors, n_tensors, err);
    *out = best;
    return RK_OK;
}
