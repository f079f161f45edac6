// Writing the report's page.
#include "perplexity/report_page.h"

#include <stdio.h>

#include "cli/html_text.h"
#include "cli/paths.h"
#include "cli/text_output.h"
#include "perplexity/report_figures.h"
#include "perplexity/result_notes.h"
#include "perplexity/result_table.h"

// The policy makes sure of what the page promises: it loads nothing and runs nothing.
static const char head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" "
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n";

static const char style[] =
    "<style>\n"
    ":root { --paper: #ffffff; --ink: #1b1f24; --soft: #57606a; --grid: #d5dae0;\n"
    "  --s1: #0b6bb8; --s2: #c2410c; --s3: #15803d; --s4: #9333ea;\n"
    "  --s5: #946200; --s6: #db2777; --s7: #1f2937; --s8: #0e8ba5; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  :root { --paper: #14171b; --ink: #e3e7ec; --soft: #9aa4af; --grid: #373e47;\n"
    "    --s1: #5cb3ff; --s2: #ff9457; --s3: #5ddb8a; --s4: #c99bff;\n"
    "    --s5: #e8c14c; --s6: #ff86b8; --s7: #f3f4f6; --s8: #4fd5e6; }\n"
    "}\n"
    "body { margin: 0 auto; max-width: 74rem; padding: 1rem 1.2rem 3rem;\n"
    "  background: var(--paper); color: var(--ink);\n"
    "  font: 15px/1.5 system-ui, sans-serif; }\n"
    "h1 { font-size: 1.6rem; margin: .5rem 0; }\n"
    "h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }\n"
    "p, dd { overflow-wrap: anywhere; }\n"
    ".wide { overflow-x: auto; }\n"
    "table { border-collapse: collapse; font-size: .85rem; white-space: nowrap; }\n"
    "th, td { padding: .2rem .55rem; text-align: left; border-bottom: 1px solid var(--grid); }\n"
    "th { color: var(--soft); font-weight: 600; }\n"
    ".n { text-align: right; font-variant-numeric: tabular-nums; }\n"
    ".figures { display: grid; gap: 1.5rem 2rem; margin-top: 2rem;\n"
    "  grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); }\n"
    "figure { margin: 0; }\n"
    "figure h2 { margin: 0 0 .3rem; }\n"
    "figcaption { color: var(--soft); font-size: .85rem; }\n"
    "svg { display: block; width: 100%; height: auto; color: var(--ink); }\n"
    "dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem;\n"
    "  font-size: .9rem; margin: .5rem 0; }\n"
    "dt { color: var(--soft); }\n"
    "dd { margin: 0; }\n"
    "@media print { .figures { display: block; } figure { break-inside: avoid; } }\n"
    "</style>\n";

// "perplexity of demo.bin on test.txt", as far as there are a single model and a text.
static void write_title(const record *r, FILE *out) {
    bool is_one = true;
    for (size_t i = 1; i < r->n_results; i++) {
        is_one = is_one && cli_same_file(r->results[i].model, r->results[0].model);
    }
    if (is_one) {
        cli_html_write(out, cli_base_name(r->results[0].model));
    } else {
        fprintf(out, "%zu results", r->n_results);
    }
    if (r->text == NULL || r->text[0] == '\0') return;
    fputs(" on ", out);
    cli_html_write(out, cli_base_name(r->text));
}

static void write_head(const record *r, FILE *out) {
    fputs(head, out);
    fputs("<title>", out);
    write_title(r, out);
    fputs("</title>\n", out);
    fputs(style, out);
    fputs("</head>\n<body>\n<h1>", out);
    write_title(r, out);
    fputs("</h1>\n", out);
    if (r->protocol == NULL || r->protocol[0] == '\0') return;
    fputs("<p>", out);
    cli_html_write(out, r->protocol);
    fputs("</p>\n", out);
}

static void write_figures(const report_figures *figures, FILE *out) {
    if (figures->result == GNUPLOT_MISSING) {
        fputs("<p>There are no pictures: gnuplot, which draws them, is not installed.</p>\n", out);
    } else if (figures->result == GNUPLOT_FAILED) {
        fputs("<p>Pictures are missing: gnuplot did not draw them.</p>\n", out);
    }
    if (figures->count == 0) return;
    fputs("<div class=\"figures\">\n", out);
    for (size_t i = 0; i < figures->count; i++) {
        const report_figure *f = &figures->items[i];
        fprintf(out, "<figure>\n<h2>%s</h2>\n%s\n<figcaption>", f->title, f->svg);
        cli_html_write(out, f->caption);
        fputs("</figcaption>\n</figure>\n", out);
    }
    fputs("</div>\n", out);
}

bool report_page_save(const record *r, const char *path) {
    cli_text_output output;
    if (!cli_text_output_open(&output, path)) return false;
    const result_sink to = {output.file, STYLE_HTML};
    report_figures figures;
    report_figures_draw(&figures, r);
    write_head(r, to.file);
    result_first_table_print(r, &to);
    write_figures(&figures, to.file);
    result_more_tables_print(r, &to);
    fputs("<h2>What the figures mean</h2>\n", to.file);
    result_notes_print(r, &to);
    fputs("<h2>What was measured, and on what</h2>\n", to.file);
    result_origin_print(r, &to);
    fputs("</body>\n</html>\n", to.file);
    report_figures_free(&figures);
    return cli_text_output_commit(&output);
}
