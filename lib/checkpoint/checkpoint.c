// Opening weights files: the table of containers, and looking up what their readers have found.
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/reading.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

static const rk__container_reader *const readers[] = {
    &rk__model_file_reader,  &rk__pytorch_zip_reader, &rk__pytorch_legacy_reader,
    &rk__safetensors_reader, &rk__sharded_reader,
};

const char *rk_container_name(rk_container container) {
    switch (container) {
    case RK_CONTAINER_PYTORCH_ZIP:
        return "PyTorch (zip)";
    case RK_CONTAINER_PYTORCH_LEGACY:
        return "PyTorch (before zip)";
    case RK_CONTAINER_SAFETENSORS:
        return "safetensors";
    case RK_CONTAINER_SHARDED:
        return "sharded checkpoint";
    case RK_CONTAINER_MODEL_V100:
        return "model file v100";
    case RK_CONTAINER_MODEL_V101:
        return "model file v101";
    }
    return "unknown";
}

bool rk_container_is_model_file(rk_container container) {
    return container == RK_CONTAINER_MODEL_V100 || container == RK_CONTAINER_MODEL_V101;
}

const rk__model_file_header *rk__model_file_header_of(const rk_checkpoint *file) {
    return &file->model_header;
}

// ---- finding by name

static int compare_names(const void *a, const void *b, void *tensors) {
    const rk_tensor_info *list = tensors;
    return strcmp(list[*(const size_t *)a].name, list[*(const size_t *)b].name);
}

// Sorts the names. Two tensors of one name are refused: which of them counts would depend on who
// reads the file.
rk_status rk__checkpoint_index_names(rk_checkpoint *checkpoint, rk_error *err) {
    const size_t n = checkpoint->n_tensors;
    void *memory;
    RK_TRY(rk__alloc(&memory, n, sizeof *checkpoint->by_name, err));
    size_t *order = checkpoint->by_name = memory;
    for (size_t i = 0; i < n; i++) order[i] = i;
    qsort_r(order, n, sizeof *order, compare_names, checkpoint->tensors);
    for (size_t i = 1; i < n; i++) {
        const char *name = checkpoint->tensors[order[i]].name;
        if (strcmp(name, checkpoint->tensors[order[i - 1]].name) == 0) {
            return rk__fail(err, RK_ERR_FORMAT, "%s: there are two tensors named '%.100s'",
                            checkpoint->path, name);
        }
    }
    return RK_OK;
}

bool rk_checkpoint_find(const rk_checkpoint *checkpoint, const char *name, size_t *index) {
    size_t low = 0, high = checkpoint->n_tensors;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const size_t at = checkpoint->by_name[middle];
        const int order = strcmp(name, checkpoint->tensors[at].name);
        if (order == 0) {
            *index = at;
            return true;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

// ---- opening

rk_status rk__checkpoint_add_file(rk_checkpoint *checkpoint, const char *path, size_t *index,
                                  rk_error *err) {
    void *files = checkpoint->files;
    RK_TRY(rk__grow(&files, &checkpoint->files_capacity, checkpoint->n_files + 1,
                    sizeof *checkpoint->files, err));
    checkpoint->files = files;
    RK_TRY(rk__file_open(&checkpoint->files[checkpoint->n_files], path, err));
    *index = checkpoint->n_files++;
    return RK_OK;
}

// Gives files[file] to the reader that recognises it. Parts of a checkpoint have no parts
// themselves.
static rk_status read_file(rk_checkpoint *checkpoint, size_t file, bool is_part, rk_error *err) {
    const rk__file *opened = &checkpoint->files[file];
    uint8_t head[RK__SNIFF];
    const size_t n_head = opened->size < sizeof head ? (size_t)opened->size : sizeof head;
    RK_TRY(rk__file_read(opened, 0, head, n_head, err));

    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (is_part && readers[i] == &rk__sharded_reader) continue;
        if (readers[i]->sniff(head, n_head)) return readers[i]->read(checkpoint, file, err);
    }
    const char *foreign = rk__describe_foreign_file(head, n_head);
    return rk__fail(err, RK_ERR_FORMAT, "%s: no weights file: it is %s", opened->path,
                    foreign ? foreign : "of a kind that is not known");
}

rk_status rk__checkpoint_read_part(rk_checkpoint *checkpoint, size_t file, rk_error *err) {
    return read_file(checkpoint, file, true, err);
}

static rk_status finish(rk_checkpoint *checkpoint, rk_error *err) {
    if (checkpoint->n_tensors == 0) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: %s without a single tensor", checkpoint->path,
                        rk_container_name(checkpoint->container));
    }
    if (!checkpoint->root) RK_TRY(rk__copy_string(&checkpoint->root, "", 0, err));
    if (checkpoint->wanted_root) RK_TRY(rk__checkpoint_keep_below(checkpoint, err));
    if (!checkpoint->by_name) RK_TRY(rk__checkpoint_index_names(checkpoint, err));
    void *states;
    RK_TRY(rk__alloc(&states, checkpoint->n_storages, sizeof *checkpoint->crc_state, err));
    checkpoint->crc_state = states;
    for (size_t i = 0; i < checkpoint->n_storages; i++) {
        atomic_init(&checkpoint->crc_state[i],
                    checkpoint->storages[i].has_crc ? RK__UNCHECKED : RK__GOOD);
    }
    return RK_OK;
}

static rk_status checkpoint_new(rk_checkpoint **out, rk_error *err) {
    void *memory;
    RK_TRY(rk__alloc(&memory, 1, sizeof **out, err));
    *out = memory;
    // With default attributes these cannot fail on any system we build for.
    pthread_mutex_init(&(*out)->checking, NULL);
    pthread_cond_init(&(*out)->checked, NULL);
    pthread_mutex_init(&(*out)->inflating, NULL);
    rk__rows_init(&(*out)->rows, rk__isa_available());
    return RK_OK;
}

// The path of the file to begin with; release with rk__free.
static rk_status first_path(char **out, const char *path, rk_error *err) {
    struct stat about;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
        return rk__find_in_directory(out, path, err);
    }
    return rk__copy_string(out, path, strlen(path), err);
}

rk_status rk_checkpoint_open_below(rk_checkpoint **out, const char *path, const char *root,
                                   rk_error *err) {
    rk_checkpoint *checkpoint = NULL;
    size_t file;
    rk_status status = checkpoint_new(&checkpoint, err);
    if (status != RK_OK) goto out;
    checkpoint->wanted_root = root && root[0] != '\0' ? root : NULL;
    status = first_path(&checkpoint->path, path, err);
    if (status != RK_OK) goto out;
    status = rk__checkpoint_add_file(checkpoint, checkpoint->path, &file, err);
    if (status != RK_OK) goto out;
    status = read_file(checkpoint, file, false, err);
    if (status != RK_OK) goto out;
    status = finish(checkpoint, err);
out:
    if (status != RK_OK) rk_checkpoint_close(&checkpoint);
    *out = checkpoint;
    return status;
}

rk_status rk_checkpoint_open(rk_checkpoint **out, const char *path, rk_error *err) {
    return rk_checkpoint_open_below(out, path, NULL, err);
}

rk_status rk__checkpoint_open_source(rk_checkpoint **out, const char *path,
                                     const rk__file_source *source, rk_error *err) {
    rk_checkpoint *checkpoint = NULL;
    rk_status status = checkpoint_new(&checkpoint, err);
    if (status != RK_OK) goto out;
    status = rk__copy_string(&checkpoint->path, path, strlen(path), err);
    if (status != RK_OK) goto out;
    void *files;
    status = rk__alloc(&files, 1, sizeof *checkpoint->files, err);
    if (status != RK_OK) goto out;
    checkpoint->files = files;
    checkpoint->files_capacity = 1;
    status = rk__file_open_source(&checkpoint->files[0], path, source, err);
    if (status != RK_OK) goto out;
    checkpoint->n_files = 1;
    status =
        read_file(checkpoint, 0, true, err); // sharded checkpoints look for their parts on disk
    if (status != RK_OK) goto out;
    status = finish(checkpoint, err);
out:
    if (status != RK_OK) rk_checkpoint_close(&checkpoint);
    *out = checkpoint;
    return status;
}

void rk_checkpoint_close(rk_checkpoint **checkpoint) {
    rk_checkpoint *c = checkpoint ? *checkpoint : NULL;
    if (!c) return;
    // Names are const for everybody else; here is their owner.
    for (size_t i = 0; i < c->n_tensors; i++) rk__free((char *)c->tensors[i].name);
    for (size_t i = 0; i < c->n_files; i++) rk__file_close(&c->files[i]);
    pthread_mutex_destroy(&c->checking);
    pthread_cond_destroy(&c->checked);
    pthread_mutex_destroy(&c->inflating);
    for (size_t i = 0; i < c->n_notes; i++) {
        rk__free(c->notes[i].key);
        rk__free(c->notes[i].value);
    }
    rk__free(c->notes);
    rk__free(c->path);
    rk__free(c->files);
    rk__free(c->root);
    rk__free(c->strategy);
    rk__free(c->tensors);
    rk__free(c->views);
    rk__free(c->storages);
    rk__free(c->by_name);
    rk__free(c->crc_state);
    rk__free(c->inflated);
    rk__free(c);
    *checkpoint = NULL;
}

// ---- describing

const char *rk_checkpoint_path(const rk_checkpoint *checkpoint) {
    return checkpoint->path;
}

rk_container rk_checkpoint_container(const rk_checkpoint *checkpoint) {
    return checkpoint->container;
}

const char *rk_checkpoint_root(const rk_checkpoint *checkpoint) {
    return checkpoint->root;
}

const char *rk_checkpoint_note(const rk_checkpoint *checkpoint, const char *key) {
    for (size_t i = 0; i < checkpoint->n_notes; i++) {
        if (strcmp(checkpoint->notes[i].key, key) == 0) return checkpoint->notes[i].value;
    }
    return NULL;
}

const char *rk__checkpoint_strategy(const rk_checkpoint *checkpoint) {
    return checkpoint->strategy;
}

size_t rk_checkpoint_count(const rk_checkpoint *checkpoint) {
    return checkpoint->n_tensors;
}

const rk_tensor_info *rk_checkpoint_tensor(const rk_checkpoint *checkpoint, size_t index) {
    return &checkpoint->tensors[index];
}

size_t rk_checkpoint_tensor_bytes(const rk_checkpoint *checkpoint, size_t index) {
    size_t bytes;
    // Cannot be false: the tensor would not have been accepted.
    return rk_tensor_bytes(&bytes, &checkpoint->tensors[index]) ? bytes : 0;
}
