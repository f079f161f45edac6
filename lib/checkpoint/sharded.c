// Checkpoints in several files: an index, {"weight_map": {tensor: file, ...}}, with its parts
// beside it; and directories that hold such an index or a single weights file.
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/json_document.h"

enum { MAX_PARTS = 1024 };

// The index being read. Parts are in the order in which the index names them.
typedef struct sharded_reader {
    rk_checkpoint *checkpoint;
    const char *path;             // of the index; owned by nobody here: a copy of the file's
    const char *parts[MAX_PARTS]; // names, in the document
    size_t part_files[MAX_PARTS]; // indices of the checkpoint's files
    size_t n_parts;
} sharded_reader;

static bool is_json_object(const uint8_t *head, size_t size) {
    size_t i = 0;
    while (i < size && memchr(" \t\r\n", head[i], 4)) i++;
    return i < size && head[i] == '{';
}

// ---- parts

// A name beside the index, nothing else: no folders, nothing hidden, no way up.
static bool is_plain_name(const char *name) {
    return name[0] != '\0' && name[0] != '.' && !strchr(name, '/') && strlen(name) < 256;
}

static bool find_part(const sharded_reader *r, const char *name, size_t *index) {
    for (size_t i = 0; i < r->n_parts; i++) {
        if (strcmp(r->parts[i], name) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

static rk_status list_parts(sharded_reader *r, const cJSON *map, rk_error *err) {
    const cJSON *entry;
    cJSON_ArrayForEach(entry, map) {
        size_t known;
        if (!cJSON_IsString(entry) || !is_plain_name(entry->valuestring)) {
            return rk__fail(
                err, RK_ERR_FORMAT,
                "%s: the index puts tensor '%.100s' into '%.100s', which is no name of a "
                "file beside it",
                r->path, entry->string, cJSON_IsString(entry) ? entry->valuestring : "no text");
        }
        if (find_part(r, entry->valuestring, &known)) continue;
        if (r->n_parts == MAX_PARTS) {
            return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: the index names more than %d files",
                            r->path, MAX_PARTS);
        }
        r->parts[r->n_parts++] = entry->valuestring;
    }
    return RK_OK;
}

// `name` in the folder of `path`.
static rk_status join_beside(char **out, const char *path, const char *name, rk_error *err) {
    const char *slash = strrchr(path, '/');
    const size_t n_folder = slash ? (size_t)(slash - path) + 1 : 0;
    void *memory;
    RK_TRY(rk__alloc(&memory, n_folder + strlen(name) + 1, 1, err));
    char *joined = memory;
    memcpy(joined, path, n_folder);
    memcpy(joined + n_folder, name, strlen(name) + 1);
    *out = joined;
    return RK_OK;
}

static rk_status read_part(sharded_reader *r, size_t part, rk_error *err) {
    char *path;
    RK_TRY(join_beside(&path, r->path, r->parts[part], err));
    rk_status status = rk__checkpoint_add_file(r->checkpoint, path, &r->part_files[part], err);
    if (status == RK_OK) status = rk__checkpoint_read_part(r->checkpoint, r->part_files[part], err);
    rk__free(path);
    return status;
}

// Every tensor is where the index says, and there are no others.
static rk_status check_map(const sharded_reader *r, const cJSON *map, rk_error *err) {
    const cJSON *entry;
    size_t n_entries = 0;
    cJSON_ArrayForEach(entry, map) {
        size_t part = 0, tensor;
        (void)find_part(r, entry->valuestring, &part);
        if (!rk_checkpoint_find(r->checkpoint, entry->string, &tensor) ||
            r->checkpoint->storages[r->checkpoint->views[tensor].storage].file !=
                r->part_files[part]) {
            return rk__fail(
                err, RK_ERR_FORMAT,
                "%s: the index puts tensor '%.100s' into '%.100s', which does not hold it", r->path,
                entry->string, entry->valuestring);
        }
        n_entries++;
    }
    if (n_entries == r->checkpoint->n_tensors) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT, "%s: the index names %zu tensors, its files hold %zu",
                    r->path, n_entries, r->checkpoint->n_tensors);
}

static rk_status read_map(sharded_reader *r, const cJSON *map, rk_error *err) {
    RK_TRY(list_parts(r, map, err));
    for (size_t i = 0; i < r->n_parts; i++) RK_TRY(read_part(r, i, err));
    r->checkpoint->container = RK_CONTAINER_SHARDED;
    RK_TRY(rk__checkpoint_index_names(r->checkpoint, err));
    return check_map(r, map, err);
}

static rk_status read_index(rk_checkpoint *checkpoint, size_t file, rk_error *err) {
    cJSON *document = NULL;
    void *memory = NULL;
    char *path = NULL;
    const rk__file *index = &checkpoint->files[file];
    rk_status status = rk__json_read(&document, index, 0, index->size, "JSON text", err);
    if (status != RK_OK) goto out;
    const cJSON *map = rk__json_only(document, "weight_map");
    if (!cJSON_IsObject(map)) {
        status =
            rk__fail(err, RK_ERR_FORMAT,
                     "%s: no weights file: it is JSON text, and no index of a sharded checkpoint "
                     "(it has no weight_map)",
                     index->path);
        goto out;
    }
    // The list of files moves when it grows.
    status = rk__copy_string(&path, index->path, strlen(index->path), err);
    if (status != RK_OK) goto out;
    status = rk__alloc(&memory, 1, sizeof(sharded_reader), err);
    if (status != RK_OK) goto out;
    sharded_reader *r = memory;
    r->checkpoint = checkpoint;
    r->path = path;
    checkpoint->container = RK_CONTAINER_SHARDED;
    checkpoint->keep_prefixes = true;
    status = read_map(r, map, err);
out:
    rk__free(memory);
    rk__free(path);
    cJSON_Delete(document);
    return status;
}

const rk__container_reader rk__sharded_reader = {.sniff = is_json_object, .read = read_index};

// ---- directories

static bool ends_with(const char *name, const char *end) {
    const size_t n = strlen(name), n_end = strlen(end);
    return n > n_end && strcmp(name + n - n_end, end) == 0;
}

// Endings of files to look for in a directory, the better ones first. Two files with one ending:
// nobody can say which is meant.
static const char *const endings[] = {".index.json", ".safetensors", ".pth", ".bin"};
enum { N_ENDINGS = sizeof endings / sizeof endings[0] };

static int is_candidate(const struct dirent *entry) {
    for (size_t i = 0; i < N_ENDINGS; i++) {
        if (entry->d_name[0] != '.' && ends_with(entry->d_name, endings[i])) return 1;
    }
    return 0;
}

static const char *choose(struct dirent *const *entries, size_t n, size_t *n_alike) {
    for (size_t i = 0; i < N_ENDINGS; i++) {
        const char *found = NULL;
        *n_alike = 0;
        for (size_t j = 0; j < n; j++) {
            if (!ends_with(entries[j]->d_name, endings[i])) continue;
            found = entries[j]->d_name;
            ++*n_alike;
        }
        if (found) return found;
    }
    return NULL;
}

rk_status rk__find_in_directory(char **out, const char *path, rk_error *err) {
    struct dirent **entries = NULL;
    *out = NULL;
    const int n = scandir(path, &entries, is_candidate, alphasort);
    if (n < 0) return rk__fail_errno(err, errno, "%s", path);
    size_t n_alike = 0;
    const char *name = choose(entries, (size_t)n, &n_alike);
    rk_status status;
    if (!name) {
        status =
            rk__fail(err, RK_ERR_NOT_FOUND,
                     "%s: a directory without a weights file (.index.json, .safetensors, .pth, "
                     ".bin)",
                     path);
    } else if (n_alike > 1) {
        status = rk__fail(err, RK_ERR_NOT_FOUND,
                          "%s: a directory with %zu files like %.100s; name the one that is meant",
                          path, n_alike, name);
    } else {
        void *memory;
        const size_t n_path = strlen(path), n_name = strlen(name);
        status = rk__alloc(&memory, n_path + 1 + n_name + 1, 1, err);
        if (status == RK_OK) {
            *out = memory;
            memcpy(*out, path, n_path);
            (*out)[n_path] = '/';
            memcpy(*out + n_path + 1, name, n_name);
        }
    }
    for (int i = 0; i < n; i++) free(entries[i]);
    free(entries);
    return status;
}
