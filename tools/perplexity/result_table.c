// Records as tables.
#include "perplexity/result_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/html_text.h"
#include "cli/paths.h"
#include "cli/sizes.h"
#include "cli/table.h"

// Prints the table under its title, which may be NULL, and releases it.
static void finish(cli_table *table, const char *title, const result_sink *to) {
    FILE *out = to->file;
    switch (to->style) {
    case STYLE_TEXT:
        if (title != NULL) fprintf(out, "\n%s\n", title);
        cli_table_print(table, out);
        break;
    case STYLE_MARKDOWN:
        if (title != NULL) fprintf(out, "\n### %s\n\n", title);
        cli_table_print_markdown(table, out);
        break;
    case STYLE_HTML:
        if (title != NULL) {
            fputs("<h2>", out);
            cli_html_write(out, title);
            fputs("</h2>\n", out);
        }
        fputs("<div class=\"wide\">\n", out);
        cli_table_print_html(table, out);
        fputs("</div>\n", out);
        break;
    }
    cli_table_fini(table);
}

static void add_name(cli_table *table, const result *r) {
    cli_table_add(table, "%s", cli_base_name(r->model));
    cli_table_add(table, "%s", r->type);
}

// A speed with three digits or more.
static void add_rate(cli_table *table, bool known, double rate) {
    if (known) {
        cli_table_add(table, "%.*f", rate < 100.0 ? 1 : 0, rate);
    } else {
        cli_table_add(table, "-");
    }
}

static bool any(const record *r, bool (*has)(const result *)) {
    for (size_t i = 0; i < r->n_results; i++) {
        if (has(&r->results[i])) return true;
    }
    return false;
}

// ---- the first table: how good, how large, how fast

static void add_size(cli_table *table, const result *r) {
    add_name(table, r);
    cli_table_add(table, "%.2f", cli_mib(r->bytes));
    cli_table_add(table, "%.2f", r->bits_per_weight);
}

static void add_speed(cli_table *table, const result *r) {
    add_rate(table, r->has_speed, r->prefill_tokens_per_s);
    add_rate(table, r->has_speed, r->decode_tokens_per_s);
    cli_table_add(table, r->has_speed ? "%.1f" : "-", cli_mib(r->peak_rss_bytes));
}

static bool has_loss(const result *r) {
    return r->has_loss;
}

static void print_losses(const record *r, const result_sink *to) {
    static const cli_column columns[] = {
        {"model", false},     {"type", false},    {"MiB", true},       {"bits/weight", true},
        {"perplexity", true}, {"± blocks", true}, {"bits/byte", true}, {"prefill", true},
        {"decode", true},     {"peak MiB", true},
    };
    cli_table table;
    cli_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < r->n_results; i++) {
        const result *m = &r->results[i];
        if (!m->has_loss) continue;
        add_size(&table, m);
        cli_table_add(&table, "%.4f ± %.4f", m->loss.perplexity, m->loss.perplexity_error);
        cli_table_add(&table, r->bootstrap > 0 ? "%.4f" : "-", m->loss.perplexity_bootstrap_error);
        cli_table_add(&table, m->bits_per_byte > 0 ? "%.4f" : "-", m->bits_per_byte);
        add_speed(&table, m);
    }
    finish(&table, NULL, to);
}

static bool has_task(const result *r) {
    return r->has_task;
}

static void print_tasks(const record *r, const result_sink *to) {
    static const cli_column columns[] = {
        {"model", false},   {"type", false},     {"MiB", true},        {"bits/weight", true},
        {"accuracy", true}, {"by length", true}, {"perplexity", true}, {"prefill", true},
        {"decode", true},   {"peak MiB", true},
    };
    cli_table table;
    cli_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < r->n_results; i++) {
        const task_result *t = &r->results[i].task;
        if (!r->results[i].has_task) continue;
        add_size(&table, &r->results[i]);
        cli_table_add(&table, "%.2f ± %.2f %%", 100 * t->accuracy.mean,
                      100 * t->accuracy.standard_error);
        if (t->perplexity > 0) {
            cli_table_add(&table, "-");
            cli_table_add(&table, "%.3f ± %.3f", t->perplexity, t->perplexity_error);
        } else {
            cli_table_add(&table, "%.2f ± %.2f %%", 100 * t->normalized_accuracy.mean,
                          100 * t->normalized_accuracy.standard_error);
            cli_table_add(&table, "-");
        }
        add_speed(&table, &r->results[i]);
    }
    finish(&table, NULL, to);
}

static void print_sizes(const record *r, const result_sink *to) {
    static const cli_column columns[] = {
        {"model", false},  {"type", false},  {"MiB", true},      {"bits/weight", true},
        {"prefill", true}, {"decode", true}, {"peak MiB", true},
    };
    cli_table table;
    cli_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < r->n_results; i++) {
        add_size(&table, &r->results[i]);
        add_speed(&table, &r->results[i]);
    }
    finish(&table, NULL, to);
}

// ---- beside a base

static bool is_compared(const result *r) {
    return r->is_compared;
}

static void print_comparison(const record *r, const result_sink *to) {
    static const cli_column columns[] = {
        {"model", false},
        {"type", false},
        {"KL", true},
        {"± blocks", true},
        {"same token", true},
        {"loss - base's", true},
        {"perplexity - base's", true},
        {"KL - first's", true},
    };
    cli_table table;
    cli_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < r->n_results; i++) {
        const result *m = &r->results[i];
        const rk_comparison *c = &m->comparison;
        if (!m->is_compared) continue;
        add_name(&table, m);
        cli_table_add(&table, "%.3g ± %.2g", c->divergence.mean, c->divergence.standard_error);
        cli_table_add(&table, r->bootstrap > 0 ? "%.2g" : "-", c->divergence.bootstrap_error);
        cli_table_add(&table, "%.2f ± %.2f %%", 100 * c->agreement.mean,
                      100 * c->agreement.standard_error);
        cli_table_add(&table, "%+.5f ± %.5f", c->loss_change.mean, c->loss_change.standard_error);
        cli_table_add(&table, "%+.5f ± %.5f", c->perplexity_change.mean,
                      c->perplexity_change.standard_error);
        if (i == 0 || !m->is_paired) {
            cli_table_add(&table, "-");
        } else {
            cli_table_add(&table, "%+.3g ± %.2g", m->versus_first.mean,
                          m->versus_first.standard_error);
        }
    }
    char *title =
        cli_format("against %s%s%s%s", cli_base_name(r->base), r->base_type[0] != '\0' ? " (" : "",
                   r->base_type, r->base_type[0] != '\0' ? ")" : "");
    finish(&table, title, to);
    free(title);
}

static void print_percentiles(const record *r, const result_sink *to) {
    static const cli_column columns[] = {
        {"model", false}, {"type", false},  {"KL median", true}, {"90 %", true},     {"95 %", true},
        {"99 %", true},   {"99.9 %", true}, {"max", true},       {"p change", true}, {"RMS", true},
    };
    cli_table table;
    cli_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < r->n_results; i++) {
        const rk_comparison *c = &r->results[i].comparison;
        if (!r->results[i].is_compared) continue;
        add_name(&table, &r->results[i]);
        for (size_t p = 0; p < RK_DIVERGENCE_PERCENTILES; p++) {
            cli_table_add(&table, "%.3g", c->percentiles[p]);
        }
        cli_table_add(&table, "%.3g", c->largest);
        cli_table_add(&table, "%+.3f ± %.3f %%", 100 * c->probability_change.mean,
                      100 * c->probability_change.standard_error);
        cli_table_add(&table, "%.3f ± %.3f %%", 100 * c->probability_rms,
                      100 * c->probability_rms_error);
    }
    finish(&table, "how the differences are spread", to);
}

// ---- by position

// The longest list of bins, which all shorter ones are the beginning of.
static const result *longest(const record *r) {
    const result *most = &r->results[0];
    for (size_t i = 1; i < r->n_results; i++) {
        if (r->results[i].n_positions > most->n_positions) most = &r->results[i];
    }
    return most;
}

static void add_positions(cli_table *table, const result *r, size_t n_bins, bool divergence) {
    add_name(table, r);
    for (size_t i = 0; i < n_bins; i++) {
        const rk_position_bin *bin = i < r->n_positions ? &r->positions[i] : NULL;
        if (bin == NULL || bin->n_tokens == 0) {
            cli_table_add(table, "-");
        } else if (divergence) {
            cli_table_add(table, "%.3g", bin->divergence.mean);
        } else {
            cli_table_add(table, "%.4f", bin->loss.mean);
        }
    }
}

static void print_positions(const record *r, bool divergence, const result_sink *to) {
    const result *most = longest(r);
    const size_t n = most->n_positions;
    cli_column columns[2 + RK_MAX_POSITION_BINS] = {{"model", false}, {"type", false}};
    char *titles[RK_MAX_POSITION_BINS];
    for (size_t i = 0; i < n; i++) {
        titles[i] = cli_format("-%zu", most->positions[i].end);
        columns[2 + i] = (cli_column){titles[i], true};
    }
    cli_table table;
    cli_table_init(&table, columns, 2 + n);
    for (size_t i = 0; i < r->n_results; i++) {
        const result *m = &r->results[i];
        if (divergence ? m->is_compared : m->has_loss) add_positions(&table, m, n, divergence);
    }
    finish(&table,
           divergence ? "KL by position: tokens since the empty state"
                      : "loss by position: tokens since the empty state",
           to);
    for (size_t i = 0; i < n; i++) free(titles[i]);
}

// ---- latency

static void add_latency(cli_table *table, const result *r, const latency_row *row) {
    const bool steps = row->p50_ms > 0;
    add_name(table, r);
    cli_table_add(table, "%s", row->test);
    cli_table_add(table, "%" PRIu64, row->threads);
    cli_table_add(table, row->batch > 0 ? "%" PRIu64 : "-", row->batch);
    cli_table_add(table, row->chunk > 0 ? "%" PRIu64 : "-", row->chunk);
    cli_table_add(table, "%s", row->logits[0] != '\0' ? row->logits : "-");
    cli_table_add(table, "%.2f ± %.2f", 1e3 * row->seconds, 1e3 * row->seconds_deviation);
    add_rate(table, row->tokens_per_s > 0, row->tokens_per_s);
    cli_table_add(table, steps ? "%.3f" : "-", row->p50_ms);
    cli_table_add(table, steps ? "%.3f" : "-", row->p90_ms);
    cli_table_add(table, steps ? "%.3f" : "-", row->p99_ms);
    cli_table_add(table, row->bytes_per_s > 0 ? "%.2f" : "-", row->bytes_per_s / 1e9);
    cli_table_add(table, row->read_share > 0 ? "%.0f %%" : "-", 100 * row->read_share);
}

static void print_latency(const record *r, const result_sink *to) {
    static const cli_column columns[] = {
        {"model", false},   {"type", false},       {"test", false},   {"threads", true},
        {"batch", true},    {"chunk", true},       {"logits", false}, {"ms", true},
        {"tokens/s", true}, {"p50 ms", true},      {"p90", true},     {"p99", true},
        {"GB/s", true},     {"of memory's", true},
    };
    cli_table table;
    cli_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < r->n_results; i++) {
        for (size_t j = 0; j < r->results[i].n_latency; j++) {
            add_latency(&table, &r->results[i], &r->results[i].latency[j]);
        }
    }
    finish(&table, "latency", to);
}

static bool has_latency(const result *r) {
    return r->n_latency > 0;
}

// ---- in their order

void result_first_table_print(const record *r, const result_sink *to) {
    const bool losses = any(r, has_loss), tasks = any(r, has_task);
    if (losses) print_losses(r, to);
    if (tasks) print_tasks(r, to);
    if (!losses && !tasks) print_sizes(r, to);
}

void result_more_tables_print(const record *r, const result_sink *to) {
    if (any(r, is_compared)) {
        print_comparison(r, to);
        print_percentiles(r, to);
    }
    if (any(r, has_loss) && longest(r)->n_positions > 1) {
        print_positions(r, false, to);
        if (any(r, is_compared)) print_positions(r, true, to);
    }
    if (any(r, has_latency)) print_latency(r, to);
}
