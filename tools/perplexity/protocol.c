// From documents to passages.
#include "perplexity/protocol.h"

#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"

static bool has_bos(const protocol_settings *p) {
    return p->bos != SIZE_MAX;
}

static bool is_stream(const protocol_settings *p, const corpus *c) {
    return p->stream || !corpus_has_documents(c);
}

bool protocol_is_one_stream(const protocol_settings *p, const corpus *c) {
    return is_stream(p, c) && p->ctx == 0;
}

// ---- cutting

typedef struct cutting {
    const protocol_settings *p;
    passage_list *list;
    bool cuts_rest; // a shorter context at the end is not used
} cutting;

// Tokens before the first one that is scored, in a passage with what is fed first.
static size_t first_scored(const protocol_settings *p) {
    const size_t bos = has_bos(p) ? 1 : 0;
    const size_t first = p->ignore_first + bos;
    return first > 0 ? first : 1;
}

static bool is_full(const cutting *c) {
    return c->p->chunks != 0 && c->list->n_passages == c->p->chunks;
}

static void add_passage(cutting *c, const uint32_t *tokens, size_t n) {
    passage_list *list = c->list;
    const size_t bos = has_bos(c->p) ? 1 : 0, first = first_scored(c->p);
    if (n + bos <= first) {
        list->n_empty++;
        return;
    }
    uint32_t *copy = list->tokens + list->n_tokens;
    if (bos != 0) copy[0] = (uint32_t)c->p->bos;
    memcpy(copy + bos, tokens, n * sizeof *tokens);
    list->passages[list->n_passages++] =
        (rk_passage){.tokens = copy, .n_tokens = n + bos, .first_scored = first};
    list->n_tokens += n + bos;
    list->n_scores += n + bos - first;
}

static void cut_text(cutting *c, const uint32_t *tokens, size_t n) {
    const size_t ctx = c->p->ctx != 0 ? c->p->ctx : n;
    if (n == 0) c->list->n_empty++;
    for (size_t at = 0; at < n && !is_full(c); at += ctx) {
        const size_t count = n - at < ctx ? n - at : ctx;
        if (count < ctx && c->cuts_rest) {
            c->list->n_unused += count;
        } else {
            add_passage(c, tokens + at, count);
        }
    }
}

// Passages that there can be at most.
static size_t most_passages(const protocol_settings *p, const corpus_tokens *documents) {
    const size_t cuts = p->ctx != 0 ? documents->n_tokens / p->ctx : 0;
    return documents->n_documents + cuts + 1;
}

static int complain(const passage_list *list, const protocol_settings *p, const corpus *c,
                    const corpus_tokens *documents) {
    const size_t n = documents->n_tokens, bos = has_bos(p) ? 1 : 0;
    const char *plural = n == 1 ? "" : "s";
    if (n == 0) {
        cli_complain("%s: too short: 0 tokens where at least %zu %s needed", c->name,
                     first_scored(p) + 1 - bos, first_scored(p) == bos ? "is" : "are");
    } else if (list->n_unused > 0) {
        cli_complain("%s: %zu token%s, shorter than the context of %zu", c->name, n, plural,
                     p->ctx);
    } else if (documents->n_documents == 1 || is_stream(p, c)) {
        cli_complain("%s: too short: %zu token%s where at least %zu are needed", c->name, n, plural,
                     first_scored(p) + 1 - bos);
    } else {
        cli_complain("%s: %zu documents of %zu tokens in all, none of more than %zu: nothing to "
                     "score",
                     c->name, documents->n_documents, n, first_scored(p) - bos);
    }
    return CLI_EXIT_FAILED;
}

int protocol_apply(passage_list *out, const protocol_settings *p, const corpus *c,
                   const corpus_tokens *documents) {
    *out = (passage_list){0};
    const size_t most = most_passages(p, documents);
    out->passages = cli_allocate(most, sizeof *out->passages);
    out->tokens = cli_allocate(documents->n_tokens + most, sizeof *out->tokens);
    cutting cut = {.p = p, .list = out, .cuts_rest = is_stream(p, c)};
    if (is_stream(p, c)) {
        cut_text(&cut, documents->tokens, documents->n_tokens);
    } else {
        size_t begin = 0;
        for (size_t i = 0; i < documents->n_documents && !is_full(&cut); i++) {
            cut_text(&cut, documents->tokens + begin, documents->ends[i] - begin);
            begin = documents->ends[i];
        }
    }
    return out->n_scores > 0 ? CLI_EXIT_DONE : complain(out, p, c, documents);
}

void passage_list_free(passage_list *list) {
    free(list->passages);
    free(list->tokens);
    *list = (passage_list){0};
}

// ---- in words

static char *describe_cut(const protocol_settings *p, const corpus *c) {
    const bool stream = is_stream(p, c);
    if (p->ctx != 0) {
        return cli_format("contexts of %zu tokens%s, each from the empty state", p->ctx,
                          stream ? "" : " within documents");
    }
    if (stream) return cli_copy("one stream from the empty state");
    return cli_copy("documents, each from the empty state");
}

static char *describe_scored(const protocol_settings *p, const corpus *c) {
    const size_t n = first_scored(p) - (has_bos(p) ? 1 : 0);
    const char *each = is_stream(p, c) && p->ctx == 0 ? "" : " of each";
    if (n == 0) return cli_copy("every token is scored");
    if (n == 1) return cli_format("every token but the first%s is scored", each);
    return cli_format("every token but the first %zu%s is scored", n, each);
}

char *protocol_describe(const protocol_settings *p, const corpus *c) {
    char *cut = describe_cut(p, c), *scored = describe_scored(p, c);
    char *bos = has_bos(p) ? cli_format(" and token %zu", p->bos) : cli_copy("");
    char *chunks = p->chunks != 0 ? cli_format("; the first %zu alone", p->chunks) : cli_copy("");
    char *limit =
        p->limit != 0 ? cli_format("; the first %zu tokens of the text", p->limit) : cli_copy("");
    char *text = cli_format("%s%s; %s%s%s", cut, bos, scored, chunks, limit);
    free(cut);
    free(scored);
    free(bos);
    free(chunks);
    free(limit);
    return text;
}
