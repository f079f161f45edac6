// Text in, text out: prompt a model, then draw token after token. docs/generation.md tells more.
#ifndef RK_GENERATE_H
#define RK_GENERATE_H

#include "rk/model.h"
#include "rk/progress.h"
#include "rk/sampler.h"
#include "rk/text.h"
#include "rk/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// Receives text as it comes: whole UTF-8 characters, except that bytes which can begin or continue
// none are passed on as they are (nothing is held back for longer than a character may take; at the
// end, what is left of one), and never a part of a stop string that may still come true. `text` is
// not terminated. Returning false ends the generation.
typedef bool (*rk_generate_text_fn)(void *user, const char *text, size_t length);

// How probable the model found a token: log softmax(logits), before any setting of the sampler.
typedef struct rk_token_chance {
    uint32_t token;
    float log_p;
} rk_token_chance;

// A token that was drawn and not fed yet. Pointers are valid during the call.
typedef struct rk_drawn_token {
    uint32_t token;
    float log_p;
    const char *text; // [length], what it stands for
    size_t length;
    const rk_token_chance *top; // [n_top], the most probable first
    size_t n_top;
    const float *logits;   // [n_vocab], that it was drawn from
    const rk_state *state; // before the token: its sequence `sequence`
    size_t sequence;
} rk_drawn_token;

// Sees every token that becomes text, also those that a stop string then takes back. Returning
// false ends the generation.
typedef bool (*rk_generate_token_fn)(void *user, const rk_drawn_token *token);

// Zeros are fine everywhere.
typedef struct rk_generate_options {
    size_t max_tokens;        // tokens to draw at most; 0: the prompt alone
    rk_generate_text_fn text; // the drawn text, without the prompt; NULL: nobody wants it
    void *user;
    rk_generate_token_fn token; // gets the same user; may be NULL
    size_t n_top;               // how many of the most probable tokens it wants to see

    // The text ends before the stop string that is complete first; of several that end with the
    // same byte, before the longest. Where tokens begin does not matter. None may be empty.
    const rk_text *stops; // [n_stops]
    size_t n_stops;
    const uint32_t *stop_tokens; // [n_stop_tokens]; the text ends before them
    size_t n_stop_tokens;
    // Otherwise token 0, the end of a document in RWKV's vocabularies, is a stop token, too.
    bool ignore_end_of_text;

    rk_progress progress; // tokens of the prompt; false: RK_ERR_CANCELLED
    size_t slice;         // tokens of the prompt between two reports; 0: 256
} rk_generate_options;

typedef enum rk_generate_end {
    RK_END_LENGTH,      // max_tokens
    RK_END_STOP_STRING, // number `stop` of the options
    RK_END_STOP_TOKEN,  // the token `stop`, end of text included
    RK_END_CALLER,      // a callback returned false
} rk_generate_end;

typedef struct rk_generate_result {
    size_t n_prompt_tokens; // fed to the state
    size_t n_drawn_tokens;  // all that were drawn
    double prompt_seconds;  // wall clock
    double draw_seconds;    // the same; includes the time spent in the callbacks
    bool stopped_by_caller; // a callback returned false
    rk_generate_end end;
    size_t stop;
    // Of the drawn tokens, the last ones that are not part of the text: a stop token, or those of a
    // stop string, the one it began inside of included.
    size_t n_withdrawn;
} rk_generate_result;

// Feeds `prompt` to sequence 0 of the state, which need not be empty, then draws and feeds tokens.
// An empty prompt is taken as token 0 (the end-of-document token of RWKV's vocabularies): without a
// token there are no logits to draw from.
//
// On success, and when a callback ends it (which is a success), the state contains the prompt and
// the drawn text and nothing else: a stop string has been taken back, and of a token that it began
// inside of, the part before it has been fed anew. A token whose text was refused is in the state.
// A following call goes on from there. After a failure the state contains an unknown part.
// The sampler is told all tokens; those taken back are forgotten, but the generator goes on.
// Tokenizer and sampler have to be of the model's vocabulary (ERR_MISMATCH). result may be NULL; it
// is filled on failure too.
rk_status rk_generate(rk_context *context, rk_state *state, const rk_tokenizer *tokenizer,
                      rk_sampler *sampler, const char *prompt, size_t prompt_length,
                      const rk_generate_options *options, rk_generate_result *result,
                      rk_error *err);

// ---- sessions

// A text that is generated in several goes, between which it can be kept in a file: state, last
// logits, the sampler's memory and generator, and what of the text is still held back. However it
// is cut, the text is the same as in one go.
typedef struct rk_session rk_session;

// An empty session. Borrows context and tokenizer; sampling NULL: the defaults. ERR_MISMATCH when
// the tokenizer is not of the model's vocabulary. *out is owned by the caller; NULL on failure. For
// one thread at a time, like its context. Freeing accepts NULL and makes *session NULL.
rk_status rk_session_new(rk_session **out, rk_context *context, const rk_tokenizer *tokenizer,
                         const rk_sampler_options *sampling, rk_error *err);
void rk_session_free(rk_session **session);

// Empties the state, forgets logits, held text and what the sampler has learnt. The generator goes
// on.
rk_status rk_session_clear(rk_session *session, rk_error *err);

// Feeds a text (a prompt, a warm-up context) or tokens. options NULL, or progress and slice of it.
// Text that is held back is given up: rk_session_flush first. n_fed, the tokens fed, may be NULL;
// it is set on failure, too. After a failure of rk_eval the session's state is undefined until it
// is cleared or loaded.
rk_status rk_session_feed(rk_session *session, const char *text, size_t length,
                          const rk_generate_options *options, size_t *n_fed, rk_error *err);
rk_status rk_session_feed_tokens(rk_session *session, const uint32_t *tokens, size_t n_tokens,
                                 const rk_generate_options *options, size_t *n_fed, rk_error *err);

// Draws and feeds tokens as rk_generate does, going on where the session is (a session without
// logits begins with token 0). When max_tokens ends it, the beginning of a character or of a stop
// string may be held back; it comes with the next call, or by rk_session_flush.
rk_status rk_session_generate(rk_session *session, const rk_generate_options *options,
                              rk_generate_result *result, rk_error *err);

// Hands out what is held back. Returns what `text` did, or true.
bool rk_session_flush(rk_session *session, rk_generate_text_fn text, void *user);

// The parts, owned by the session. Whoever changes the state calls rk_session_state_changed: the
// logits are then no longer known, and the session goes on with token 0 or what is fed to it.
rk_state *rk_session_state(rk_session *session); // one sequence
void rk_session_state_changed(rk_session *session);
rk_sampler *rk_session_sampler(rk_session *session);
const float *rk_session_logits(const rk_session *session); // [n_vocab], or NULL: not known

// Session files (docs/sessions.md). Saving replaces an old file whole or not at all. Loading
// refuses files of another model, vocabulary, version or penalty window, and damaged ones; the
// session is then unchanged. Settings are not in the file: the text goes on the same only if they
// are the same.
rk_status rk_session_save(const rk_session *session, const char *path, rk_error *err);
rk_status rk_session_load(rk_session *session, const char *path, rk_error *err);

// ---- batches

// Several texts generated together, each as rk_generate would do it alone: same text, same end.
typedef struct rk_batch rk_batch;

typedef struct rk_request {
    const char *prompt; // copied
    size_t prompt_length;
    const rk_sampler_options *sampling; // NULL: defaults; as for rk_sampler_new
    // Borrowed until the end, as are the arrays in it. Callbacks come out of rk_batch_step, and may
    // not call into the batch.
    const rk_generate_options *options;
    // The state to begin with: its sequence initial_sequence, copied. NULL: empty.
    const rk_state *initial;
    size_t initial_sequence;
    // Called once when the request has ended, with what rk_generate would have returned and filled.
    void (*done)(void *user, rk_status status, const rk_generate_result *result,
                 const rk_error *err);
    void *user; // of done
} rk_request;

// Room for n_sequences requests at a time (at least 1). Borrows context and tokenizer. *out is
// owned by the caller, NULL on failure. For one thread at a time.
rk_status rk_batch_new(rk_batch **out, rk_context *context, const rk_tokenizer *tokenizer,
                       size_t n_sequences, rk_error *err);

// Requests that have not ended are dropped without a call of done. NULL is fine; *batch becomes
// NULL.
void rk_batch_free(rk_batch **batch);

size_t rk_batch_active(const rk_batch *batch); // requests that have not ended
size_t rk_batch_room(const rk_batch *batch);   // how many more can be added

// Adds a request, which joins those under way. ERR_ARGUMENT when there is no room; else what
// rk_sampler_new, rk_tokenizer_encode and rk_state_copy refuse, and ERR_MISMATCH for a tokenizer of
// another vocabulary. After a failure the request is not there, and done is not called.
rk_status rk_batch_add(rk_batch *batch, const rk_request *request, rk_error *err);

// Advances every request: by a slice of its prompt, or by a token. What goes wrong with one request
// ends that one alone; a failure that is returned here has ended all of them with it.
rk_status rk_batch_step(rk_batch *batch, rk_error *err);

// ---- beam search

// One of the texts that a beam search found.
typedef struct rk_beam {
    char *text; // [length] and a terminator; a stop string is cut off
    size_t length;
    size_t n_tokens; // drawn, those of a stop included
    double log_p;    // of all of them
    double score;    // log_p / n_tokens^length_penalty
    bool ended;      // by a stop; otherwise max_tokens
} rk_beam;

typedef struct rk_beam_options {
    size_t n_beams; // texts kept at a time, 1 .. 1024
    // >= 0; 0 compares sums of log p, which favours short texts, 1 compares means.
    double length_penalty;
} rk_beam_options;

// The most probable continuations, as far as n_beams of them kept side by side find them: nothing
// is left to chance. Of `options` the text callback gets the best text at the end, in one piece;
// stops, stop tokens and the prompt's slice mean what they mean for rk_generate; progress is that
// of the prompt, then that of the search in tokens of max_tokens. *beams gets *n_beams texts, at
// most beams->n_beams, the best first, to be released with rk_beams_free. Sequence 0 of the state
// contains the prompt and the best text afterwards. ERR_ARGUMENT for options out of range, others
// as rk_generate's; *beams is NULL then.
rk_status rk_generate_beams(rk_context *context, rk_state *state, const rk_tokenizer *tokenizer,
                            const char *prompt, size_t prompt_length, const rk_beam_options *search,
                            const rk_generate_options *options, rk_beam **beams, size_t *n_beams,
                            rk_error *err);
void rk_beams_free(rk_beam **beams, size_t n_beams);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
