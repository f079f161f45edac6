// Bans and exemptions. Tokens that are always banned are found once; a text that has begun to come
// bans, for the next token, whatever would complete it.
#include "text/token_rules.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static rk_status mark_tokens(bool *marks, size_t n_vocab, const uint32_t *tokens, size_t n,
                             const char *what, rk_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] >= n_vocab) {
            return rk__fail(err, RK_ERR_RANGE, "sampler: token %u is to be %s; there are %zu",
                            (unsigned)tokens[i], what, n_vocab);
        }
        marks[tokens[i]] = true;
    }
    return RK_OK;
}

static bool contains(const char *whole, size_t whole_length, const char *part, size_t part_length) {
    return memmem(whole, whole_length, part, part_length) != NULL;
}

// What one token's text means for it. Token 0 is the end of a document where it has no text.
static void mark_by_text(rk__token_rules *rules, uint32_t token, const char *exempt_text) {
    size_t length;
    const char *text = rk_tokenizer_decode(rules->tokenizer, token, &length);
    if (length == 0) {
        if (token != 0) rules->banned[token] = true;
        return;
    }
    if (exempt_text && contains(exempt_text, strlen(exempt_text), text, length)) {
        rules->exempt[token] = true;
    }
    for (size_t i = 0; i < rules->n_texts; i++) {
        if (contains(text, length, rules->texts[i].bytes, rules->texts[i].length)) {
            rules->banned[token] = true;
        }
    }
}

static rk_status copy_texts(rk__token_rules *rules, const rk_text *texts, size_t n, rk_error *err) {
    RK_TRY(rk__alloc((void **)&rules->texts, n, sizeof texts[0], err));
    for (size_t i = 0; i < n; i++) {
        if (texts[i].length == 0) {
            return rk__fail(err, RK_ERR_ARGUMENT, "sampler: banned text %zu is empty", i + 1);
        }
        char *copy;
        RK_TRY(rk__copy_string(&copy, texts[i].bytes, texts[i].length, err));
        rules->texts[rules->n_texts++] = (rk_text){.bytes = copy, .length = texts[i].length};
        if (texts[i].length - 1 > rules->max_tail) rules->max_tail = texts[i].length - 1;
    }
    return rk__alloc((void **)&rules->tail, rules->max_tail, 1, err);
}

static rk_status read_texts(rk__token_rules *rules, const rk_sampler_options *options,
                            rk_error *err) {
    const size_t n_vocab = rk_tokenizer_vocabulary(options->tokenizer);
    if (n_vocab != rules->n_vocab) {
        return rk__fail(err, RK_ERR_MISMATCH,
                        "sampler: a tokenizer of %zu tokens; the vocabulary has %zu", n_vocab,
                        rules->n_vocab);
    }
    RK_TRY(copy_texts(rules, options->banned_texts, options->n_banned_texts, err));
    for (size_t i = 0; i < n_vocab; i++) mark_by_text(rules, (uint32_t)i, options->exempt_text);
    return RK_OK;
}

rk_status rk__token_rules_init(rk__token_rules *rules, size_t n_vocab,
                               const rk_sampler_options *options, rk_error *err) {
    *rules = (rk__token_rules){.n_vocab = n_vocab, .tokenizer = options->tokenizer};
    rk_status status = rk__alloc((void **)&rules->banned, n_vocab, sizeof(bool), err);
    if (status != RK_OK) goto out;
    status = rk__alloc((void **)&rules->exempt, n_vocab, sizeof(bool), err);
    if (status != RK_OK) goto out;
    status = mark_tokens(rules->banned, n_vocab, options->bans, options->n_bans, "banned", err);
    if (status != RK_OK) goto out;
    status = mark_tokens(rules->exempt, n_vocab, options->exempt, options->n_exempt, "exempt", err);
    if (status != RK_OK) goto out;
    if (options->tokenizer) status = read_texts(rules, options, err);
out:
    if (status != RK_OK) rk__token_rules_fini(rules);
    return status;
}

void rk__token_rules_fini(rk__token_rules *rules) {
    for (size_t i = 0; i < rules->n_texts; i++) rk__free((char *)rules->texts[i].bytes);
    rk__free(rules->texts);
    rk__free(rules->tail);
    rk__free(rules->banned);
    rk__free(rules->exempt);
    *rules = (rk__token_rules){0};
}

// Bans every token that begins with `rest`, what is missing of a text.
static void ban_beginnings(const rk__token_rules *rules, const char *rest, size_t n_rest,
                           float *logits) {
    for (size_t i = 0; i < rules->n_vocab; i++) {
        size_t length;
        const char *text = rk_tokenizer_decode(rules->tokenizer, (uint32_t)i, &length);
        if (length >= n_rest && memcmp(text, rest, n_rest) == 0) logits[i] = -INFINITY;
    }
}

void rk__token_rules_ban(const rk__token_rules *rules, float *logits) {
    for (size_t i = 0; i < rules->n_vocab; i++) {
        if (rules->banned[i]) logits[i] = -INFINITY;
    }
    for (size_t i = 0; i < rules->n_texts; i++) {
        const rk_text *text = &rules->texts[i];
        for (size_t n = 1; n < text->length && n <= rules->n_tail; n++) {
            if (memcmp(rules->tail + rules->n_tail - n, text->bytes, n) != 0) continue;
            ban_beginnings(rules, text->bytes + n, text->length - n, logits);
        }
    }
}

void rk__token_rules_append(rk__token_rules *rules, const char *bytes, size_t length) {
    if (rules->max_tail == 0 || length == 0) return;
    if (length >= rules->max_tail) {
        memcpy(rules->tail, bytes + length - rules->max_tail, rules->max_tail);
        rules->n_tail = rules->max_tail;
        return;
    }
    size_t kept = rules->max_tail - length;
    if (kept > rules->n_tail) kept = rules->n_tail;
    memmove(rules->tail, rules->tail + rules->n_tail - kept, kept);
    memcpy(rules->tail + kept, bytes, length);
    rules->n_tail = kept + length;
}

void rk__token_rules_accept(rk__token_rules *rules, uint32_t token) {
    if (rules->max_tail == 0) return;
    size_t length;
    const char *text = rk_tokenizer_decode(rules->tokenizer, token, &length);
    rk__token_rules_append(rules, text, length);
}

void rk__token_rules_forget(rk__token_rules *rules) {
    rules->n_tail = 0;
}
