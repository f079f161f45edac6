// Finding the vocabulary file that belongs to a model.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "text/tokenizer_internal.h"

#define WORLD_FILE "rwkv_vocab_v20230424.txt"
#define OLD_FILE   "20B_tokenizer.json"
#define ANY_FILE   "tokenizer.json" // what Hugging Face's repositories call whatever they have

// The models that were trained with one vocabulary. Logits are padded by some.
typedef struct family {
    size_t least, most;   // n_vocab
    const char *kind;     // rk_tokenizer_name; NULL: any
    const char *names[4]; // of the file, the best one first; NULL behind the last
} family;

static const family families[] = {
    {0, 0, NULL, {WORLD_FILE, OLD_FILE, ANY_FILE}}, // no model
    {50277, 50304, "bpe", {OLD_FILE, ANY_FILE}},
    {65529, 65536, "world", {WORLD_FILE}},
    {0, SIZE_MAX, NULL, {ANY_FILE}},
};

static const family *family_of(size_t n_vocab) {
    const family *f = families;
    while (n_vocab < f->least || n_vocab > f->most) f++;
    return f;
}

typedef struct search {
    size_t n_vocab;
    const family *family;
    char *path; // owned: the file that is looked at
    size_t path_capacity;
    char tried[sizeof((rk_error *)NULL)->message]; // paths, with commas; cut where it is full
    size_t tried_length;
    rk_error *err;
} search;

static bool is_kind_of_file(const char *path, mode_t kind) {
    struct stat status;
    return stat(path, &status) == 0 && (status.st_mode & S_IFMT) == kind;
}

static void note_tried(search *s, const char *what) {
    const size_t room = sizeof s->tried - s->tried_length;
    const int n =
        snprintf(s->tried + s->tried_length, room, "%s%s", s->tried_length > 0 ? ", " : "", what);
    if (n > 0) s->tried_length += (size_t)n < room ? (size_t)n : room - 1;
}

// path becomes the first `length` bytes of folder, and name; no bytes: the working directory.
static rk_status set_path(search *s, const char *folder, size_t length, const char *name) {
    const char *slash = length > 0 && folder[length - 1] != '/' ? "/" : "";
    const size_t size = length + strlen(slash) + strlen(name) + 1;
    void *path = s->path;
    RK_TRY(rk__grow(&path, &s->path_capacity, size, 1, s->err));
    s->path = path;
    memcpy(s->path, folder, length);
    snprintf(s->path + length, size - length, "%s%s", slash, name);
    return RK_OK;
}

// A file must not have more ids than the model has logits.
static rk_status load_fitting(rk_tokenizer **out, const search *s, const char *path) {
    RK_TRY(rk_tokenizer_load(out, path, s->err));
    const size_t n_ids = rk_tokenizer_vocabulary(*out);
    if (s->n_vocab == 0) return RK_OK;
    if (n_ids > s->n_vocab) {
        rk_tokenizer_close(out);
        return rk__fail(s->err, RK_ERR_MISMATCH,
                        "%s has tokens up to id %zu; the model's vocabulary has %zu", path,
                        n_ids - 1, s->n_vocab);
    }
    (*out)->n_vocab = s->n_vocab;
    return RK_OK;
}

// The first file with a usual name in a folder (as for set_path); *out stays NULL without one.
static rk_status try_folder(rk_tokenizer **out, search *s, const char *folder, size_t length) {
    for (const char *const *name = s->family->names; *name; name++) {
        RK_TRY(set_path(s, folder, length, *name));
        if (is_kind_of_file(s->path, S_IFREG)) return load_fitting(out, s, s->path);
        note_tried(s, s->path);
    }
    return RK_OK;
}

static rk_status try_beside(rk_tokenizer **out, search *s, const char *model_path) {
    if (is_kind_of_file(model_path, S_IFDIR))
        return try_folder(out, s, model_path, strlen(model_path));
    const char *slash = strrchr(model_path, '/');
    return try_folder(out, s, model_path, slash ? (size_t)(slash - model_path) + 1 : 0);
}

// One file for all models is right for those of one family only.
static rk_status check_kind(rk_tokenizer **out, const search *s, const char *path) {
    const char *kind = rk_tokenizer_name(*out);
    if (!s->family->kind || strcmp(kind, s->family->kind) == 0) return RK_OK;
    rk_tokenizer_close(out);
    return rk__fail(s->err, RK_ERR_MISMATCH,
                    "RWKV_TOKENIZER names %s, a '%s' vocabulary; for %zu tokens it should be %s",
                    path, kind, s->n_vocab, s->family->names[0]);
}

static rk_status try_environment(rk_tokenizer **out, search *s) {
    const char *path = getenv("RWKV_TOKENIZER");
    if (!path || path[0] == '\0') {
        note_tried(s, "RWKV_TOKENIZER (not set)");
        return RK_OK;
    }
    if (is_kind_of_file(path, S_IFDIR)) return try_folder(out, s, path, strlen(path));
    RK_TRY(load_fitting(out, s, path));
    return check_kind(out, s, path);
}

static rk_status load_bytes(rk_tokenizer **out, const search *s) {
    if (s->n_vocab != 0 && s->n_vocab < RK__BYTES_VOCAB) {
        return rk__fail(s->err, RK_ERR_MISMATCH, "bytes have %d tokens; the model has %zu",
                        RK__BYTES_VOCAB, s->n_vocab);
    }
    RK_TRY(rk__tokenizer_bytes_open(out, s->err));
    if (s->n_vocab != 0) (*out)->n_vocab = s->n_vocab;
    return RK_OK;
}

static rk_status load_chosen(rk_tokenizer **out, search *s, const char *chosen) {
    if (strcmp(chosen, "bytes") == 0) return load_bytes(out, s);
    if (is_kind_of_file(chosen, S_IFDIR)) return try_folder(out, s, chosen, strlen(chosen));
    return load_fitting(out, s, chosen);
}

static rk_status look(rk_tokenizer **out, search *s, const char *model_path, const char *chosen) {
    if (chosen && chosen[0] != '\0') return load_chosen(out, s, chosen);
    if (s->n_vocab == RK__BYTES_VOCAB) return load_bytes(out, s);
    if (model_path) RK_TRY(try_beside(out, s, model_path));
    return *out ? RK_OK : try_environment(out, s);
}

static rk_status fail_not_found(const search *s) {
    char model[64] = "";
    if (s->n_vocab > 0) snprintf(model, sizeof model, " for a model of %zu tokens", s->n_vocab);
    // What helps stands first: long paths are cut.
    return rk__fail(s->err, RK_ERR_NOT_FOUND,
                    "no vocabulary file%s: scripts/get-tokenizers fetches %s; tried: %s", model,
                    s->family->kind ? s->family->names[0] : "the usual ones", s->tried);
}

rk_status rk_tokenizer_find(rk_tokenizer **out, size_t n_vocab, const char *model_path,
                            const char *chosen, rk_error *err) {
    *out = NULL;
    search s = {.n_vocab = n_vocab, .family = family_of(n_vocab), .err = err};
    rk_status status = look(out, &s, model_path, chosen);
    if (status == RK_OK && !*out) status = fail_not_found(&s);
    assert((status == RK_OK) == (*out != NULL));
    rk__free(s.path);
    return status;
}
