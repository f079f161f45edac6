// What the files of generate/ share: a session's inside, and the steps that generating consists of.
#ifndef RK_SESSION_INTERNAL_H
#define RK_SESSION_INTERNAL_H

#include "generate/rewind.h"
#include "rk/generate.h"
#include "text/utf8_stream.h"

struct rk_session {
    rk_context *context;           // borrowed
    const rk_tokenizer *tokenizer; // borrowed
    rk_state *state;               // owned or borrowed
    size_t sequence;               // of the state
    rk_sampler *sampler;           // owned or borrowed
    bool owns_parts;
    float *logits; // [n_vocab], of the token fed last
    bool has_logits;

    uint64_t offset; // bytes of all text drawn since anything was fed
    char *held;      // [n_held], the text's end: what may become a stop string
    size_t n_held, held_capacity;
    rk__utf8_stream stream; // behind it: what may become a character
    rk__rewind rewind;
};

// A session around a state and a sampler that somebody else owns. Checks the vocabularies.
rk_status rk__session_init(rk_session *session, rk_context *context, const rk_tokenizer *tokenizer,
                           rk_state *state, size_t sequence, rk_sampler *sampler, rk_error *err);
void rk__session_fini(rk_session *session); // owned parts too

// Text that is held back is given up; what comes is the beginning.
void rk__session_forget_text(rk_session *session);

// rk_session_feed, with all that a result says about a prompt.
rk_status rk__session_feed(rk_session *session, const char *text, size_t length,
                           const rk_generate_options *options, rk_generate_result *result,
                           rk_error *err);

// One text being generated, as a sequence of evaluations:
//
//     rk__run_begin, rk__run_prompt;
//     while (rk__run_next(run, &sequence)) { evaluate the sequence; rk__run_take(run, err); }
//     rk__run_end
//
// so that several of them can be evaluated together.
typedef struct rk__run {
    rk_session *session;
    const rk_generate_options *options;
    rk_generate_result result;
    enum { RK__RUN_PROMPT, RK__RUN_DRAW, RK__RUN_GO_BACK, RK__RUN_DONE } phase;
    bool is_session; // goes on later: the last logits are computed, too, and text stays held back
    bool caller_had_enough; // after the token that is being fed
    uint32_t *tokens;       // [n_tokens] to be fed, owned; `fed` of them have been
    size_t n_tokens, fed, feeding, capacity;
    rk_token_chance *top; // [options->n_top]
    double start;         // of the current phase
} rk__run;

// Checks the options. run->options must outlive it.
rk_status rk__run_begin(rk__run *run, rk_session *session, const rk_generate_options *options,
                        rk_error *err);

// Begins with a prompt. Takes `tokens` (rk_tokens_free), also on failure; an empty one is token 0.
rk_status rk__run_prompt(rk__run *run, uint32_t *tokens, size_t n_tokens, rk_error *err);

// Goes on from the session's logits; without any, as with an empty prompt.
rk_status rk__run_resume(rk__run *run, rk_error *err);

// What is to be evaluated next; its index is the session's. False when the run is done.
bool rk__run_next(rk__run *run, rk_sequence *sequence);

// It has been evaluated: on to the next step.
rk_status rk__run_take(rk__run *run, rk_error *err);

void rk__run_end(rk__run *run); // releases memory; the result stays

// Evaluates alone until the run is done.
rk_status rk__run_alone(rk__run *run, rk_error *err);

#endif
