// Beam search: the most probable texts that are found, nothing left to chance.
#include <stdlib.h>

#include "cli/messages.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/sizes.h"
#include "rk/state_file.h"
#include "run/continue_text.h"
#include "run/run_json.h"
#include "run/text_sink.h"
#include "run/timings.h"

static rk_status search(const text_job *job, const rk_generate_options *options, rk_beam **beams,
                        size_t *n_beams, rk_error *err) {
    const loaded_model *m = job->model;
    const rk_beam_options width = {.n_beams = job->settings->modes.beams,
                                   .length_penalty = job->settings->modes.length_penalty};
    rk_state *state = NULL;
    rk_status status = rk_state_new(&state, m->model, 1, err);
    if (status == RK_OK && job->settings->states.initial != NULL) {
        status = rk_state_load(state, 0, job->settings->states.initial, err);
    }
    if (status == RK_OK) {
        status = rk_generate_beams(m->context, state, m->tokenizer, job->prompt->data,
                                   job->prompt->size, &width, options, beams, n_beams, err);
    }
    rk_state_free(&state);
    return status;
}

static void report(const text_job *job, const rk_beam *beams, size_t n_beams, double seconds,
                   text_sink *sink) {
    if (job->common->json) {
        run_json->print_beams(beams, n_beams, seconds);
    } else {
        if (job->settings->report.echo) {
            text_sink_write(sink, job->prompt->data, job->prompt->size);
        }
        text_sink_write(sink, beams[0].text, beams[0].length);
        text_sink_end(sink);
    }
    if (job->settings->report.timings) {
        const text_counts counts = {.n_texts = n_beams, .n_drawn_tokens = beams[0].n_tokens};
        print_total_timings(job->model, &counts, seconds);
    }
}

int search_beams(const text_job *job) {
    cli_progress progress;
    cli_progress_begin(&progress, "prompt", CLI_UNIT_TOKENS, job->common->quiet);
    rk_generate_options options = {.progress = cli_progress_hook(&progress)};
    ending_apply(&options, job->ending, &job->settings->ending);
    if (options.max_tokens == 0) cli_misuse("--beams needs tokens to search: -n 0");
    text_sink sink = {0};
    rk_beam *beams = NULL;
    size_t n_beams = 0;
    rk_error err;
    int code = CLI_EXIT_DONE;
    const double start = cli_now();
    const rk_status status = search(job, &options, &beams, &n_beams, &err);
    cli_progress_end(&progress);
    if (status != RK_OK) {
        code = cli_failure(&err);
    } else {
        report(job, beams, n_beams, cli_now() - start, &sink);
        if (sink.failed) code = CLI_EXIT_FAILED;
    }
    rk_beams_free(&beams, n_beams);
    return code;
}
