// Keeping a generated text.
#include "run/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/json_output.h"
#include "cli/signals.h"
#include "run/settings.h"

// ---- while it is generated

static bool keep_text(void *user, const char *text, size_t length) {
    record *r = user;
    if (r->length + length > r->capacity) {
        r->capacity = 2 * (r->length + length);
        r->text = cli_reallocate(r->text, r->capacity, 1);
    }
    memcpy(r->text + r->length, text, length);
    r->length += length;
    return !cli_interrupted();
}

static bool keep_token(void *user, const rk_drawn_token *token) {
    record *r = user;
    if (r->n_tokens == r->token_capacity) {
        r->token_capacity = r->token_capacity == 0 ? 64 : 2 * r->token_capacity;
        r->tokens = cli_reallocate(r->tokens, r->token_capacity, sizeof *r->tokens);
        const size_t n_chances = r->token_capacity * r->n_top;
        r->chances = cli_reallocate(r->chances, n_chances, sizeof *r->chances);
    }
    r->tokens[r->n_tokens] = (record_token){token->token, token->log_p};
    for (size_t i = 0; i < r->n_top; i++) {
        r->chances[r->n_tokens * r->n_top + i] = token->top[i];
    }
    r->n_tokens++;
    return !cli_interrupted();
}

void record_begin(record *r, size_t logprobs, size_t n_vocab, rk_generate_options *options) {
    *r = (record){0};
    options->text = keep_text;
    options->user = r;
    if (logprobs == NO_LOGPROBS) return;
    r->n_top = logprobs < n_vocab ? logprobs : n_vocab;
    options->token = keep_token;
    options->n_top = r->n_top;
}

void record_free(record *r) {
    free(r->text);
    free(r->tokens);
    free(r->chances);
    *r = (record){0};
}

size_t record_kept_tokens(const record *r) {
    // A stop token has never been in the list.
    if (r->result.end != RK_END_STOP_STRING) return r->n_tokens;
    const size_t withdrawn = r->result.n_withdrawn;
    return withdrawn < r->n_tokens ? r->n_tokens - withdrawn : 0;
}

// ---- as JSON

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

// ---- as lines

static void print_token(const rk_tokenizer *tokenizer, uint32_t token, float log_p,
                        const char *separator) {
    size_t length;
    const char *text = rk_tokenizer_decode(tokenizer, token, &length);
    char *quoted = cli_json_quote(text, length, NULL);
    printf("%s%.4f\t%u\t%s", separator, (double)log_p, (unsigned)token, quoted);
    free(quoted);
}

void record_print_tokens(const record *r, const rk_tokenizer *tokenizer) {
    const size_t n = record_kept_tokens(r);
    for (size_t i = 0; i < n; i++) {
        print_token(tokenizer, r->tokens[i].token, r->tokens[i].log_p, "");
        for (size_t k = 0; k < r->n_top; k++) {
            const rk_token_chance *chance = &r->chances[i * r->n_top + k];
            print_token(tokenizer, chance->token, chance->log_p, "\t");
        }
        putchar('\n');
    }
}
