// What importance matrices say, as a table and as JSON.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/json_output.h"
#include "cli/messages.h"
#include "cli/table.h"
#include "quantize/imatrix_jobs.h"

enum { SCHEMA = 1 };

// Statistics of a matrix's channels.
typedef struct statistics {
    double rms;     // of all inputs
    double largest; // RMS of the channel with the largest one, relative to it
    size_t most_important;
    double
        top_share; // of all squares that belongs to the hundredth part of the channels, the largest
    size_t n_dead; // channels that were always 0
    // Share of a channel's squares that the others of its group predict, the mean over channels
    // weighted with their squares, of the most telling other one: the largest squared correlation.
    double together;
} statistics;

static int descending(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

// The largest squared correlation of a channel with another one of its group.
static double best_partner(const rk_imatrix_entry *e, size_t i) {
    const size_t first = i - i % e->group;
    double best = 0.0;
    for (size_t j = 0; j < e->group && first + j < e->n_channels; j++) {
        const double squares = (double)e->mean_squares[i] * (double)e->mean_squares[first + j];
        const double product = (double)rk_imatrix_product(e, i, first + j);
        if (first + j == i || !(squares > 0.0)) continue;
        if (product * product / squares > best) best = product * product / squares;
    }
    return best;
}

static statistics measure(const rk_imatrix_entry *e) {
    const size_t n = e->n_channels;
    float *sorted = cli_allocate(n, sizeof *sorted);
    statistics s = {0};
    double sum = 0.0, together = 0.0, top = 0.0;
    memcpy(sorted, e->mean_squares, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, descending);
    for (size_t i = 0; i < n; i++) {
        const double square = (double)e->mean_squares[i];
        sum += square;
        if (square == 0.0) s.n_dead++;
        if (square > (double)e->mean_squares[s.most_important]) s.most_important = i;
        if (i < (n + 99) / 100) top += (double)sorted[i];
        if (e->group > 0) together += square * best_partner(e, i);
    }
    free(sorted);
    s.rms = sqrt(sum / (double)n);
    if (!(sum > 0.0)) return s;
    s.largest = sqrt((double)e->mean_squares[s.most_important]) / s.rms;
    s.top_share = top / sum;
    s.together = together / sum;
    return s;
}

static void add_row(cli_table *table, const rk_imatrix_entry *e) {
    const statistics s = measure(e);
    cli_table_add(table, "%s", e->name);
    cli_table_add(table, "%zu", e->n_channels);
    cli_table_add(table, "%" PRIu64, e->n_tokens);
    cli_table_add(table, "%.4g", s.rms);
    cli_table_add(table, "%.1f (%zu)", s.largest, s.most_important);
    cli_table_add(table, "%.1f %%", 100.0 * s.top_share);
    cli_table_add(table, "%zu", s.n_dead);
    if (e->group > 0) {
        cli_table_add(table, "%zu", e->group);
        cli_table_add(table, "%.2f", s.together);
    } else {
        cli_table_add(table, "-");
        cli_table_add(table, "-");
    }
}

static void print_table(const rk_imatrix *imatrix) {
    static const cli_column columns[] = {
        {"matrix", false},           {"channels", true}, {"tokens", true}, {"RMS", true},
        {"largest (channel)", true}, {"top 1 %", true},  {"dead", true},   {"group", true},
        {"together", true},
    };
    cli_table table;
    cli_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < rk_imatrix_count(imatrix); i++) {
        const rk_imatrix_entry entry = rk_imatrix_at(imatrix, i);
        add_row(&table, &entry);
    }
    cli_table_print(&table, stdout);
    cli_table_fini(&table);
    puts(
        "\nlargest   RMS of the most important channel, over that of all\n"
        "top 1 %   share of all squares that is in the hundredth part of the channels\n"
        "together  largest squared correlation with a channel of the group, mean over the squares");
}

static void print_json(const rk_imatrix *imatrix) {
    cJSON *object = cli_json_new(SCHEMA);
    cJSON *matrices = cli_json_add_array(object, "matrices");
    for (size_t i = 0; i < rk_imatrix_count(imatrix); i++) {
        const rk_imatrix_entry e = rk_imatrix_at(imatrix, i);
        const statistics s = measure(&e);
        cJSON *row = cli_json_append_object(matrices);
        cli_json_add_text(row, "name", e.name);
        cli_json_add_size(row, "channels", e.n_channels);
        cli_json_add_size(row, "tokens", e.n_tokens);
        cli_json_add_number(row, "rms", s.rms);
        cli_json_add_number(row, "largest", s.largest);
        cli_json_add_size(row, "largest_channel", s.most_important);
        cli_json_add_number(row, "top_share", s.top_share);
        cli_json_add_size(row, "dead", s.n_dead);
        cli_json_add_size(row, "group", e.group);
        cli_json_add_number(row, "together", e.group > 0 ? s.together : NAN);
    }
    cli_json_finish(object);
}

int show_imatrices(const cli_text_list *files, const cli_common *common) {
    rk_imatrix *imatrix;
    const int code = load_imatrices(&imatrix, files);
    if (code != CLI_EXIT_DONE) return code;
    if (common->json) {
        print_json(imatrix);
    } else {
        print_table(imatrix);
    }
    rk_imatrix_free(&imatrix);
    return code;
}
