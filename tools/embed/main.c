// embed: texts become vectors, taken from the state that a model is in after reading them.
#include <stddef.h>

#include "cli/messages.h"
#include "cli/ranks.h"
#include "cli/signals.h"
#include "cli/standard_streams.h"
#include "embed/embed_jobs.h"
#include "embed/embed_ranks.h"

static int do_job(const embed_job *job) {
    const task_settings *tasks = &job->settings->tasks;
    if (tasks->similarity) return job_similarity(job);
    if (tasks->nearest > 0) return job_nearest(job);
    if (tasks->fit != NULL) return job_fit(job);
    if (tasks->predict != NULL) return job_predict(job);
    return job_write(job);
}

// The texts, wherever they are. False where there are none: vectors are searched, or statistics put
// together.
static bool open_source(text_source *source, const embed_settings *s,
                        const cli_text_list *arguments, const cli_text_list *fit) {
    if (s->tasks.fit != NULL) {
        text_source_files(source, fit, "jsonl", s->texts.skip_empty);
    } else if (s->texts.files.count > 0) {
        text_source_files(source, &s->texts.files, s->texts.kind, s->texts.skip_empty);
    } else if (arguments->count > 1 && s->tasks.nearest == 0) {
        text_source_arguments(source, arguments->items + 1, arguments->count - 1);
    } else {
        return false;
    }
    if (s->tasks.fit != NULL || s->tasks.predict != NULL) source->label = s->tasks.label;
    return true;
}

// Rank 0 does the job, the others help it.
static int do_share(const embed_job *job) {
    int code = CLI_EXIT_DONE;
    if (cli_rank() == 0) {
        code = do_job(job);
        embed_ranks_dismiss();
    } else {
        embed_ranks_serve(job->machine);
    }
    return code;
}

static int run(const embed_settings *s, const cli_text_list *arguments, const cli_common *common) {
    text_source source = {.fd = -1};
    embed_machine machine = {0};
    cli_text_list fit = {0};
    if (s->tasks.fit != NULL) cli_text_list_add(&fit, s->tasks.fit);
    const bool has_source = open_source(&source, s, arguments, &fit);
    const embed_job job = {.settings = s,
                           .common = common,
                           .machine = &machine,
                           .source = has_source ? &source : NULL,
                           .query = s->tasks.nearest > 0 ? arguments->items[1] : NULL};
    cli_signals_begin();
    int code = CLI_EXIT_DONE;
    // Files may be there for rank 0 alone.
    if (has_source && cli_rank() == 0 && !text_source_check(&source)) code = CLI_EXIT_FAILED;
    code = cli_ranks_agree(code);
    if (code == CLI_EXIT_DONE) {
        code = embed_machine_open(&machine, arguments->items[0], s, common);
        code = embed_ranks_check(code, &machine);
    }
    if (code == CLI_EXIT_DONE) code = do_share(&job);
    embed_machine_close(&machine);
    text_source_close(&source);
    cli_text_list_free(&fit);
    return code;
}

int main(int argc, char **argv) {
    cli_start();
    embed_settings s = embed_defaults();
    cli_common common = {0};
    cli_text_list arguments = {0};
    cli_parse(&embed_program, argc, argv, &s, &common, &arguments);
    if (arguments.count < 1) cli_misuse("missing argument MODEL");
    embed_check(&s, arguments.items[0], &arguments);
    if (s.tasks.label == NULL) s.tasks.label = "label";
    cli_ranks_begin();
    const int code = run(&s, &arguments, &common);
    cli_text_list_free(&arguments);
    cli_text_list_free(&s.texts.files);
    cli_text_list_free(&s.tasks.stats_add);
    return cli_finish(cli_ranks_end(code));
}
