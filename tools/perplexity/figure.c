// Pictures. The texts of others never reach gnuplot: the script has place-holders of the same
// width, which the labels take the place of in the drawing, as the page's variables do that of
// colours.
#include "perplexity/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/html_text.h"
#include "cli/utf8_text.h"

enum {
    COLOURS = 8,
    LABEL_CHARACTERS = 36, // of a series, at most
    WIDTH = 640,
    HEIGHT = 340,
    KEY_LINE = 19, // of the list of series
};

// ---- labels

// At most LABEL_CHARACTERS of a text, as well-formed text. Release: free.
static char *shorten(const char *text) {
    char *label = cli_utf8_repair(text);
    size_t end = 0;
    for (size_t n = 0; label[end] != '\0'; n++) {
        const size_t length = cli_utf8_character(label + end);
        if (n == LABEL_CHARACTERS - 1 && label[end + length] != '\0') {
            char *cut = cli_format("%.*s…", (int)end, label);
            free(label);
            return cut;
        }
        end += length;
    }
    return label;
}

// As wide as the label, as far as one can tell without its font: what is not ASCII counts twice.
// Release: free.
static char *make_holder(const char *label, size_t series) {
    size_t width = 0;
    for (const char *c = label; *c != '\0';) {
        const size_t length = cli_utf8_character(c);
        width += length > 1 ? 2 : 1;
        c += length;
    }
    char *holder = cli_format("@%03zu@", series);
    const size_t used = strlen(holder);
    if (width <= used) return holder;
    char *longer = cli_reallocate(holder, width + 1, 1);
    memset(longer + used, 'x', width - used);
    longer[width] = '\0';
    return longer;
}

// ---- the script

static bool is_drawn(const figure *f, const figure_point *p) {
    if (!isfinite(p->x) || !isfinite(p->y) || !isfinite(p->low) || !isfinite(p->high)) return false;
    return (!f->log_x || p->x > 0) && (!f->log_y || (p->y > 0 && p->low > 0));
}

// Where a series has its points: ticks, and powers of two, are 1 apart.
static double place(const figure *f, size_t series, double x) {
    const double shift = 0.05 * ((double)series - 0.5 * (double)(f->n_series - 1));
    if (!f->aside) return x;
    return f->log_x ? x * exp2(shift) : x + shift;
}

static void write_data(FILE *out, const figure *f, size_t series) {
    const figure_series *s = &f->series[series];
    fprintf(out, "$data%zu << END\n", series);
    for (size_t i = 0; i < s->n_points; i++) {
        const figure_point *p = &s->points[i];
        if (is_drawn(f, p)) {
            fprintf(out, "%.17g %.17g %.17g %.17g\n", place(f, series, p->x), p->y, p->low,
                    p->high);
        }
    }
    fputs("END\n", out);
}

static bool has_points(const figure *f, size_t series) {
    const figure_series *s = &f->series[series];
    for (size_t i = 0; i < s->n_points; i++) {
        if (is_drawn(f, &s->points[i])) return true;
    }
    return false;
}

static void write_axes(FILE *out, const figure *f) {
    const size_t key = f->n_series * KEY_LINE + 80;
    fprintf(out,
            "set terminal svg size %d,%zu noenhanced font 'sans-serif,13'\n"
            "set key outside right top Left reverse samplen 2 width 1\n"
            "set border 3 lc rgb 'black'\nset tics nomirror out scale 0.6\n"
            "set grid ytics lc rgb '#000009' lw 1 dt 1\n"
            "set format y '%%g'\nset xlabel '%s'\nset ylabel '%s'\n"
            "set autoscale xfix\nset offsets graph 0.06, graph 0.06, graph %s, graph %s\n",
            WIDTH, key > HEIGHT ? key : (size_t)HEIGHT, f->x_title, f->y_title,
            f->log_y ? "0" : "0.06", f->log_y || f->from_zero ? "0" : "0.06");
    if (f->log_x) fputs("set logscale x 2\n", out);
    if (f->log_y) fputs("set logscale y 10\n", out);
    if (f->from_zero) fputs("set yrange [0:*]\n", out);
    if (f->n_ticks == 0) return;
    fputs("set xtics (", out);
    for (size_t i = 0; i < f->n_ticks; i++) {
        fprintf(out, "%s'%s' %.17g", i > 0 ? ", " : "", f->ticks[i].label, f->ticks[i].at);
    }
    fputs(")\n", out);
}

// Filled point types first: square, circle, triangle, ...
static int point_type(size_t series) {
    static const int types[] = {7, 5, 9, 11, 13, 15, 6, 4};
    return types[series % (sizeof types / sizeof types[0])];
}

static void write_plot(FILE *out, const figure *f, char *const *holders) {
    const char *between = "plot ";
    for (size_t i = 0; i < f->n_series; i++) {
        if (!has_points(f, i)) continue;
        const size_t number = f->series[i].number;
        const size_t colour = number % COLOURS + 1, dash = number / COLOURS + 1;
        fprintf(out, "%s$data%zu using 1:2:3:4 with %s lc rgb '#00000%zu' lw 1.5 pt %d ps 0.7",
                between, i, "yerrorbars", colour, point_type(number));
        fprintf(out, f->lines ? " notitle" : " title '%s'", holders[i]);
        if (f->lines) {
            fprintf(out,
                    ", $data%zu using 1:2 with linespoints lc rgb '#00000%zu' lw 1.5 dt %zu "
                    "pt %d ps 0.7 title '%s'",
                    i, colour, dash, point_type(number), holders[i]);
        }
        between = ", ";
    }
    fputc('\n', out);
}

static char *write_script(const figure *f, char *const *holders) {
    char *script = NULL;
    size_t size = 0;
    FILE *out = cli_memory_open(&script, &size);
    write_axes(out, f);
    for (size_t i = 0; i < f->n_series; i++) write_data(out, f, i);
    write_plot(out, f, holders);
    cli_memory_close(out);
    return script;
}

// ---- from gnuplot's drawing to the page's

typedef struct adapting {
    const figure *figure;
    char *const *labels, *const *holders;
    const char *id;
} adapting;

// Writes what takes the place of the text at `at`; returns the length of that, or 0.
static size_t replace_label(FILE *out, const adapting *a, const char *at) {
    if (*at != '@') return 0;
    for (size_t i = 0; i < a->figure->n_series; i++) {
        const size_t length = strlen(a->holders[i]);
        if (strncmp(at, a->holders[i], length) != 0) continue;
        cli_html_write(out, a->labels[i]);
        return length;
    }
    return 0;
}

static size_t replace_colour(FILE *out, const char *at) {
    static const char plain[] = "rgb(  0,   0,   ";
    const size_t length = sizeof plain - 1;
    if (strncmp(at, plain, length) != 0 || at[length] < '0' || at[length] > '9') return 0;
    if (at[length] == '9') {
        fputs("var(--grid)", out);
    } else {
        fprintf(out, "var(--s%c)", at[length]);
    }
    return length + 2; // with the parenthesis
}

// Words in quotes of either kind, with what stands for them; %s is the picture's id.
static size_t replace_word(FILE *out, const adapting *a, const char *at) {
    static const struct {
        const char *from, *to;
    } words[] = {
        {"\"black\"", "\"currentColor\""},
        {"'black'", "'currentColor'"},
        {"\"rgb(0,0,0)\"", "\"currentColor\""},
        {"\"white\"", "\"var(--paper)\""},
        {"'white'", "'var(--paper)'"},
        {"\"gray\"", "\"var(--grid)\""},
        {"'lightgrey'", "'var(--grid)'"},
        {"'gpDot'", "'%s-dot'"},
        {"'gpPt", "'%s-p"},
        {"'#gpPt", "'#%s-p"},
        {"'#gpDot'", "'#%s-dot'"},
        {"\"gnuplot_", "\"%s-"},
        {"id='textbox'", "id='%s-text'"},
        {"id='greybox'", "id='%s-grey'"},
    };
    if (strchr("\"'i", *at) == NULL) return 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t length = strlen(words[i].from);
        if (strncmp(at, words[i].from, length) != 0) continue;
        const char *mark = strstr(words[i].to, "%s");
        if (mark == NULL) {
            fputs(words[i].to, out);
        } else {
            fprintf(out, "%.*s%s%s", (int)(mark - words[i].to), words[i].to, a->id, mark + 2);
        }
        return length;
    }
    return 0;
}

// The root element says nothing but its size: names of XML's are for files of their own.
static const char *write_root(FILE *out, const char *drawing) {
    const char *box = strstr(drawing, "viewBox=\""), *end = strstr(drawing, "\"\n>");
    if (box == NULL || end == NULL || end < box) return NULL;
    const size_t length = strcspn(box + 9, "\"");
    fprintf(out, "<svg role=\"img\" viewBox=\"%.*s\">", (int)length, box + 9);
    const char *canvas = strstr(end, "<g id=");
    return canvas;
}

static char *adapt(const adapting *a, const char *drawing) {
    char *svg = NULL;
    size_t size = 0;
    FILE *out = cli_memory_open(&svg, &size);
    const char *at = write_root(out, drawing);
    while (at != NULL && *at != '\0') {
        size_t length = replace_label(out, a, at);
        if (length == 0) length = replace_colour(out, at);
        if (length == 0) length = replace_word(out, a, at);
        if (length == 0) fputc(*at, out);
        at += length > 0 ? length : 1;
    }
    cli_memory_close(out);
    if (at != NULL) return svg;
    free(svg);
    return NULL;
}

// ---- both

gnuplot_result figure_draw(char **svg, const figure *f, const char *id) {
    char **labels = cli_allocate(f->n_series, sizeof *labels);
    char **holders = cli_allocate(f->n_series, sizeof *holders);
    for (size_t i = 0; i < f->n_series; i++) {
        labels[i] = shorten(f->series[i].label);
        holders[i] = make_holder(labels[i], i);
    }
    char *script = write_script(f, holders), *drawing;
    gnuplot_result result = gnuplot_draw(&drawing, script);
    *svg = NULL;
    if (result == GNUPLOT_DONE) {
        *svg = adapt(&(adapting){f, labels, holders, id}, drawing);
        if (*svg == NULL) result = GNUPLOT_FAILED;
    }
    free(drawing);
    free(script);
    for (size_t i = 0; i < f->n_series; i++) {
        free(labels[i]);
        free(holders[i]);
    }
    free(labels);
    free(holders);
    return result;
}
