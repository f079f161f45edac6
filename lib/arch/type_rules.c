// Explicit choices of types by the names of tensors.
#include "arch/type_rules.h"

#include <regex.h>

#include "base/memory.h"

typedef struct compiled_rule {
    const rk_type_rule *rule;
    rk_dtype dtype; // in the layout of the files that are written
    regex_t regex;
    bool is_compiled;
    size_t n_matches;
} compiled_rule;

static rk_status compile_rule(compiled_rule *c, const rk_type_rule *rule, unsigned version,
                              rk_error *err) {
    c->rule = rule;
    const bool known = (size_t)rule->dtype < RK_DTYPE_COUNT;
    if (!known || !rk_dtype_in_version(&c->dtype, rule->dtype, version)) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "pattern '%s': model files of version %u have no type %s", rule->pattern,
                        version, known ? rk_dtype_describe(rule->dtype)->name : "of this number");
    }
    const int code = regcomp(&c->regex, rule->pattern, REG_EXTENDED | REG_NOSUB);
    if (code != 0) {
        char reason[96];
        (void)regerror(code, &c->regex, reason, sizeof reason);
        return rk__fail(err, RK_ERR_ARGUMENT, "pattern '%s': %s", rule->pattern, reason);
    }
    c->is_compiled = true;
    return RK_OK;
}

static rk_status check_fit(const rk__stored_model *model, const rk__tensor_plan *tensor,
                           const char *name, const compiled_rule *c, rk_error *err) {
    const rk_dtype_info *type = rk_dtype_describe(c->dtype);
    if (rk__arch_is_vector(tensor->row) && c->dtype != RK_DTYPE_F32) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "%s: pattern '%s' makes tensor %s %s, but it is a vector, and these are "
                        "always FP32",
                        model->where, c->rule->pattern, name, type->name);
    }
    if (!rk__type_fits(c->dtype, tensor->columns)) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "%s: pattern '%s' makes tensor %s %s, but its rows of %zu values are no "
                        "multiple of a block of %zu",
                        model->where, c->rule->pattern, name, type->name, tensor->columns,
                        type->block_values);
    }
    return RK_OK;
}

// The last rule that matches a tensor decides.
static rk_status apply_to_tensor(rk_dtype *type, const rk__stored_model *model,
                                 const rk__tensor_plan *tensor, compiled_rule *rules,
                                 size_t n_rules, rk_error *err) {
    char name[RK__NAME_TEXT];
    (void)rk__arch_name(name, tensor->row, RK__NAMES_CHECKPOINT, tensor->layer);
    const compiled_rule *last = NULL;
    for (size_t r = 0; r < n_rules; r++) {
        if (regexec(&rules[r].regex, name, 0, NULL, 0) != 0) continue;
        rules[r].n_matches++;
        last = &rules[r];
    }
    if (last == NULL) return RK_OK;
    RK_TRY(check_fit(model, tensor, name, last, err));
    *type = last->dtype;
    return RK_OK;
}

static rk_status apply_all(rk_dtype *types, const rk__stored_model *model, compiled_rule *rules,
                           size_t n_rules, rk_error *err) {
    for (size_t i = 0; i < model->plan->n_tensors; i++) {
        const rk__tensor_plan *tensor = &model->plan->tensors[i];
        RK_TRY(apply_to_tensor(&types[i], model, tensor, rules, n_rules, err));
    }
    for (size_t r = 0; r < n_rules; r++) {
        if (rules[r].n_matches > 0) continue;
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: pattern '%s' is in no tensor's name",
                        model->where, rules[r].rule->pattern);
    }
    return RK_OK;
}

rk_status rk__apply_type_rules(rk_dtype *types, const rk__stored_model *model,
                               const rk__type_request *request, rk_error *err) {
    compiled_rule *rules = NULL;
    const size_t n = request->n_rules;
    if (n == 0) return RK_OK;
    rk_status status = rk__alloc((void **)&rules, n, sizeof rules[0], err);
    for (size_t r = 0; status == RK_OK && r < n; r++) {
        status = compile_rule(&rules[r], &request->rules[r], request->version, err);
    }
    if (status == RK_OK) status = apply_all(types, model, rules, n, err);
    for (size_t r = 0; rules != NULL && r < n; r++) {
        if (rules[r].is_compiled) regfree(&rules[r].regex);
    }
    rk__free(rules);
    return status;
}
