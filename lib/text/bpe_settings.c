// What a tokenizer.json asks for, compared with what is done.
#include "text/bpe_settings.h"

#include <string.h>

static bool is_null(const cJSON *value) {
    return !value || cJSON_IsNull(value);
}

// Is it an object of this type, as the parts of a tokenizer have one?
static bool has_type(const cJSON *value, const char *type) {
    const char *found = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(value, "type"));
    return found && strcmp(found, type) == 0;
}

// For messages: a text's own words, an object's "type", otherwise what kind of value it is.
static const char *name_of(const cJSON *value) {
    if (is_null(value)) return "null";
    if (cJSON_IsString(value)) return value->valuestring;
    if (cJSON_IsBool(value)) return cJSON_IsTrue(value) ? "true" : "false";
    if (cJSON_IsNumber(value)) return "a number";
    if (cJSON_IsArray(value)) return "a list";
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(value, "type"));
    return type ? type : "an object without a type";
}

static rk_status refuse(const char *path, const char *what, const cJSON *value,
                        const char *expected, rk_error *err) {
    return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: %s is %s; supported: %s", path, what,
                    name_of(value), expected);
}

static rk_status check_pre_tokenizer(const cJSON *document, const char *path, rk_error *err) {
    const cJSON *part = cJSON_GetObjectItemCaseSensitive(document, "pre_tokenizer");
    if (!has_type(part, "ByteLevel")) return refuse(path, "pre_tokenizer", part, "ByteLevel", err);
    const cJSON *prefix = cJSON_GetObjectItemCaseSensitive(part, "add_prefix_space");
    if (!cJSON_IsFalse(prefix)) {
        return refuse(path, "pre_tokenizer.add_prefix_space", prefix, "false", err);
    }
    const cJSON *regex = cJSON_GetObjectItemCaseSensitive(part, "use_regex");
    if (regex && !cJSON_IsTrue(regex)) {
        return refuse(path, "pre_tokenizer.use_regex", regex, "true", err);
    }
    return RK_OK;
}

// Neither these, nor an empty text, nor 0 for the dropout, change anything.
static bool is_off(const cJSON *value) {
    if (is_null(value) || cJSON_IsFalse(value)) return true;
    if (cJSON_IsNumber(value)) return value->valuedouble == 0;
    return cJSON_IsString(value) && value->valuestring[0] == '\0';
}

static rk_status check_off(const cJSON *object, const char *path, const char *key, const char *what,
                           rk_error *err) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    return is_off(value) ? RK_OK : refuse(path, what, value, "null", err);
}

static rk_status check_model(const cJSON *document, const char *path, rk_error *err) {
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(document, "model");
    if (!has_type(model, "BPE")) return refuse(path, "model", model, "BPE", err);
    RK_TRY(check_off(model, path, "dropout", "model.dropout", err));
    RK_TRY(check_off(model, path, "continuing_subword_prefix", "model.continuing_subword_prefix",
                     err));
    RK_TRY(check_off(model, path, "end_of_word_suffix", "model.end_of_word_suffix", err));
    return check_off(model, path, "ignore_merges", "model.ignore_merges", err);
}

rk_status rk__bpe_settings_check(const cJSON *document, const char *path, bool *normalize,
                                 rk_error *err) {
    RK_TRY(check_model(document, path, err)); // first: it says best what the file is
    const cJSON *normalizer = cJSON_GetObjectItemCaseSensitive(document, "normalizer");
    *normalize = has_type(normalizer, "NFC");
    if (!*normalize && !is_null(normalizer)) {
        return refuse(path, "normalizer", normalizer, "NFC or null", err);
    }
    RK_TRY(check_pre_tokenizer(document, path, err));
    const cJSON *post = cJSON_GetObjectItemCaseSensitive(document, "post_processor");
    if (!is_null(post) && !has_type(post, "ByteLevel")) {
        return refuse(path, "post_processor", post, "ByteLevel or null", err);
    }
    const cJSON *decoder = cJSON_GetObjectItemCaseSensitive(document, "decoder");
    if (!has_type(decoder, "ByteLevel")) return refuse(path, "decoder", decoder, "ByteLevel", err);
    RK_TRY(check_off(document, path, "truncation", "truncation", err));
    return check_off(document, path, "padding", "padding", err);
}
