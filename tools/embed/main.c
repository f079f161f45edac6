// embed: texts become vectors, taken from the state that a model is in after reading them.
#include <stdio.h>

#include "cli/messages.h"
#include "cli/options.h"
#include "cli/paths.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/standard_streams.h"
#include "cli/text_file.h"
#include "embed/embedder.h"
#include "embed/embedding_writer.h"
#include "embed/lines.h"

typedef struct settings {
    const char *file, *output;
    vector_list vectors;
} settings;

static const cli_option option_table[] = {
    {
        .name = "file",
        .letter = 'f',
        .argument = "TEXTS",
        .kind = CLI_TEXT,
        .offset = offsetof(settings, file),
        .help = "the texts, one a line; - is standard input; must be given",
    },
    {
        .name = "output",
        .letter = 'o',
        .argument = "OUT",
        .kind = CLI_TEXT,
        .offset = offsetof(settings, output),
        .help = "where the embeddings go; must be given. OUT.npy: a NumPy array, float32, one row "
                "a text. "
                "OUT.jsonl: one JSON object a line, {\"index\": 0, \"embedding\": [...]}",
    },
    {
        .name = "vectors",
        .argument = "LIST",
        .kind = CLI_CUSTOM,
        .offset = offsetof(settings, vectors),
        .parse = parse_vectors,
        .help = "which vectors of each layer's state, separated by commas: att_xx, ffn_xx, aa, bb, "
                "aa/bb",
        .standard = "att_xx,ffn_xx,aa/bb",
    },
};

static const cli_program program = {
    .name = "embed",
    .summary = "turn texts into vectors",
    .usages =
        (const char *const[]){"MODEL -f TEXTS -o OUT.npy|OUT.jsonl [--vectors LIST] [OPTION...]",
                              NULL},
    .description = "Reads each line of a file with a model, from the empty state, and writes "
                   "vectors of the state after its "
                   "last token: layer after layer, the vectors of --vectors in their order. att_xx "
                   "and ffn_xx are the last "
                   "inputs of time mixing and channel mixing; aa/bb is the weighted mean of the "
                   "values seen. They differ in "
                   "meaning and range: normalise each column before training on them.",
    .examples =
        (const char *const[]){
            "embed model.bin -f texts.txt -o texts.npy",
            "one row a line of texts.txt; numpy.load(\"texts.npy\", mmap_mode=\"r\") reads it",
            "embed model.bin -f texts.txt -o texts.jsonl --vectors aa/bb",
            "as JSON, only the means of the values seen",
            NULL,
        },
    .options = option_table,
    .n_options = sizeof option_table / sizeof option_table[0],
    .settings_size = sizeof(settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_CPU | CLI_COMMON_QUIET,
};

// The progress of all texts, seen from inside one of them.
typedef struct overall {
    cli_progress progress;
    uint64_t before, total; // bytes of the texts that are done; of all
} overall;

static bool report_overall(void *user, uint64_t done, uint64_t total) {
    overall *all = user;
    (void)total;
    return cli_progress_report(&all->progress, all->before + done, all->total);
}

// Embeds all lines. The writer is open; it is committed by the caller.
static int embed_lines(embedder *e, embedding_writer *writer, const cli_text *text,
                       const text_lines *lines, overall *all) {
    const rk_progress hook = {.report = report_overall, .user = all};
    for (size_t i = 0; i < lines->count; i++) {
        const text_line *line = &lines->items[i];
        all->before = (uint64_t)(line->text - text->data);
        rk_error err;
        const rk_status status = embedder_run(e, line->text, line->length, &hook, &err);
        if (status == RK_ERR_CANCELLED) return CLI_EXIT_INTERRUPTED;
        if (status != RK_OK) {
            cli_complain("%s:%zu: %s", text->name, i + 1, err.message);
            return CLI_EXIT_FAILED;
        }
        if (!embedding_writer_append(writer, e->embedding)) return CLI_EXIT_FAILED;
    }
    return CLI_EXIT_DONE;
}

static int write_embeddings(embedder *e, const char *output, const cli_text *text,
                            const text_lines *lines, const cli_common *common) {
    embedding_writer writer;
    int code = CLI_EXIT_FAILED;
    if (embedding_writer_open(&writer, output, e->length)) {
        overall all = {.total = text->size};
        cli_progress_begin(&all.progress, "embedding", CLI_UNIT_BYTES, common->quiet);
        code = embed_lines(e, &writer, text, lines, &all);
        cli_progress_end(&all.progress);
        if (code == CLI_EXIT_DONE && !embedding_writer_commit(&writer)) code = CLI_EXIT_FAILED;
    }
    embedding_writer_close(&writer);
    if (code == CLI_EXIT_DONE && !common->quiet) {
        printf("%s: %zu embedding%s of %zu values\n", output, lines->count,
               lines->count == 1 ? "" : "s", e->length);
    }
    return code;
}

static int run(const char *model, const settings *s, const cli_common *common) {
    cli_text text;
    if (!cli_text_read(&text, s->file)) return CLI_EXIT_FAILED;
    text_lines lines;
    embedder e = {0};
    int code = CLI_EXIT_FAILED;
    if (text_lines_split(&lines, &text)) {
        cli_signals_begin();
        const bool opened = embedder_open(&e, model, &s->vectors, common);
        if (opened) code = write_embeddings(&e, s->output, &text, &lines, common);
    }
    embedder_close(&e);
    text_lines_free(&lines);
    cli_text_free(&text);
    return code;
}

int main(int argc, char **argv) {
    cli_start();
    settings s = {.vectors = {{RK_STATE_ATT_XX, RK_STATE_FFN_XX, RK_STATE_AA_OVER_BB}, 3}};
    cli_common common = {0};
    cli_text_list models = {0};
    cli_parse(&program, argc, argv, &s, &common, &models);
    if (models.count < 1) cli_misuse("missing argument MODEL");
    if (models.count > 1) cli_misuse("unexpected argument '%s'", models.items[1]);
    if (s.file == NULL) cli_misuse("missing option -f: the texts to embed");
    if (s.output == NULL) cli_misuse("missing option -o: the file to write");
    if (embedding_format_of(s.output) == EMBEDDING_UNKNOWN) {
        cli_misuse("-o %s: the name must end in .npy or .jsonl", s.output);
    }
    cli_require_distinct(s.output, models.items[0]);
    cli_require_distinct(s.output, s.file);

    const int code = run(models.items[0], &s, &common);
    cli_text_list_free(&models);
    return cli_finish(code);
}
