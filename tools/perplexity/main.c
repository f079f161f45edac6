// perplexity: how well models predict a text, how large they are and how fast; side by side for
// several types, and held against limits.
#include "cli/messages.h"
#include "cli/ranks.h"
#include "cli/standard_streams.h"
#include "perplexity/gates.h"
#include "perplexity/perplexity_settings.h"
#include "perplexity/report_page.h"
#include "perplexity/result_csv.h"
#include "perplexity/result_json.h"
#include "perplexity/result_notes.h"
#include "perplexity/result_table.h"
#include "perplexity/sweep.h"

static void print_tables(const record *r, result_style style) {
    const result_sink to = {stdout, style};
    result_first_table_print(r, &to);
    result_more_tables_print(r, &to);
    result_notes_print(r, &to);
    if (style == STYLE_MARKDOWN) result_origin_print(r, &to);
}

static void print(const record *r, const perplexity_settings *s, const cli_common *common) {
    if (common->json) {
        result_json_print(r);
    } else if (s->csv) {
        result_csv_print(r);
    } else {
        print_tables(r, s->markdown ? STYLE_MARKDOWN : STYLE_TEXT);
    }
}

int main(int argc, char **argv) {
    cli_start();
    perplexity_settings s = perplexity_defaults;
    cli_common common = {0};
    cli_text_list models = {0};
    cli_parse(&perplexity_program, argc, argv, &s, &common, &models);
    perplexity_settings_check(&s, &common, &models);

    cli_ranks_begin();
    record r = {0};
    int code = sweep(&r, &models, &s, &common);
    if (code == CLI_EXIT_DONE && cli_rank() == 0) {
        print(&r, &s, &common);
        if (s.report != NULL && !report_page_save(&r, s.report)) code = CLI_EXIT_FAILED;
        if (code == CLI_EXIT_DONE) code = gates_check(&r, &s);
    }
    record_free(&r);
    cli_text_list_free(&models);
    return cli_finish(cli_ranks_end(code));
}
