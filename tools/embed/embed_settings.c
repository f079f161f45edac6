// The options of embed.
#include "embed/embed_settings.h"

#include "embed/source_option.h"

static const char *const kinds[] = {"lines", "jsonl", "files", NULL};
static const char *const pools[] = {"last", "mean", NULL};
static const char *const dtypes[] = {"float32", "float16", NULL};

static const cli_option text_options[] = {
    {
        .name = "file",
        .letter = 'f',
        .argument = "TEXTS",
        .kind = CLI_TEXT_LIST,
        .offset = offsetof(text_settings, files),
        .help = "the texts; - is standard input; may be repeated. They may be given as arguments "
                "behind MODEL, too",
    },
    {
        .name = "input",
        .argument = "KIND",
        .kind = CLI_CHOICE,
        .offset = offsetof(text_settings, kind),
        .choices = kinds,
        .help = "what is in TEXTS. lines: a text a line. jsonl: an object a line, {\"text\": ...}; "
                "its other members go into the output. files: each file is one text",
        .standard = "jsonl for names that end in .jsonl, otherwise lines",
    },
    {
        .name = "skip-empty",
        .kind = CLI_FLAG,
        .offset = offsetof(text_settings, skip_empty),
        .help = "leave out empty texts, which are an error otherwise",
    },
    {
        .name = "append-eos",
        .kind = CLI_FLAG,
        .offset = offsetof(text_settings, append_eos),
        .help = "end every text with the token that ends a document, as models want it that were "
                "made for embeddings",
    },
    {
        .name = "eos-token",
        .argument = "ID",
        .kind = CLI_SIZE,
        .offset = offsetof(text_settings, eos_token),
        .size = {0, UINT32_MAX},
        .help = "which token that is; EmbeddingRWKV's is 65535",
        .standard = cli_its_value,
    },
};

static const cli_option vector_options[] = {
    {
        .name = "source",
        .argument = "LIST",
        .kind = CLI_CUSTOM,
        .offset = offsetof(vector_settings, sources),
        .parse = parse_sources,
        .help = "what is taken, separated by commas. Of each layer: att-shift and ffn-shift, the "
                "last inputs of time mixing and channel mixing (together: xx); aa, bb, aa/bb of "
                "RWKV-4; wkv, the matrix states of later versions. Once: hidden, the output of the "
                "last layer norm; counts, the share of each token, which needs no model",
        .standard = "xx,aa/bb for RWKV-4; otherwise wkv, projected to 2048 columns",
    },
    {
        .name = "layers",
        .argument = "LIST",
        .kind = CLI_TEXT,
        .offset = offsetof(vector_settings, layers),
        .help = "of which layers: 0 is the first, -1 the last, 25% a quarter up, 2..5 and -4..-1 "
                "are ranges; separated by commas",
        .standard = "all",
    },
    {
        .name = "pool",
        .argument = "HOW",
        .kind = CLI_CHOICE,
        .offset = offsetof(vector_settings, pool),
        .choices = pools,
        .help = "of which tokens hidden is taken: the last one, or the mean of all",
        .standard = "last",
    },
    {
        .name = "stats-apply",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(vector_settings, stats),
        .help = "normalise each column by the mean and deviation that --stats-fit collected",
    },
    {
        .name = "project",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(vector_settings, project),
        .size = {4, 1 << 24},
        .help = "then bring the vectors to N columns by a random projection, which keeps angles "
                "and distances within about sqrt(2/N)",
    },
    {
        .name = "project-seed",
        .argument = "SEED",
        .kind = CLI_SIZE,
        .offset = offsetof(vector_settings, seed),
        .size = {0, SIZE_MAX},
        .help = "another seed is another projection",
        .standard = cli_its_value,
    },
    {
        .name = "l2",
        .kind = CLI_FLAG,
        .offset = offsetof(vector_settings, l2),
        .help = "then bring each vector to length 1",
    },
};

static const cli_option output_options[] = {
    {
        .name = "output",
        .letter = 'o',
        .argument = "OUT",
        .kind = CLI_TEXT,
        .offset = offsetof(output_settings, path),
        .help = "where the vectors go, in the order of the texts. OUT.npy: a NumPy array, a row a "
                "text. OUT.jsonl: an object a line. OUT.csv: id, values",
    },
    {
        .name = "dtype",
        .argument = "TYPE",
        .kind = CLI_CHOICE,
        .offset = offsetof(output_settings, dtype),
        .choices = dtypes,
        .help = "of the numbers in OUT.npy: float32 or float16",
        .standard = "float32",
    },
    {
        .name = "index",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(output_settings, index),
        .help = "write, a JSON line a row, which texts the rows are of; with --vectors: read it",
    },
    {
        .name = "keep-text",
        .kind = CLI_FLAG,
        .offset = offsetof(output_settings, keep_text),
        .help = "put the texts themselves into OUT.jsonl and the index, too",
    },
    {
        .name = "resume",
        .kind = CLI_FLAG,
        .offset = offsetof(output_settings, resume),
        .help = "keep the rows made so far in OUT.partial; when the job is killed, the same "
                "command goes on from there",
    },
};

static const cli_option task_options[] = {
    {
        .name = "stats-fit",
        .argument = "OUT",
        .kind = CLI_TEXT,
        .offset = offsetof(task_settings, stats_fit),
        .help = "collect mean and deviation of each column into OUT, over texts as varied as those "
                "to come",
    },
    {
        .name = "stats-add",
        .argument = "FILE",
        .kind = CLI_TEXT_LIST,
        .offset = offsetof(task_settings, stats_add),
        .help = "with --stats-fit: begin with those that FILE holds; may be repeated",
    },
    {
        .name = "similarity",
        .kind = CLI_FLAG,
        .offset = offsetof(task_settings, similarity),
        .help = "print the cosines of the texts with each other",
    },
    {
        .name = "nearest",
        .argument = "K",
        .kind = CLI_SIZE,
        .offset = offsetof(task_settings, nearest),
        .size = {1, 10000},
        .help = "print the K texts most like QUERY, by the cosine: of TEXTS, or of --vectors",
    },
    {
        .name = "vectors",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(task_settings, vectors),
        .help = "with --nearest: search in a .npy made with the same options",
    },
    {
        .name = "fit",
        .argument = "DATA",
        .kind = CLI_TEXT,
        .offset = offsetof(task_settings, fit),
        .help =
            "learn to tell the labels of DATA, JSON lines {\"text\": ..., \"label\": ...}, from "
            "the vectors; the probe goes to OUT, its accuracy on unseen texts is printed",
    },
    {
        .name = "label",
        .argument = "NAME",
        .kind = CLI_TEXT,
        .offset = offsetof(task_settings, label),
        .help = "the member that holds the label",
        .standard = "label",
    },
    {
        .name = "predict",
        .argument = "PROBE",
        .kind = CLI_TEXT,
        .offset = offsetof(task_settings, predict),
        .help = "print what a probe says of each text: id, label, lead over the second best",
    },
};

static const cli_option model_options[] = {
    {
        .name = "tokenizer",
        .argument = "FILE",
        .kind = CLI_TEXT,
        .offset = offsetof(model_settings, tokenizer),
        .help = "the vocabulary: rwkv_vocab_v20230424.txt, a tokenizer.json, a folder of them, or "
                "the word bytes",
        .standard = "beside MODEL, or in $RWKV_TOKENIZER",
    },
    {
        .name = "batch",
        .argument = "N",
        .kind = CLI_SIZE,
        .offset = offsetof(model_settings, batch),
        .size = {1, 4096},
        .help = "texts that are computed together; the vectors do not depend on it",
        .standard = cli_its_value,
    },
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const cli_option_group groups[] = {
    {"The texts", text_options, COUNT(text_options), offsetof(embed_settings, texts)},
    {"The vectors", vector_options, COUNT(vector_options), offsetof(embed_settings, vectors)},
    {"What is written", output_options, COUNT(output_options), offsetof(embed_settings, output)},
    {"What else can be done", task_options, COUNT(task_options), offsetof(embed_settings, tasks)},
    {"The model", cli_strategy_options, CLI_N_STRATEGY_OPTIONS,
     offsetof(embed_settings, model.strategy)},
    {"The model", model_options, COUNT(model_options), offsetof(embed_settings, model)},
};

const cli_program embed_program = {
    .name = "embed",
    .summary = "turn texts into vectors",
    .usages =
        (const char *const[]){
            "MODEL -f TEXTS -o OUT.npy [OPTION...]",
            "MODEL -f TEXTS --stats-fit STATS [OPTION...]",
            "MODEL --similarity TEXT TEXT... [OPTION...]",
            "MODEL --nearest K QUERY -f TEXTS|--vectors OUT.npy [OPTION...]",
            "MODEL --fit DATA.jsonl -o PROBE.json [OPTION...]",
            "MODEL --predict PROBE.json -f TEXTS [OPTION...]",
            NULL,
        },
    .description =
        "Reads each text with a model, from the empty state, and takes vectors of the state after "
        "its last token: layer after layer, in each the vectors of --source in their order, then "
        "what there is once.\n"
        "The columns differ in meaning and range by orders of magnitude. Whatever compares them "
        "or learns from them wants them normalised: collect statistics over varied texts with "
        "--stats-fit, then use --stats-apply everywhere. docs/embeddings.md has the recipe.",
    .examples =
        (const char *const[]){
            "embed m.bin -f texts.txt -o texts.npy",
            "one row a line of texts.txt; numpy.load(\"texts.npy\", mmap_mode=\"r\") reads it",
            "embed m.bin -f varied.txt --stats-fit s.bin",
            "what is usual, once for a model and its options",
            "embed m.bin -f docs.jsonl --stats-apply s.bin -o d.npy --index d.idx",
            "normalised vectors, and which document each of them is of",
            "embed m.bin --stats-apply s.bin --nearest 5 cats --vectors d.npy --index d.idx",
            "the five documents most like that",
            "embed m.bin --stats-apply s.bin --fit moods.jsonl -o moods.json",
            "what can be read off these vectors, and how well",
            NULL,
        },
    .groups = groups,
    .n_groups = COUNT(groups),
    .settings_size = sizeof(embed_settings),
    .common = CLI_COMMON_THREADS | CLI_COMMON_CPU | CLI_COMMON_QUIET | CLI_COMMON_JSON,
};

embed_settings embed_defaults(void) {
    return (embed_settings){.vectors = {.pool = "last", .seed = 1},
                            .output = {.dtype = "float32"},
                            .model = {.batch = 8}};
}
