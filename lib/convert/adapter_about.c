// What an adapter's file says about itself.
#include "convert/adapter_about.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "checkpoint/json_document.h"

// ---- texts beside the tensors

static const char *first_note(const rk_checkpoint *file, const char *const keys[], size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *text = rk_checkpoint_note(file, keys[i]);
        if (text != NULL) return text;
    }
    return NULL;
}

static rk_status read_number(double *out, const rk_checkpoint *file, const char *what,
                             const char *text, rk_error *err) {
    char *end;
    *out = strtod(text, &end);
    if (end != text && *end == '\0' && isfinite(*out)) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT, "%s: its metadata give '%.40s' as %s, expected a number",
                    rk_checkpoint_path(file), text, what);
}

static rk_status set_rank(rk__adapter_about *about, const rk_checkpoint *file, double rank,
                          rk_error *err) {
    enum { MOST = 1 << 24 };
    if (!(rank >= 1 && rank <= MOST) || rank != floor(rank)) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: is said to have rank %g, expected a whole number",
                        rk_checkpoint_path(file), rank);
    }
    about->rank = (size_t)rank;
    return RK_OK;
}

static rk_status read_notes(rk__adapter_about *about, const rk_checkpoint *file, rk_error *err) {
    static const char *const alphas[] = {"alpha", "lora_alpha"};
    static const char *const ranks[] = {"rank", "r", "lora_rank", "lora_r"};
    const char *alpha = first_note(file, alphas, sizeof alphas / sizeof alphas[0]);
    const char *rank = first_note(file, ranks, sizeof ranks / sizeof ranks[0]);
    double number;
    if (alpha != NULL) RK_TRY(read_number(&about->alpha, file, "alpha", alpha, err));
    if (rank == NULL) return RK_OK;
    RK_TRY(read_number(&number, file, "rank", rank, err));
    return set_rank(about, file, number, err);
}

// ---- adapter_config.json

static const char config_name[] = "adapter_config.json";

// The path of the configuration beside the file; NULL when there is none.
static rk_status find_config(char **out, const rk_checkpoint *file, rk_error *err) {
    const char *path = rk_checkpoint_path(file);
    const char *slash = strrchr(path, '/');
    const size_t n_folder = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    RK_TRY(rk__alloc((void **)out, n_folder + sizeof config_name, 1, err));
    memcpy(*out, path, n_folder);
    memcpy(*out + n_folder, config_name, sizeof config_name);
    if (access(*out, F_OK) == 0) return RK_OK;
    rk__free(*out);
    *out = NULL;
    return RK_OK;
}

static bool is_true(const cJSON *config, const char *key) {
    return cJSON_IsTrue(rk__json_only(config, key));
}

// Such adapters change what the base is, or differ from tensor to tensor, and only peft knows how.
static rk_status refuse_kinds(const cJSON *config, const char *path, rk_error *err) {
    static const char *const begun[] = {"pissa", "olora", "corda", "loftq"};
    const cJSON *init = rk__json_only(config, "init_lora_weights");
    const char *start = cJSON_IsString(init) ? init->valuestring : "";
    for (size_t i = 0; i < sizeof begun / sizeof begun[0]; i++) {
        if (strncmp(start, begun[i], strlen(begun[i])) != 0) continue;
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: init_lora_weights is %.40s, which changes the base too; convert the "
                        "adapter to plain LoRA when saving it",
                        path, start);
    }
    if (is_true(config, "use_dora")) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: DoRA adapters are not supported", path);
    }
    const cJSON *pattern = rk__json_only(config, "alpha_pattern");
    if (!cJSON_IsObject(pattern) || pattern->child == NULL) return RK_OK;
    return rk__fail(err, RK_ERR_UNSUPPORTED,
                    "%s: has an alpha for each tensor (alpha_pattern), which is not supported",
                    path);
}

static rk_status read_config(rk__adapter_about *about, const cJSON *config, const char *path,
                             rk_error *err) {
    const cJSON *alpha = rk__json_only(config, "lora_alpha");
    RK_TRY(refuse_kinds(config, path, err));
    if (alpha != NULL && !cJSON_IsNull(alpha)) {
        if (!cJSON_IsNumber(alpha) || !isfinite(alpha->valuedouble)) {
            return rk__fail(err, RK_ERR_FORMAT, "%s: lora_alpha is no number", path);
        }
        about->alpha = alpha->valuedouble;
    }
    about->root_scaled = is_true(config, "use_rslora");
    return RK_OK;
}

static rk_status read_beside(rk__adapter_about *about, const rk_checkpoint *file, rk_error *err) {
    char *path = NULL;
    cJSON *config = NULL;
    rk__file opened = {.fd = -1};
    RK_TRY(find_config(&path, file, err));
    if (path == NULL) return RK_OK;
    rk_status status = rk__file_open(&opened, path, err);
    if (status != RK_OK) goto out;
    status = rk__json_read(&config, &opened, 0, opened.size, "configuration", err);
    if (status == RK_OK) status = read_config(about, config, path, err);
    rk__file_close(&opened);
out:
    cJSON_Delete(config);
    rk__free(path);
    return status;
}

// Only files that the peft package names so have that configuration: another file may lie in the
// same folder by chance.
static bool is_named_by_peft(const rk_checkpoint *file) {
    static const char name[] = "adapter_model.";
    const char *slash = strrchr(rk_checkpoint_path(file), '/');
    const char *own = slash == NULL ? rk_checkpoint_path(file) : slash + 1;
    return strncmp(own, name, sizeof name - 1) == 0;
}

rk_status rk__adapter_about_read(rk__adapter_about *about, const rk_checkpoint *file,
                                 rk_error *err) {
    *about = (rk__adapter_about){.alpha = NAN};
    if (is_named_by_peft(file)) RK_TRY(read_beside(about, file, err));
    return read_notes(about, file, err);
}
