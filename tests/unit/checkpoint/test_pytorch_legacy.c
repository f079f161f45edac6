// PyTorch files of the format before zip.
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "rk/checkpoint.h"
#include "sample_archive.h"
#include "support/scratch.h"

TestSuite(pytorch_legacy, .fini = test_scratch_remove);

static char message[512];

// Two storages of such a file.
typedef struct legacy_parts {
    int64_t protocol;
    bool big_endian;
    bool has_view; // the first storage is a part of another one ...
    int64_t view_offset, view_count;
    const char *keys[2];
    int64_t counts[2]; // before the elements
    size_t n_padding;  // bytes of values beside the tensors
} legacy_parts;

static const legacy_parts usual = {.protocol = 1001, .keys = {"a", "b"}, .counts = {4, 2}};

static void put_tensor(sample_bytes *file, const char *key, const char *class_, int64_t count,
                       int64_t offset, int64_t n, const legacy_parts *parts) {
    sample_put_text(file, "ctorch._utils\n_rebuild_tensor_v2\n((");
    sample_put_string(file, "storage");
    sample_put_text(file, "ctorch\n");
    sample_put_text(file, class_);
    sample_put_text(file, "\n");
    sample_put_string(file, key);
    sample_put_string(file, "cpu");
    sample_put_number(file, count);
    if (parts->has_view) {
        sample_put_string(file, "part");
        sample_put_number(file, parts->view_offset);
        sample_put_number(file, parts->view_count);
        sample_put_text(file, "\x87");
    } else {
        sample_put_text(file, "N");
    }
    sample_put_text(file, "tQ");
    sample_put_number(file, offset);
    sample_put_numbers(file, &n, 1);
    sample_put_numbers(file, (const int64_t[]){1}, 1);
    sample_put_text(file, "\x89}tR");
}

// {"x": elements 1 and 2 of storage a (4 float32), "y": storage b (2 int64)}
static sample_bytes legacy_file(const legacy_parts *parts) {
    static const float a[4] = {10, 20, 30, 40};
    static const int64_t b[2] = {-5, 6};
    sample_bytes file = {0};
    sample_put_text(&file, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.");
    sample_put_text(&file, "\x80\x02");
    sample_put_number(&file, parts->protocol);
    sample_put_text(&file, ".\x80\x02}");
    sample_put_string(&file, "little_endian");
    sample_put_text(&file, parts->big_endian ? "\x89s." : "\x88s.");
    sample_put_text(&file, "\x80\x02}(");
    sample_put_string(&file, "x");
    put_tensor(&file, "a", "FloatStorage", 4, 1, 2, parts);
    sample_put_string(&file, "y");
    put_tensor(&file, "b", "LongStorage", 2, 0, 2, &usual);
    sample_put_string(&file, "padding");
    sample_put_text(&file, "T");
    sample_put_le(&file, parts->n_padding, 4);
    for (size_t i = 0; i < parts->n_padding; i++) sample_put_text(&file, " ");
    sample_put_text(&file, "u.\x80\x02");
    sample_put_text(&file, "](");
    for (size_t i = 0; i < 2; i++) sample_put_string(&file, parts->keys[i]);
    sample_put_text(&file, "e.");
    sample_put_le(&file, (uint64_t)parts->counts[0], 8);
    sample_put(&file, a, sizeof a);
    sample_put_le(&file, (uint64_t)parts->counts[1], 8);
    sample_put(&file, b, sizeof b);
    return file;
}

static void assert_values(const sample_bytes *bytes, const float x[2]) {
    rk_checkpoint *file;
    rk_error err;
    cr_assert_eq(rk_checkpoint_open(&file, sample_file(bytes), &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_checkpoint_container(file), RK_CONTAINER_PYTORCH_LEGACY);
    float out[2];
    cr_assert_eq(rk_checkpoint_count(file), 2);
    cr_assert_eq(rk_checkpoint_read_floats(file, 0, 0, 1, out, &err), RK_OK, "%s", err.message);
    cr_assert_arr_eq(out, x, sizeof out);
    cr_assert_eq(rk_checkpoint_read_floats(file, 1, 0, 1, out, &err), RK_OK, "%s", err.message);
    cr_assert_eq(out[0], -5);
    cr_assert_eq(out[1], 6);
    rk_checkpoint_close(&file);
}

Test(pytorch_legacy, usual_file) {
    sample_bytes file = legacy_file(&usual);
    assert_values(&file, (const float[]){20, 30});
    sample_free(&file);
}

// Old versions made storages that are parts of others.
Test(pytorch_legacy, storage_views) {
    legacy_parts parts = usual;
    parts.has_view = true;
    parts.view_offset = 1;
    parts.view_count = 3;
    sample_bytes file = legacy_file(&parts);
    assert_values(&file, (const float[]){30, 40});
    sample_free(&file);
    parts.view_offset = 3; // elements 4 and 5 of 4
    parts.view_count = 1;
    file = legacy_file(&parts);
    cr_assert_neq(sample_read_all(sample_file(&file), message), RK_OK);
    cr_assert_not_null(strstr(message, "'x' [2] reaches"), "%s", message);
    sample_free(&file);
}

// The pickles may be longer than the first piece of the file that is read.
Test(pytorch_legacy, long_pickles) {
    legacy_parts parts = usual;
    parts.n_padding = 3000000;
    sample_bytes file = legacy_file(&parts);
    assert_values(&file, (const float[]){20, 30});
    sample_free(&file);
}

static void assert_refused(const legacy_parts *parts, const char *words) {
    sample_bytes file = legacy_file(parts);
    const char *path = sample_file(&file);
    cr_assert_neq(sample_read_all(path, message), RK_OK, "accepted, not '%s'", words);
    cr_assert_eq(strncmp(message, path, strlen(path)), 0, "%s", message);
    cr_assert_not_null(strstr(message, words), "'%s' lacks '%s'", message, words);
    sample_free(&file);
}

Test(pytorch_legacy, refusals) {
    legacy_parts parts = usual;
    parts.protocol = 1000;
    assert_refused(&parts, "protocol 1000; 1001");
    parts = usual;
    parts.counts[0] = 3;
    assert_refused(&parts, "storage 'a' has 3 elements, and its tensors say 4");
    parts.counts[0] = -1;
    assert_refused(&parts, "storage 'a' has");
    parts = usual;
    parts.keys[1] = "a";
    assert_refused(&parts, "two storages have the same key");
    parts.keys[1] = "c";
    assert_refused(&parts, "storage 'c': no value says");
    parts = usual;
    parts.big_endian = true; // the counts are not
    assert_refused(&parts, "storage 'a' has 288230376151711744 elements");
}

Test(pytorch_legacy, every_cut_is_refused) {
    sample_bytes file = legacy_file(&usual);
    const size_t whole = file.size;
    for (file.size = 0; file.size < whole; file.size++) {
        cr_assert_neq(sample_read_all(sample_file(&file), message), RK_OK, "cut at %zu", file.size);
    }
    sample_free(&file);
}

Test(pytorch_legacy, every_altered_byte) {
    sample_bytes file = legacy_file(&usual);
    for (size_t i = 0; i < file.size; i++) {
        const uint8_t right = file.data[i];
        for (unsigned value = 3; value < 256; value += 31) {
            file.data[i] = (uint8_t)value;
            const int status = sample_read_all(sample_file(&file), message);
            cr_assert(status == RK_OK || message[0] != '\0');
        }
        file.data[i] = right;
    }
    sample_free(&file);
}
