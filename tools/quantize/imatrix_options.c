// Options about importance matrices.
#include "quantize/imatrix_options.h"

#include <stddef.h>

#include "cli/messages.h"
#include "cli/paths.h"
#include "quantize/imatrix_jobs.h"

const cli_option imatrix_option_table[IMATRIX_OPTIONS] = {
    {
        .name = "imatrix",
        .argument = "FILE",
        .kind = CLI_TEXT_LIST,
        .offset = offsetof(imatrix_settings, files),
        .help = "search with what FILE says about the inputs of IN's matrices; several are merged",
    },
    {
        .name = "collect-imatrix",
        .argument = "OUT",
        .kind = CLI_TEXT,
        .offset = offsetof(imatrix_settings, collect),
        .help = "quantize nothing; run a text through MODEL and write such a file, .npz, or .dat "
                "where OUT ends so",
    },
    {
        .name = "file",
        .letter = 'f',
        .argument = "TEXT",
        .kind = CLI_TEXT,
        .offset = offsetof(imatrix_settings, text),
        .help = "the text to collect from; - is standard input",
    },
    {
        .name = "tokenizer",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(imatrix_settings, tokenizer),
        .help =
            "the vocabulary to cut it with: rwkv_vocab_v20230424.txt, a tokenizer.json, a folder "
            "of them, or \"bytes\"",
        .standard = "beside the model, then $RWKV_TOKENIZER",
    },
    {
        .name = "group",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(imatrix_settings, group),
        .size = {0, RK_IMATRIX_MAX_GROUP},
        .help = "record which of N neighbouring channels go together, so that errors in one can be "
                "made up for in others; a multiple of 32; 0: do not",
        .standard = cli_its_value,
    },
    {
        .name = "merge-imatrix",
        .argument = "OUT",
        .kind = CLI_TEXT,
        .offset = offsetof(imatrix_settings, merge),
        .help = "quantize nothing; write what several FILEs say together",
    },
    {
        .name = "show",
        .kind = CLI_FLAG,
        .offset = offsetof(imatrix_settings, show),
        .help = "quantize nothing; print what importance matrices say",
    },
};

imatrix_settings imatrix_defaults(void) {
    return (imatrix_settings){.group = RK_IMATRIX_GROUP};
}

bool has_imatrix_job(const imatrix_settings *s) {
    const int n_jobs = (s->collect != NULL) + (s->merge != NULL) + s->show;
    if (n_jobs > 1) cli_misuse("one of --collect-imatrix, --merge-imatrix and --show at a time");
    if (s->text != NULL && s->collect == NULL) {
        cli_misuse("-f is the text of --collect-imatrix");
    }
    if (s->collect != NULL && s->text == NULL) {
        cli_misuse("--collect-imatrix needs a text: -f FILE");
    }
    if (s->group % 32 != 0) cli_misuse("--group: %zu is no multiple of 32", s->group);
    if (n_jobs > 0 && s->files.count > 0) {
        cli_misuse("--imatrix is for quantizing; files to show or merge stand without it");
    }
    return n_jobs > 0;
}

int run_imatrix_job(const imatrix_settings *s, const cli_text_list *words,
                    const cli_common *common) {
    if (words->count < 1)
        cli_misuse(s->collect ? "missing argument MODEL" : "missing argument FILE");
    if (s->show) return show_imatrices(words, common);
    if (s->merge != NULL) {
        for (size_t i = 0; i < words->count; i++) cli_require_distinct(s->merge, words->items[i]);
        return merge_imatrices(s->merge, words);
    }
    if (words->count > 1) cli_misuse("unexpected argument '%s'", words->items[1]);
    cli_require_file(words->items[0]);
    cli_require_distinct(s->collect, words->items[0]);
    cli_require_distinct(s->collect, s->text);
    return collect_imatrix(s, words->items[0], common);
}
