// The pictures of a report: which numbers go where.
#include "perplexity/report_figures.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/paths.h"
#include "cli/sizes.h"
#include "perplexity/figure.h"

// Points of one picture, result by result.
typedef struct plot {
    const record *record;
    figure_point *points;  // [n_series][most]
    figure_series *series; // [n_results], those with points first
    size_t most, n_series;
    char **labels; // [n_results], borrowed
} plot;

// ---- what the series are called

// The type, with the name of the model where there are several.
static char **make_labels(const record *r) {
    char **labels = cli_allocate(r->n_results, sizeof *labels);
    bool is_one = true;
    for (size_t i = 1; i < r->n_results; i++) {
        is_one = is_one && strcmp(r->results[i].model, r->results[0].model) == 0;
    }
    for (size_t i = 0; i < r->n_results; i++) {
        const result *m = &r->results[i];
        labels[i] =
            is_one ? cli_copy(m->type) : cli_format("%s %s", m->type, cli_base_name(m->model));
    }
    return labels;
}

static void free_labels(char **labels, size_t n) {
    for (size_t i = 0; i < n; i++) free(labels[i]);
    free(labels);
}

// ---- putting points together

static plot plot_begin(const record *r, char **labels, size_t most) {
    return (plot){.record = r,
                  .points = cli_allocate(r->n_results * most, sizeof(figure_point)),
                  .series = cli_allocate(r->n_results, sizeof(figure_series)),
                  .most = most,
                  .labels = labels};
}

static void add_point(plot *p, size_t index, double x, double y, double low, double high) {
    figure_point *points = p->points + index * p->most;
    const bool is_new = p->n_series == 0 || p->series[p->n_series - 1].points != points;
    if (is_new) p->series[p->n_series++] = (figure_series){p->labels[index], points, 0, index};
    figure_series *s = &p->series[p->n_series - 1];
    points[s->n_points++] = (figure_point){x, y, low, high};
}

// Draws what has been put together, if that is anything. `caption` is taken over.
static void plot_end(plot *p, report_figures *out, figure *f, const char *title, char *caption) {
    f->series = p->series;
    f->n_series = p->n_series;
    char id[] = "f0", *svg = NULL;
    id[1] = (char)('1' + out->count);
    // One attempt is enough where gnuplot is not there.
    if (p->n_series > 0 && out->result == GNUPLOT_DONE) out->result = figure_draw(&svg, f, id);
    if (svg != NULL) {
        out->items[out->count++] = (report_figure){title, caption, svg};
    } else {
        free(caption);
    }
    free(p->points);
    free(p->series);
}

// ---- size against perplexity

static void draw_sizes(report_figures *out, const record *r, char **labels) {
    plot p = plot_begin(r, labels, 1);
    const bool blocks = r->bootstrap > 0;
    for (size_t i = 0; i < r->n_results; i++) {
        const result *m = &r->results[i];
        const rk_loss *l = &m->loss;
        const double error = blocks ? l->perplexity_bootstrap_error : l->perplexity_error;
        if (!m->has_loss) continue;
        add_point(&p, i, cli_mib(m->bytes), l->perplexity, l->perplexity - error,
                  l->perplexity + error);
    }
    figure f = {.x_title = "MiB of weights", .y_title = "perplexity", .log_x = true};
    plot_end(&p, out, &f, "Size and perplexity",
             cli_format("Lower and further left is better. Bars: one standard error%s. The text is "
                        "the same for all, so differences are known far better than the bars say.",
                        blocks ? " from blocks of neighbouring tokens" : ""));
}

// ---- KL

static const double LEAST_KL = 1e-9; // below, there is nothing but rounding

static bool is_shown(double divergence) {
    return divergence >= LEAST_KL;
}

static void draw_percentiles(report_figures *out, const record *r, char **labels) {
    static const figure_tick ticks[] = {{0, "median"}, {1, "90 %%"},   {2, "95 %%"},
                                        {3, "99 %%"},  {4, "99.9 %%"}, {5, "largest"}};
    _Static_assert(sizeof ticks / sizeof ticks[0] == RK_DIVERGENCE_PERCENTILES + 1, "a tick each");
    plot p = plot_begin(r, labels, RK_DIVERGENCE_PERCENTILES + 1);
    for (size_t i = 0; i < r->n_results; i++) {
        const rk_comparison *c = &r->results[i].comparison;
        if (!r->results[i].is_compared) continue;
        for (size_t k = 0; k <= RK_DIVERGENCE_PERCENTILES; k++) {
            const double kl = k < RK_DIVERGENCE_PERCENTILES ? c->percentiles[k] : c->largest;
            if (is_shown(kl)) add_point(&p, i, (double)k, kl, kl, kl);
        }
    }
    figure f = {.x_title = "share of the predictions",
                .y_title = "KL from the base in nats",
                .log_y = true,
                .lines = true,
                .ticks = ticks,
                .n_ticks = sizeof ticks / sizeof ticks[0]};
    plot_end(&p, out, &f, "Divergence from the base",
             cli_copy("That share of all predictions is no further from the base's than this. "
                      "Less than 1e-9 is not drawn."));
}

// ---- by position

// Ticks at the ends of the bins of the longest list.
static size_t make_ticks(figure_tick ticks[RK_MAX_POSITION_BINS], char *names[RK_MAX_POSITION_BINS],
                         const record *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->n_results; i++) {
        for (; n < r->results[i].n_positions; n++) {
            const size_t end = r->results[i].positions[n].end;
            const size_t thousands = end / 1024;
            names[n] = thousands >= 1 ? cli_format("%zuK", thousands) : cli_format("%zu", end);
            ticks[n] = (figure_tick){(double)n, names[n]};
        }
    }
    return n;
}

static void add_positions(plot *p, size_t index, bool divergence) {
    const result *m = &p->record->results[index];
    for (size_t b = 0; b < m->n_positions; b++) {
        const rk_position_bin *bin = &m->positions[b];
        const rk_estimate *e = divergence ? &bin->divergence : &bin->loss;
        if (bin->n_tokens == 0 || (divergence && !is_shown(e->mean))) continue;
        const double low = e->mean - e->standard_error;
        // A bar that reaches zero has no end on a logarithmic scale.
        add_point(p, index, (double)b, e->mean, divergence && !is_shown(low) ? e->mean : low,
                  e->mean + e->standard_error);
    }
}

static void draw_positions(report_figures *out, const record *r, char **labels, bool divergence) {
    figure_tick ticks[RK_MAX_POSITION_BINS];
    char *names[RK_MAX_POSITION_BINS];
    const size_t n_ticks = make_ticks(ticks, names, r);
    plot p = plot_begin(r, labels, n_ticks);
    for (size_t i = 0; n_ticks > 1 && i < r->n_results; i++) {
        if (divergence ? r->results[i].is_compared : r->results[i].has_loss) {
            add_positions(&p, i, divergence);
        }
    }
    figure f = {.x_title = "tokens since the empty state, up to",
                .y_title = divergence ? "KL from the base in nats" : "loss in nats per token",
                .log_y = divergence,
                .lines = true,
                .aside = true,
                .ticks = ticks,
                .n_ticks = n_ticks};
    plot_end(&p, out, &f, divergence ? "Divergence by position" : "Loss by position",
             cli_copy(divergence ? "A line that rises says that errors build up in the state. "
                                   "Bars: one standard error."
                                 : "Means over the tokens since the mark before. Bars: one "
                                   "standard error."));
    for (size_t i = 0; i < n_ticks; i++) free(names[i]);
}

// ---- latency

// The largest number of threads that something was timed with.
static uint64_t most_threads(const record *r) {
    uint64_t most = 0;
    for (size_t i = 0; i < r->n_results; i++) {
        for (size_t j = 0; j < r->results[i].n_latency; j++) {
            const uint64_t threads = r->results[i].latency[j].threads;
            if (threads > most) most = threads;
        }
    }
    return most;
}

static size_t most_rows(const record *r) {
    size_t most = 0;
    for (size_t i = 0; i < r->n_results; i++) {
        if (r->results[i].n_latency > most) most = r->results[i].n_latency;
    }
    return most;
}

static void add_prefill(plot *p, size_t index, const latency_row *row) {
    const double tokens = (double)row->tokens, spread = row->seconds_deviation;
    if (strcmp(row->logits, "all") != 0) return;
    const double low = tokens / (row->seconds + spread);
    // A deviation as large as the mean has no upper end.
    const double high =
        spread < row->seconds ? tokens / (row->seconds - spread) : row->tokens_per_s;
    add_point(p, index, (double)row->chunk, row->tokens_per_s, low, high);
}

static void add_decode(plot *p, size_t index, const latency_row *row) {
    add_point(p, index, (double)row->batch, row->p50_ms, row->p50_ms, row->p99_ms);
}

static void draw_latency(report_figures *out, const record *r, char **labels, bool decode) {
    const uint64_t threads = most_threads(r);
    plot p = plot_begin(r, labels, most_rows(r));
    for (size_t i = 0; i < r->n_results; i++) {
        for (size_t j = 0; j < r->results[i].n_latency; j++) {
            const latency_row *row = &r->results[i].latency[j];
            if (row->threads != threads || strcmp(row->test, decode ? "decode" : "prefill") != 0) {
                continue;
            }
            if (decode) {
                add_decode(&p, i, row);
            } else {
                add_prefill(&p, i, row);
            }
        }
    }
    figure f = {.x_title = decode ? "sequences decoded together" : "tokens computed together",
                .y_title = decode ? "ms a step" : "tokens per second",
                .log_x = true,
                .log_y = decode,
                .lines = true,
                .from_zero = !decode,
                .aside = true};
    const char *plural = threads == 1 ? "" : "s";
    plot_end(&p, out, &f, decode ? "Decode" : "Prefill",
             decode ? cli_format("The median step with %" PRIu64
                                 " thread%s. Bars: up to the 99th percentile.",
                                 threads, plural)
                    : cli_format("With %" PRIu64 " thread%s, logits of all tokens. Bars: one "
                                 "standard deviation of a repetition.",
                                 threads, plural));
}

// ---- all of them

void report_figures_draw(report_figures *out, const record *r) {
    *out = (report_figures){.result = GNUPLOT_DONE};
    char **labels = make_labels(r);
    draw_sizes(out, r, labels);
    draw_percentiles(out, r, labels);
    draw_positions(out, r, labels, false);
    draw_positions(out, r, labels, true);
    draw_latency(out, r, labels, false);
    draw_latency(out, r, labels, true);
    free_labels(labels, r->n_results);
}

void report_figures_free(report_figures *figures) {
    for (size_t i = 0; i < figures->count; i++) {
        free(figures->items[i].caption);
        free(figures->items[i].svg);
    }
    *figures = (report_figures){0};
}
