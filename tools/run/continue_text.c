// Continuing one text, from a session file or to one if need be.
#include "run/continue_text.h"

#include "cli/messages.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/sizes.h"
#include "rk/state_file.h"
#include "run/record.h"
#include "run/run_json.h"
#include "run/text_sink.h"
#include "run/timings.h"

// Where the text goes: to standard output as it comes, or into a record.
typedef struct output {
    bool recorded;
    text_sink sink;
    record record;
} output;

static bool write_text(output *o, const rk_generate_options *options, const char *text,
                       size_t length) {
    return length == 0 || options->text(o->recorded ? (void *)&o->record : &o->sink, text, length);
}

static void output_begin(output *o, const text_job *job, rk_generate_options *options) {
    const size_t logprobs = job->settings->report.logprobs;
    *o = (output){.recorded = job->common->json || logprobs != NO_LOGPROBS};
    if (o->recorded) {
        record_begin(&o->record, logprobs, job->model->n_vocab, options);
    } else {
        options->text = text_sink_write;
        options->user = &o->sink;
    }
}

static void output_end(output *o, const text_job *job, const rk_generate_options *options,
                       uint64_t seed) {
    if (!o->recorded) {
        text_sink_end(&o->sink);
    } else if (job->common->json) {
        run_json->print_record(job, &o->record, options, seed);
    } else {
        record_print_tokens(&o->record, job->model->tokenizer);
    }
}

// ---- the session

// A seed that was given is a new one, unless the session has it already: it then goes on in it.
static void set_seed(rk_session *session, const text_job *job) {
    rk_sampler *sampler = rk_session_sampler(session);
    const uint64_t seed = job->sampling->options.seed;
    const bool given = job->settings->sampling.seed != SAMPLING_AS_PRESET;
    if (given && seed != rk_sampler_seed(sampler)) rk_sampler_set_generator(sampler, seed, 0);
}

rk_status open_session(rk_session **session, const text_job *job, rk_error *err) {
    const state_settings *states = &job->settings->states;
    rk_status status = rk_session_new(session, job->model->context, job->model->tokenizer,
                                      &job->sampling->options, err);
    if (status == RK_OK && states->initial != NULL) {
        status = rk_state_load(rk_session_state(*session), 0, states->initial, err);
        rk_session_state_changed(*session);
    }
    if (status == RK_OK && states->in != NULL) {
        status = rk_session_load(*session, states->in, err);
        if (status == RK_OK) set_seed(*session, job);
    }
    return status;
}

// What the session held back is text before the prompt.
static rk_status feed_prompt(rk_session *session, const text_job *job, output *o,
                             const rk_generate_options *options, rk_error *err) {
    const cli_text *prompt = job->prompt;
    if (prompt->size == 0) return RK_OK;
    rk_session_flush(session, options->text, options->user);
    if (job->settings->report.echo) write_text(o, options, prompt->data, prompt->size);
    const double start = cli_now();
    const rk_status status = rk_session_feed(session, prompt->data, prompt->size, options,
                                             &o->record.result.n_prompt_tokens, err);
    o->record.result.prompt_seconds = cli_now() - start;
    return status;
}

static rk_status generate(rk_session *session, const text_job *job, output *o,
                          const rk_generate_options *options, rk_error *err) {
    rk_generate_result *result = &o->record.result;
    rk_status status = feed_prompt(session, job, o, options, err);
    if (status != RK_OK) return status;
    const rk_generate_result fed = *result;
    result->end = RK_END_CALLER;
    if (!o->sink.failed && !cli_interrupted()) {
        status = rk_session_generate(session, options, result, err);
        result->n_prompt_tokens += fed.n_prompt_tokens;
        result->prompt_seconds += fed.prompt_seconds;
        if (status != RK_OK) return status;
    }
    const char *file = job->settings->states.out;
    if (file != NULL) return rk_session_save(session, file, err);
    rk_session_flush(session, options->text, options->user);
    return RK_OK;
}

int continue_text(const text_job *job) {
    rk_generate_options options = {0};
    ending_apply(&options, job->ending, &job->settings->ending);
    output o;
    output_begin(&o, job, &options);
    cli_progress progress;
    cli_progress_begin(&progress, "prompt", CLI_UNIT_TOKENS, job->common->quiet);
    options.progress = cli_progress_hook(&progress);
    rk_session *session = NULL;
    rk_error err;
    int code = CLI_EXIT_FAILED;
    rk_status status = open_session(&session, job, &err);
    if (status == RK_OK) status = generate(session, job, &o, &options, &err);
    cli_progress_end(&progress);
    if (status != RK_OK) {
        text_sink_end(&o.sink);
        code = cli_failure(&err);
    } else {
        const uint64_t seed = rk_sampler_seed(rk_session_sampler(session));
        output_end(&o, job, &options, seed);
        if (job->settings->report.timings) print_timings(job, &o.record.result, seed);
        code = o.sink.failed       ? CLI_EXIT_FAILED
               : cli_interrupted() ? CLI_EXIT_INTERRUPTED
                                   : CLI_EXIT_DONE;
    }
    rk_session_free(&session);
    record_free(&o.record);
    return code;
}
