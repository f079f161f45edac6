// What is scored, given what comes before: the same tokens give different figures in different
// protocols.
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include "perplexity/corpus.h"
#include "perplexity/perplexity_settings.h"
#include "rk/passage.h"

// What a model is to be run over.
typedef struct passage_list {
    rk_passage *passages; // [n_passages]
    size_t n_passages;
    uint32_t *tokens; // [n_tokens] of all passages, the tokens fed first included
    size_t n_tokens;
    size_t n_scores;
    size_t n_empty;  // passages left out because nothing of them is scored
    size_t n_unused; // tokens at the end of texts that fill no context
} passage_list;

// Cuts documents into passages. Returns an exit code; what gives nothing to score has been
// reported, with the corpus' name.
int protocol_apply(passage_list *out, const protocol_settings *p, const corpus *c,
                   const corpus_tokens *documents);
void passage_list_free(passage_list *list);

// Is all one passage, which nobody can share?
bool protocol_is_one_stream(const protocol_settings *p, const corpus *c);

// The protocol in one line. Release: free.
char *protocol_describe(const protocol_settings *p, const corpus *c);

#endif
