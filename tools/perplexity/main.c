// perplexity: how well models predict a text, how large they are and how fast; side by side for
// several types, and held against limits.
#include "cli/messages.h"
#include "cli/standard_streams.h"
#include "perplexity/gates.h"
#include "perplexity/perplexity_settings.h"
#include "perplexity/result_csv.h"
#include "perplexity/result_json.h"
#include "perplexity/result_table.h"
#include "perplexity/sweep.h"

static void print(const record *r, const perplexity_settings *s, const cli_common *common) {
    if (common->json) {
        result_json_print(r);
    } else if (s->csv) {
        result_csv_print(r);
    } else {
        result_tables_print(r, s->markdown);
    }
}

int main(int argc, char **argv) {
    cli_start();
    perplexity_settings s = perplexity_defaults;
    cli_common common = {0};
    cli_text_list models = {0};
    cli_parse(&perplexity_program, argc, argv, &s, &common, &models);
    perplexity_settings_check(&s, &common, &models);

    record r = {0};
    int code = sweep(&r, &models, &s, &common);
    if (code == CLI_EXIT_DONE) {
        print(&r, &s, &common);
        code = gates_check(&r, &s);
    }
    record_free(&r);
    cli_text_list_free(&models);
    return cli_finish(code);
}
