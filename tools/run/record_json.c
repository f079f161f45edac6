// A generated text as JSON.
#include "run/record_json.h"

#include <math.h>

#include "cli/json_output.h"

static void add_end(cJSON *object, const rk_generate_result *result,
                    const rk_generate_options *options) {
    switch (result->end) {
    case RK_END_LENGTH:
        cli_json_add_text(object, "end", "length");
        break;
    case RK_END_STOP_STRING:
        cli_json_add_text(object, "end", "stop");
        cli_json_add_bytes(object, "stop", options->stops[result->stop].bytes,
                           options->stops[result->stop].length);
        break;
    case RK_END_STOP_TOKEN:
        cli_json_add_text(object, "end", "stop_token");
        cli_json_add_size(object, "stop_token", result->stop);
        break;
    case RK_END_CALLER:
        cli_json_add_text(object, "end", "interrupted");
        break;
    }
}

static cJSON *append_token(cJSON *array, const rk_tokenizer *tokenizer, uint32_t token,
                           float log_p) {
    cJSON *object = cli_json_append_object(array);
    size_t length;
    const char *text = rk_tokenizer_decode(tokenizer, token, &length);
    char number[CLI_NUMBER_TEXT];
    cli_json_add_size(object, "token", token);
    const bool finite = isfinite(log_p);
    cJSON_AddRawToObject(object, "log_p", finite ? cli_float_format(number, log_p) : "null");
    if (cli_json_add_bytes(object, "text", text, length)) return object;
    cJSON *bytes = cli_json_add_array(object, "bytes");
    for (size_t i = 0; i < length; i++) {
        cJSON_AddItemToArray(bytes, cJSON_CreateNumber((unsigned char)text[i]));
    }
    return object;
}

static void add_tokens(const record *r, cJSON *object, const rk_tokenizer *tokenizer) {
    cJSON *array = cli_json_add_array(object, "tokens");
    const size_t n = record_kept_tokens(r);
    for (size_t i = 0; i < n; i++) {
        cJSON *token = append_token(array, tokenizer, r->tokens[i].token, r->tokens[i].log_p);
        if (r->n_top == 0) continue;
        cJSON *top = cli_json_add_array(token, "top");
        for (size_t k = 0; k < r->n_top; k++) {
            const rk_token_chance *chance = &r->chances[i * r->n_top + k];
            append_token(top, tokenizer, chance->token, chance->log_p);
        }
    }
}

void record_json(const record *r, cJSON *object, const rk_generate_options *options,
                 const rk_tokenizer *tokenizer) {
    if (!cli_json_add_bytes(object, "text", r->text, r->length)) {
        cli_json_add_bool(object, "utf8", false);
    }
    add_end(object, &r->result, options);
    cli_json_add_size(object, "prompt_tokens", r->result.n_prompt_tokens);
    cli_json_add_size(object, "generated_tokens", r->result.n_drawn_tokens);
    if (options->token != NULL) add_tokens(r, object, tokenizer);
}
