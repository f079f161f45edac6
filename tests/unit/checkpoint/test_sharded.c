// Checkpoints in several files, and directories.
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rk/checkpoint.h"
#include "sample_archive.h"
#include "support/pth_writer.h"
#include "support/scratch.h"

TestSuite(sharded, .fini = test_scratch_remove);

static char message[512];

// A file in the scratch folder; gives its path, which lives until the test ends.
static const char *put_file(const char *name, const void *data, size_t size) {
    const char *path = test_scratch_path(name);
    cr_assert(test_write_file(path, data, size));
    return path;
}

static void put_part(const char *name, const char *tensor, uint8_t value) {
    char header[256];
    snprintf(header, sizeof header,
             "{\"%s\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", tensor);
    sample_bytes file = {0};
    sample_put_le(&file, strlen(header), 8);
    sample_put_text(&file, header);
    for (int i = 0; i < 4; i++) sample_put_le(&file, value, 1);
    (void)put_file(name, file.data, file.size);
    sample_free(&file);
}

static const char *put_index(const char *map) {
    char text[512];
    snprintf(text, sizeof text, "{\n \"metadata\": {\"total_size\": 8},\n \"weight_map\": {%s}}\n",
             map);
    return put_file("model.safetensors.index.json", text, strlen(text));
}

static void assert_refused(const char *path, const char *words) {
    cr_assert_neq(sample_read_all(path, message), RK_OK, "accepted, not '%s'", words);
    cr_assert_not_null(strstr(message, words), "'%s' lacks '%s'", message, words);
}

static void assert_two_tensors(const char *path) {
    rk_checkpoint *file;
    rk_error err;
    cr_assert_eq(rk_checkpoint_open(&file, path, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_checkpoint_container(file), RK_CONTAINER_SHARDED);
    cr_assert_eq(rk_checkpoint_count(file), 2);
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[4];
        size_t index;
        cr_assert(rk_checkpoint_find(file, i == 0 ? "a" : "b", &index));
        cr_assert_eq(rk_checkpoint_read_raw(file, index, 0, 1, bytes, 4, NULL), RK_OK);
        cr_assert_eq(bytes[3], i == 0 ? 11 : 22);
    }
    rk_checkpoint_close(&file);
}

Test(sharded, index_and_directory) {
    put_part("one.safetensors", "a", 11);
    put_part("two.safetensors", "b", 22);
    const char *index = put_index("\"a\": \"one.safetensors\", \"b\": \"two.safetensors\"");
    assert_two_tensors(index);
    // The folder itself: the index goes before its parts.
    char folder[512];
    snprintf(folder, sizeof folder, "%s", index);
    *strrchr(folder, '/') = '\0';
    assert_two_tensors(folder);
}

Test(sharded, pytorch_parts) {
    static const uint8_t values[4] = {1, 2, 3, 4};
    const test_pth_tensor a = {"module.a", "ByteStorage", 1, {4}, NULL, values, 4};
    const test_pth_tensor b[] = {{"module.b", "ByteStorage", 1, {4}, NULL, values, 4},
                                 {"head", "ByteStorage", 1, {4}, NULL, values, 4}};
    cr_assert(test_pth_write(test_scratch_path("p1.bin"), &a, 1));
    cr_assert(test_pth_write(test_scratch_path("p2.bin"), b, 2));
    const char *index =
        put_index("\"module.a\": \"p1.bin\", \"module.b\": \"p2.bin\", \"head\": \"p2.bin\"");
    rk_checkpoint *file;
    rk_error err;
    size_t at;
    cr_assert_eq(rk_checkpoint_open(&file, index, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_checkpoint_count(file), 3);
    cr_assert(rk_checkpoint_find(file, "module.a", &at)); // prefixes stay
    cr_assert_str_eq(rk_checkpoint_root(file), "");
    rk_checkpoint_close(&file);
}

Test(sharded, refusals) {
    put_part("one.safetensors", "a", 11);
    put_part("two.safetensors", "b", 22);
    assert_refused(put_index("\"a\": \"../one.safetensors\""), "no name of a file beside it");
    assert_refused(put_index("\"a\": \"/etc/passwd\""), "no name of a file beside it");
    assert_refused(put_index("\"a\": \".hidden\""), "no name of a file beside it");
    assert_refused(put_index("\"a\": 7"), "no name of a file beside it");
    assert_refused(put_index("\"a\": \"three.safetensors\""), "No such file");
    assert_refused(put_index("\"a\": \"two.safetensors\""), "which does not hold it");
    assert_refused(put_index("\"a\": \"one.safetensors\", \"b\": \"one.safetensors\""),
                   "which does not hold it");
    put_part("two.safetensors", "a", 22);
    assert_refused(put_index("\"a\": \"one.safetensors\", \"b\": \"two.safetensors\""),
                   "two tensors named 'a'");
    assert_refused(put_index("\"a\": \"model.safetensors.index.json\""), "it is JSON text");
    assert_refused(put_index(""), "without a single tensor");
    assert_refused(put_file("config.json", "{\"model_type\": \"rwkv\"}", 22),
                   "it has no weight_map");
}

static void assert_directory(const char *folder, const char *words) {
    assert_refused(folder, words);
    cr_assert_eq(strncmp(message, folder, strlen(folder)), 0, "%s", message);
}

Test(sharded, directories) {
    char folder[512], nested[600];
    snprintf(folder, sizeof folder, "%s", test_scratch_path("folder"));
    cr_assert_eq(mkdir(folder, 0700), 0);
    assert_directory(folder, "a directory without a weights file");
    put_part("one.safetensors", "a", 11);
    size_t size;
    unsigned char *bytes = test_read_file(test_scratch_path("one.safetensors"), &size);
    snprintf(nested, sizeof nested, "%s/only.safetensors", folder);
    cr_assert(test_write_file(nested, bytes, size));
    cr_assert_eq(sample_read_all(folder, message), RK_OK, "%s", message);
    char second[600];
    snprintf(second, sizeof second, "%s/other.safetensors", folder);
    cr_assert(test_write_file(second, bytes, size));
    assert_directory(folder, "2 files like");
    free(bytes);
    unlink(nested);
    unlink(second);
    rmdir(folder);
}
