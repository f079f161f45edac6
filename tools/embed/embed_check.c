// Which options of embed go together.
#include <stddef.h>
#include <string.h>

#include "cli/messages.h"
#include "cli/paths.h"
#include "embed/embed_settings.h"
#include "embed/vector_writer.h"

// Not more than one thing at a time. Returns the name of what is done instead of writing vectors,
// or NULL.
static const char *find_task(const task_settings *t) {
    const struct {
        const char *name;
        bool wanted;
    } tasks[] = {{"--similarity", t->similarity},
                 {"--nearest", t->nearest > 0},
                 {"--fit", t->fit != NULL},
                 {"--predict", t->predict != NULL}};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        if (!tasks[i].wanted) continue;
        if (found != NULL) cli_misuse("%s and %s: one at a time", found, tasks[i].name);
        found = tasks[i].name;
    }
    return found;
}

static void check_texts(const embed_settings *s, size_t n_arguments) {
    const bool has_files = s->texts.files.count > 0;
    if (s->tasks.nearest > 0) {
        if (n_arguments != 1) cli_misuse("--nearest: one QUERY is needed behind MODEL");
        if (has_files == (s->tasks.vectors != NULL)) {
            cli_misuse("--nearest: give the texts with -f, or their vectors with --vectors");
        }
    } else if (s->tasks.fit != NULL) {
        if (has_files || n_arguments > 0) cli_misuse("--fit takes its texts from DATA alone");
    } else if (has_files && n_arguments > 0) {
        cli_misuse("texts come from -f or as arguments, not both");
    } else if (!has_files && n_arguments == 0 && s->tasks.stats_add.count == 0) {
        cli_misuse("missing option -f: the texts to embed");
    }
}

static void check_vectors(const embed_settings *s) {
    const source_list *sources = &s->vectors.sources;
    bool has_hidden = false;
    for (size_t i = 0; i < sources->count; i++) {
        has_hidden = has_hidden || sources->items[i] == RK_EMBED_HIDDEN;
    }
    if (strcmp(s->vectors.pool, "mean") == 0 && !has_hidden) {
        cli_misuse("--pool mean is about --source hidden");
    }
}

// What the options of writing need, where vectors are written.
static void check_writing(const embed_settings *s) {
    const output_settings *o = &s->output;
    if (o->path == NULL && s->tasks.stats_fit == NULL) {
        cli_misuse("missing option -o: the file to write");
    }
    if (o->path != NULL && vector_format_of(o->path) == VECTORS_UNKNOWN) {
        cli_misuse("-o %s: the name must end in .npy, .jsonl or .csv", o->path);
    }
    if (o->path == NULL && (o->index != NULL || o->resume || o->keep_text)) {
        cli_misuse("--index, --keep-text and --resume go with -o");
    }
    if (strcmp(o->dtype, "float16") == 0 && vector_format_of(o->path) != VECTORS_NPY) {
        cli_misuse("--dtype float16 is for OUT.npy");
    }
    if (o->resume && s->tasks.stats_fit != NULL) cli_misuse("--stats-fit cannot be resumed");
}

static void check_other(const embed_settings *s, const char *task) {
    const output_settings *o = &s->output;
    if (s->tasks.stats_fit != NULL) cli_misuse("%s and --stats-fit: one at a time", task);
    if (o->resume || o->keep_text || strcmp(o->dtype, "float32") != 0) {
        cli_misuse("%s writes no vectors: --dtype, --keep-text and --resume are about them", task);
    }
    if (o->index != NULL && s->tasks.vectors == NULL) cli_misuse("--index goes with --vectors");
    if (s->tasks.fit == NULL && o->path != NULL) cli_misuse("%s prints, -o writes vectors", task);
    if (s->tasks.fit != NULL && o->path == NULL)
        cli_misuse("missing option -o: the probe to write");
}

// No output may be one of the inputs.
static void check_paths(const embed_settings *s, const char *model) {
    const bool reads_index = s->tasks.vectors != NULL;
    const char *const outputs[] = {s->output.path, s->tasks.stats_fit,
                                   reads_index ? NULL : s->output.index};
    const char *const inputs[] = {model, s->vectors.stats, s->tasks.fit};
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        if (outputs[i] == NULL) continue;
        for (size_t j = 0; j < sizeof inputs / sizeof inputs[0]; j++) {
            if (inputs[j] != NULL) cli_require_distinct(outputs[i], inputs[j]);
        }
        for (size_t j = 0; j < s->texts.files.count; j++) {
            cli_require_distinct(outputs[i], s->texts.files.items[j]);
        }
        for (size_t j = 0; j < i; j++) {
            if (outputs[j] == NULL || !cli_same_file(outputs[i], outputs[j])) continue;
            cli_misuse("%s: would be written twice", outputs[i]);
        }
    }
}

void embed_check(const embed_settings *s, const char *model, const cli_text_list *arguments) {
    const char *task = find_task(&s->tasks);
    check_texts(s, arguments->count - 1);
    check_vectors(s);
    if (task == NULL) {
        check_writing(s);
    } else {
        check_other(s, task);
    }
    if (s->tasks.vectors != NULL && s->tasks.nearest == 0) cli_misuse("--vectors: see --nearest");
    if (s->tasks.stats_add.count > 0 && s->tasks.stats_fit == NULL) {
        cli_misuse("--stats-add goes with --stats-fit");
    }
    if (s->tasks.stats_fit != NULL && s->vectors.stats != NULL) {
        cli_misuse("--stats-fit is of vectors as they are: --stats-apply comes later");
    }
    if (s->tasks.label != NULL && s->tasks.fit == NULL && s->tasks.predict == NULL) {
        cli_misuse("--label goes with --fit and --predict");
    }
    check_paths(s, model);
}
