// The results of perplexity.
#include "perplexity/perplexity_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/json_output.h"
#include "cli/paths.h"
#include "cli/sha256.h"
#include "cli/sizes.h"
#include "cli/table.h"
#include "rk/version.h"
#include "perplexity/speed.h"

enum { SCHEMA = 1 };

// Which number this is depends on it, so every report says it.
static const char protocol[] =
    "one stream from the empty state; every token but the first is scored";

static void add_row(cli_table *table, const measurement *m) {
    cli_table_add(table, "%s", cli_base_name(m->model));
    cli_table_add(table, "%s", m->type);
    cli_table_add(table, "%.2f", cli_mib(m->bytes));
    cli_table_add(table, "%.2f", m->bits_per_weight);
    cli_table_add(table, "%.4f ± %.4f", m->loss.perplexity, m->loss.perplexity_error);
    cli_table_add(table, "%.4f", m->bits_per_byte);
    cli_table_add(table, "%.*f", m->prefill_tokens_per_s < 100.0 ? 1 : 0, m->prefill_tokens_per_s);
    cli_table_add(table, "%.*f", m->decode_tokens_per_s < 100.0 ? 1 : 0, m->decode_tokens_per_s);
    cli_table_add(table, "%.1f", cli_mib(m->peak_rss_bytes));
}

static void print_notes(const perplexity_report *report) {
    const measurement *first = &report->results[0];
    printf("\ntext      %s: %" PRIu64 " tokens scored (%" PRIu64 " bytes)\n", report->text->name,
           first->loss.n_tokens, first->scored_bytes);
    printf("protocol  %s; ±: one standard error\n", protocol);
    printf(
        "speed     tokens/s with %zu thread%s, medians: prefill of %d tokens, decode one by one\n",
        report->n_threads, report->n_threads == 1 ? "" : "s", SPEED_PREFILL_TOKENS);
    bool own = true;
    for (size_t i = 1; i < report->n_results; i++) own = own && report->results[i].peak_is_own;
    if (!own)
        puts("memory    peaks include what came before: this system does not let them be reset");
}

void report_print_table(const perplexity_report *report) {
    static const cli_column columns[] = {
        {"model", false},      {"type", false},      {"MiB", true},
        {"bits/weight", true}, {"perplexity", true}, {"bits/byte", true},
        {"prefill", true},     {"decode", true},     {"peak MiB", true},
    };
    cli_table table;
    cli_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < report->n_results; i++) add_row(&table, &report->results[i]);
    cli_table_print(&table, stdout);
    cli_table_fini(&table);
    print_notes(report);
}

static void add_result(cJSON *results, const measurement *m) {
    cJSON *object = cli_json_append_object(results);
    cli_json_add_text(object, "model", m->model);
    cli_json_add_text(object, "architecture", m->architecture);
    cli_json_add_text(object, "type", m->type);
    cli_json_add_size(object, "bytes", m->bytes);
    cli_json_add_number(object, "bits_per_weight", m->bits_per_weight);
    cli_json_add_size(object, "tokens", m->loss.n_tokens);
    cli_json_add_number(object, "loss", m->loss.mean);
    cli_json_add_number(object, "loss_error", m->loss.standard_error);
    cli_json_add_number(object, "perplexity", m->loss.perplexity);
    cli_json_add_number(object, "perplexity_error", m->loss.perplexity_error);
    cli_json_add_number(object, "bits_per_byte", m->bits_per_byte);
    cli_json_add_number(object, "prefill_tokens_per_s", m->prefill_tokens_per_s);
    cli_json_add_number(object, "decode_tokens_per_s", m->decode_tokens_per_s);
    cli_json_add_size(object, "peak_rss_bytes", m->peak_rss_bytes);
    cli_json_add_bool(object, "peak_rss_is_own", m->peak_is_own);
}

void report_print_json(const perplexity_report *report) {
    char sum[CLI_SHA256_TEXT];
    cli_sha256_bytes(sum, report->text->data, report->text->size);
    cJSON *object = cli_json_new(SCHEMA);
    cli_json_add_text(object, "text", report->text->name);
    cli_json_add_size(object, "text_bytes", report->text->size);
    cli_json_add_text(object, "text_sha256", sum);
    cli_json_add_text(object, "protocol", protocol);
    cli_json_add_size(object, "threads", report->n_threads);
    cli_json_add_text(object, "system", rk_system_info());
    cJSON *results = cli_json_add_array(object, "results");
    for (size_t i = 0; i < report->n_results; i++) add_result(results, &report->results[i]);
    cli_json_finish(object);
}
