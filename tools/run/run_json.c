// What --json prints, and the way to --jsonl.
#include "run/run_json.h"

#include "cli/json_output.h"
#include "cli/peak_memory.h"
#include "run/jsonl_loop.h"
#include "run/record_json.h"

enum { JSON_SCHEMA = 1 };

static void print_record(const text_job *job, const record *r, const rk_generate_options *options,
                         uint64_t seed) {
    cJSON *object = cli_json_new(JSON_SCHEMA);
    record_json(r, object, options, job->model->tokenizer);
    cli_json_add_size(object, "seed", seed);
    cli_json_add_number(object, "load_seconds", job->model->load_seconds);
    cli_json_add_number(object, "prompt_seconds", r->result.prompt_seconds);
    cli_json_add_number(object, "generate_seconds", r->result.draw_seconds);
    cli_json_add_size(object, "peak_memory", cli_peak_memory());
    cli_json_finish(object);
}

static void print_beams(const rk_beam *beams, size_t n_beams, double seconds) {
    cJSON *object = cli_json_new(JSON_SCHEMA);
    cJSON *array = cli_json_add_array(object, "beams");
    for (size_t i = 0; i < n_beams; i++) {
        cJSON *beam = cli_json_append_object(array);
        if (!cli_json_add_bytes(beam, "text", beams[i].text, beams[i].length)) {
            cli_json_add_bool(beam, "utf8", false);
        }
        cli_json_add_text(beam, "end", beams[i].ended ? "stop" : "length");
        cli_json_add_size(beam, "generated_tokens", beams[i].n_tokens);
        cli_json_add_number(beam, "log_p", beams[i].log_p);
        cli_json_add_number(beam, "score", beams[i].score);
    }
    cli_json_add_number(object, "seconds", seconds);
    cli_json_add_size(object, "peak_memory", cli_peak_memory());
    cli_json_finish(object);
}

static void print_tokens(const rk_tokenizer *tokenizer, const uint32_t *tokens, size_t n_tokens) {
    cJSON *object = cli_json_new(JSON_SCHEMA);
    cli_json_add_text(object, "tokenizer", rk_tokenizer_name(tokenizer));
    cli_json_add_size(object, "vocabulary", rk_tokenizer_vocabulary(tokenizer));
    cJSON *array = cli_json_add_array(object, "tokens");
    for (size_t i = 0; i < n_tokens; i++) {
        cJSON_AddItemToArray(array, cJSON_CreateNumber(tokens[i]));
    }
    cli_json_finish(object);
}

static void print_text(const char *text, size_t length) {
    cJSON *object = cli_json_new(JSON_SCHEMA);
    if (!cli_json_add_bytes(object, "text", text, length)) {
        cli_json_add_bool(object, "utf8", false);
    }
    cli_json_finish(object);
}

static const run_json_table table = {
    .print_record = print_record,
    .print_beams = print_beams,
    .print_tokens = print_tokens,
    .print_text = print_text,
    .answer_requests = answer_requests,
};

const run_json_table *const run_json = &table;
