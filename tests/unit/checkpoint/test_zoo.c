// Every sample of tests/data/zoo against what its manifest says.
#include <criterion/criterion.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rk/checkpoint.h"
#include "support/scratch.h"

// The manifest's names of types.
static const struct {
    const char *name;
    rk_dtype dtype;
} dtypes[] = {
    {"float32", RK_DTYPE_F32}, {"float16", RK_DTYPE_F16}, {"bfloat16", RK_DTYPE_BF16},
    {"float64", RK_DTYPE_F64}, {"int64", RK_DTYPE_I64},   {"int32", RK_DTYPE_I32},
    {"int16", RK_DTYPE_I16},   {"int8", RK_DTYPE_I8},     {"uint8", RK_DTYPE_U8},
    {"bool", RK_DTYPE_BOOL},
};

static cJSON *read_manifest(void) {
    size_t size;
    unsigned char *text = test_read_file(RK_TEST_DATA "/zoo/manifest.json", &size);
    cr_assert_not_null(text);
    cJSON *manifest = cJSON_ParseWithLength((const char *)text, size);
    cr_assert(cJSON_IsArray(manifest));
    free(text);
    return manifest;
}

static const char *text_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

// The bytes of a tensor as lower-case hexadecimal SHA-256; false when they cannot be read.
static bool tensor_sha256(char out[65], rk_checkpoint *file, size_t index, rk_error *err) {
    size_t rows, columns;
    cr_assert(rk_shape_matrix(&rows, &columns, &rk_checkpoint_tensor(file, index)->shape));
    const size_t size = rk_checkpoint_tensor_bytes(file, index);
    void *data = malloc(size + 1);
    cr_assert_not_null(data);
    const bool read = rk_checkpoint_read_raw(file, index, 0, rows, data, size, err) == RK_OK;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    cr_assert_eq(EVP_Digest(data, size, digest, &length, EVP_sha256(), NULL), 1);
    for (unsigned i = 0; i < length; i++) sprintf(out + 2 * i, "%02x", digest[i]);
    free(data);
    return read;
}

static void check_tensor(rk_checkpoint *file, const cJSON *tensor, const char *sample) {
    const char *name = text_of(tensor, "name");
    size_t index;
    cr_assert(rk_checkpoint_find(file, name, &index), "%s: no tensor '%s'", sample, name);
    const rk_tensor_info *info = rk_checkpoint_tensor(file, index);
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(dtypes[i].name, text_of(tensor, "dtype")) == 0) {
            cr_assert_eq(info->dtype, dtypes[i].dtype, "%s: %s", sample, name);
        }
    }
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(tensor, "shape");
    cr_assert_eq(info->shape.n_dims, (size_t)cJSON_GetArraySize(shape), "%s: %s", sample, name);
    for (size_t i = 0; i < info->shape.n_dims; i++) {
        const cJSON *size = cJSON_GetArrayItem(shape, (int)i);
        cr_assert_eq(info->shape.dims[i], (size_t)size->valuedouble, "%s: %s", sample, name);
    }
    char digest[65];
    rk_error err;
    cr_assert(tensor_sha256(digest, file, index, &err), "%s", err.message);
    cr_assert_str_eq(digest, text_of(tensor, "sha256"), "%s: %s", sample, name);
}

// The keys of the manifest's root, joined as rk_checkpoint_root joins them.
static void join_root(char out[256], const cJSON *entry) {
    const cJSON *key;
    out[0] = '\0';
    cJSON_ArrayForEach(key, cJSON_GetObjectItemCaseSensitive(entry, "root")) {
        if (out[0]) strcat(out, ".");
        strcat(out, key->valuestring);
    }
}

static void check_loaded(rk_checkpoint *file, const cJSON *entry) {
    const char *sample = text_of(entry, "file");
    const cJSON *tensors = cJSON_GetObjectItemCaseSensitive(entry, "tensors");
    const cJSON *tensor;
    char root[256];
    join_root(root, entry);
    cr_assert_str_eq(rk_checkpoint_root(file), root, "%s", sample);
    cr_assert_eq(rk_checkpoint_count(file), (size_t)cJSON_GetArraySize(tensors), "%s", sample);
    cJSON_ArrayForEach(tensor, tensors) {
        check_tensor(file, tensor, sample);
    }
}

// What opening the file and reading all of its tensors gives.
static bool loads(rk_checkpoint **file, const char *path, rk_error *err) {
    if (rk_checkpoint_open(file, path, err) != RK_OK) return false;
    char digest[65];
    for (size_t i = 0; i < rk_checkpoint_count(*file); i++) {
        if (!tensor_sha256(digest, *file, i, err)) return false;
    }
    return true;
}

static void check_sample(const cJSON *entry) {
    const char *expect = text_of(entry, "expect");
    char path[512];
    snprintf(path, sizeof path, "%s/zoo/%s", RK_TEST_DATA, text_of(entry, "file"));
    rk_checkpoint *file;
    rk_error err = {.message = ""};
    const bool loaded = loads(&file, path, &err);
    if (strcmp(expect, "load") == 0) cr_assert(loaded, "%s", err.message);
    if (strcmp(expect, "refuse") == 0) cr_assert(!loaded, "%s", path);
    if (loaded) {
        check_loaded(file, entry);
    } else {
        cr_assert_eq(strncmp(err.message, path, strlen(path)), 0, "%s: %s", path, err.message);
        cr_assert_gt(strlen(err.message), strlen(path) + 10, "%s", err.message);
        cr_assert_null(strchr(err.message, '\n'), "%s", err.message);
    }
    rk_checkpoint_close(&file);
}

Test(zoo, every_sample) {
    char folder[] = "/tmp/rk-zoo-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);

    cJSON *manifest = read_manifest();
    const cJSON *entry;
    int n = 0;
    cJSON_ArrayForEach(entry, manifest) {
        check_sample(entry);
        n++;
    }
    cr_assert_eq(n, 142);
    cJSON_Delete(manifest);
    cr_assert_neq(access("pth_zoo_was_executed", F_OK), 0);
    cr_assert_eq(rmdir(folder), 0, "something was written");
}

// Memory for all of the samples, one after the other, stays below what refusing one may take.
Test(zoo, memory) {
    struct rusage before, after;
    cJSON *manifest = read_manifest();
    const cJSON *entry;
    getrusage(RUSAGE_SELF, &before);
    cJSON_ArrayForEach(entry, manifest) {
        check_sample(entry);
    }
    getrusage(RUSAGE_SELF, &after);
    cJSON_Delete(manifest);
    cr_assert_lt(after.ru_maxrss - before.ru_maxrss, 64 * 1024);
}
