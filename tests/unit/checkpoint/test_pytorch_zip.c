// PyTorch archives: what is read, what is refused and with which words, and files cut and altered
// at every byte.
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "rk/checkpoint.h"
#include "sample_archive.h"
#include "support/scratch.h"

// Under the address sanitizer freed memory stays resident.
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define KEEPS_FREED
#endif
#endif
#if defined KEEPS_FREED || defined __SANITIZE_ADDRESS__
enum { KEEPS_FREED_MEMORY = 1 };
#else
enum { KEEPS_FREED_MEMORY = 0 };
#endif

TestSuite(pytorch_zip, .fini = test_scratch_remove);

static char message[512];

static void assert_refused(const sample_bytes *file, const char *words) {
    const char *path = sample_file(file);
    cr_assert_neq(sample_read_all(path, message), RK_OK, "accepted, not '%s'", words);
    cr_assert_eq(strncmp(message, path, strlen(path)), 0, "%s", message);
    cr_assert_not_null(strstr(message, words), "'%s' lacks '%s'", message, words);
}

static void assert_loads(const sample_bytes *file) {
    cr_assert_eq(sample_read_all(sample_file(file), message), RK_OK, "%s", message);
}

static sample_bytes good_file(void) {
    sample_bytes pickle = sample_small_pickle();
    sample_bytes file = sample_checkpoint(&pickle, sample_floats, sizeof sample_floats);
    sample_free(&pickle);
    return file;
}

Test(pytorch_zip, small_file) {
    sample_bytes file = good_file();
    rk_checkpoint *checkpoint;
    cr_assert_eq(rk_checkpoint_open(&checkpoint, sample_file(&file), NULL), RK_OK);
    cr_assert_eq(rk_checkpoint_container(checkpoint), RK_CONTAINER_PYTORCH_ZIP);
    cr_assert_str_eq(rk_checkpoint_root(checkpoint), "");
    cr_assert_eq(rk_checkpoint_count(checkpoint), 1);
    const rk_tensor_info *w = rk_checkpoint_tensor(checkpoint, 0);
    cr_assert_str_eq(w->name, "w");
    cr_assert_eq(w->dtype, RK_DTYPE_F32);
    cr_assert_eq(w->shape.n_dims, 2);
    cr_assert_eq(w->shape.dims[0], 2);
    cr_assert_eq(w->shape.dims[1], 3);
    float row[3];
    cr_assert_eq(rk_checkpoint_read_raw(checkpoint, 0, 1, 1, row, sizeof row, NULL), RK_OK);
    cr_assert_arr_eq(row, (sample_floats + 3), sizeof row);
    rk_checkpoint_close(&checkpoint);
    cr_assert_null(checkpoint);
    sample_free(&file);
}

Test(pytorch_zip, every_cut_is_refused) {
    sample_bytes file = good_file();
    const size_t whole = file.size;
    for (file.size = 0; file.size < whole; file.size++) {
        cr_assert_neq(sample_read_all(sample_file(&file), message), RK_OK, "cut at %zu", file.size);
        cr_assert_neq(message[0], '\0');
    }
    sample_free(&file);
}

// The bytes of tensors and pickle are under a checksum, so that a change there never loads;
// elsewhere (times, versions) it may, but then with the right bytes.
Test(pytorch_zip, every_altered_byte) {
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    sample_bytes file = good_file();
    size_t n_loaded = 0;
    for (size_t i = 0; i < file.size; i++) {
        for (size_t j = 0; j < sizeof changes; j++) {
            file.data[i] ^= changes[j];
            rk_checkpoint *checkpoint;
            rk_error err;
            float values[6];
            if (rk_checkpoint_open(&checkpoint, sample_file(&file), &err) == RK_OK &&
                rk_checkpoint_read_raw(checkpoint, 0, 0, 2, values, sizeof values, &err) == RK_OK) {
                cr_assert_arr_eq(values, sample_floats, sizeof values, "byte %zu", i);
                n_loaded++;
            }
            rk_checkpoint_close(&checkpoint);
            file.data[i] ^= changes[j];
        }
    }
    cr_assert_gt(n_loaded, 0);
    cr_assert_lt(n_loaded, file.size);
    sample_free(&file);
}

// With the checksum made right again the pickle machine itself meets every change.
Test(pytorch_zip, every_altered_byte_of_the_pickle) {
    sample_bytes pickle = sample_small_pickle();
    for (size_t i = 0; i < pickle.size; i++) {
        const uint8_t right = pickle.data[i];
        for (unsigned value = (unsigned)(i % 13); value < 256; value += 13) {
            pickle.data[i] = (uint8_t)value;
            sample_bytes file = sample_checkpoint(&pickle, sample_floats, sizeof sample_floats);
            (void)sample_read_all(sample_file(&file), message);
            sample_free(&file);
        }
        pickle.data[i] = right;
    }
    sample_free(&pickle);
}

// ---- records

static sample_bytes with_storage(const sample_member *storage) {
    sample_bytes pickle = sample_small_pickle();
    const sample_member members[] = {
        {.name = "archive/data.pkl", .data = pickle.data, .size = pickle.size},
        *storage,
    };
    sample_bytes file = sample_archive(members, 2);
    sample_free(&pickle);
    return file;
}

static void assert_storage_refused(sample_member storage, const char *words) {
    storage.name = "archive/data/0";
    sample_bytes file = with_storage(&storage);
    assert_refused(&file, words);
    sample_free(&file);
}

Test(pytorch_zip, deflated_storage) {
    sample_bytes packed = sample_deflate(sample_floats, sizeof sample_floats);
    const sample_member good = {
        .name = "archive/data/0",
        .data = packed.data,
        .size = packed.size,
        .override = true,
        .method = 8,
        .crc = sample_crc(sample_floats, sizeof sample_floats),
        .declared_size = sizeof sample_floats,
    };
    sample_bytes file = with_storage(&good);
    assert_loads(&file);
    sample_free(&file);

    sample_member bad = good;
    bad.crc ^= 1;
    assert_storage_refused(bad, "damaged");
    bad = good;
    bad.size--;
    assert_storage_refused(bad, "ends");
    bad = good;
    bad.flags = 1;
    assert_storage_refused(bad, "encrypted");
    bad = good;
    bad.method = 12;
    assert_storage_refused(bad, "compression method 12");
    sample_free(&packed);
}

Test(pytorch_zip, deflate_streams_that_lie) {
    static uint8_t zeros[1 << 20];
    sample_bytes packed = sample_deflate(zeros, sizeof zeros);
    const sample_member bomb = {
        .data = packed.data,
        .size = packed.size,
        .override = true,
        .method = 8,
        .crc = sample_crc(zeros, 24),
        .declared_size = 24,
    };
    assert_storage_refused(bomb, "more comes out than declared");
    sample_free(&packed);

    packed = sample_deflate(sample_floats, 20);
    const sample_member lean = {
        .data = packed.data,
        .size = packed.size,
        .override = true,
        .method = 8,
        .crc = sample_crc(sample_floats, 20),
        .declared_size = 24,
    };
    assert_storage_refused(lean, "after 20 of 24 bytes");
    sample_put_text(&packed, "more");
    sample_member trailing = lean;
    trailing.data = packed.data;
    trailing.size = packed.size;
    trailing.declared_size = 20;
    assert_storage_refused(trailing, "has 20 bytes, and 6 elements");
    sample_free(&packed);
}

Test(pytorch_zip, stored_with_two_sizes) {
    const sample_member storage = {.data = sample_floats,
                                   .size = 20,
                                   .override = true,
                                   .crc = sample_crc(sample_floats, 20),
                                   .declared_size = 24};
    assert_storage_refused(storage, "has 20 bytes in the file and 24 outside");
}

// A pickle that inflates to a gigabyte is refused before it does.
Test(pytorch_zip, huge_deflated_pickle) {
    static uint8_t nones[1 << 20];
    memset(nones, 'N', sizeof nones);
    sample_bytes packed = sample_deflate(nones, sizeof nones);
    const sample_member member = {.name = "a/data.pkl",
                                  .data = packed.data,
                                  .size = packed.size,
                                  .override = true,
                                  .method = 8,
                                  .crc = 0,
                                  .declared_size = UINT64_C(1) << 30};
    sample_bytes file = sample_archive(&member, 1);
    assert_refused(&file, "1073741824 bytes, at most");
    sample_free(&file);
    sample_free(&packed);
}

Test(pytorch_zip, missing_records) {
    sample_bytes pickle = sample_small_pickle();
    const sample_member alone = {"x/data.pkl", pickle.data, pickle.size, 0, 0, 0, 0, 0};
    sample_bytes file = sample_archive(&alone, 1);
    assert_refused(&file, "no record 'x/data/0'");
    sample_free(&file);

    const sample_member script[] = {{"x/data.pkl", pickle.data, pickle.size, 0, 0, 0, 0, 0},
                                    {"x/constants.pkl", "N.", 2, 0, 0, 0, 0, 0}};
    file = sample_archive(script, 2);
    assert_refused(&file, "TorchScript");
    sample_free(&file);

    const sample_member numpy[] = {{"w.npy", "x", 1, 0, 0, 0, 0, 0}};
    file = sample_archive(numpy, 1);
    assert_refused(&file, ".npz");
    sample_free(&file);
    file = sample_archive(NULL, 0);
    assert_refused(&file, "no record data.pkl");
    sample_free(&file);
    sample_free(&pickle);
}

Test(pytorch_zip, prefixes) {
    static const char *const prefixes[] = {"", "a/", "very/deep/folder/", "\xe6\xa8\xa1/"};
    sample_bytes pickle = sample_small_pickle();
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        char names[2][64];
        snprintf(names[0], sizeof names[0], "%sdata.pkl", prefixes[i]);
        snprintf(names[1], sizeof names[1], "%sdata/0", prefixes[i]);
        const sample_member members[] = {
            {.name = names[1], .data = sample_floats, .size = sizeof sample_floats},
            {.name = names[0], .data = pickle.data, .size = pickle.size},
        };
        sample_bytes file = sample_archive(members, 2);
        assert_loads(&file);
        sample_free(&file);
    }
    sample_free(&pickle);
}

Test(pytorch_zip, byte_order) {
    static const uint8_t big[8] = {0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0}; // 1, -2
    sample_bytes pickle = {0};
    const sample_tensor w = {"FloatStorage", "0", 2, 0, 1, {2}, {1}};
    sample_put_text(&pickle, "\x80\x02}");
    sample_put_string(&pickle, "w");
    sample_put_tensor(&pickle, &w);
    sample_put_text(&pickle, "s.");
    sample_member members[] = {
        {.name = "a/data.pkl", .data = pickle.data, .size = pickle.size},
        {.name = "a/data/0", .data = big, .size = sizeof big},
        {.name = "a/byteorder", .data = "big", .size = 3},
    };
    sample_bytes file = sample_archive(members, 3);
    rk_checkpoint *checkpoint;
    float values[2];
    cr_assert_eq(rk_checkpoint_open(&checkpoint, sample_file(&file), NULL), RK_OK);
    cr_assert_eq(rk_checkpoint_read_raw(checkpoint, 0, 0, 1, values, sizeof values, NULL), RK_OK);
    cr_assert_eq(values[0], 1.0f);
    cr_assert_eq(values[1], -2.0f);
    rk_checkpoint_close(&checkpoint);
    sample_free(&file);

    members[2] = (sample_member){.name = "a/byteorder", .data = "middle", .size = 6};
    file = sample_archive(members, 3);
    assert_refused(&file, "byteorder says 'middle'");
    sample_free(&file);
    sample_free(&pickle);
}

// ---- memory

// A directory that names far more records than memory should be spent on.
Test(pytorch_zip, huge_directory) {
    sample_bytes file = {0};
    sample_put_text(&file, "PK\3\4");
    const size_t n = 500000, start = file.size;
    for (size_t i = 0; i < n; i++) {
        sample_put_text(&file, "PK\1\2");
        sample_put_le(&file, 0, 8);
        sample_put_le(&file, 0, 34);
    }
    const size_t size = file.size - start;
    sample_put_text(&file, "PK\6\6"); // zip64
    const size_t end64 = start + size;
    sample_put_le(&file, 44, 8);
    sample_put_le(&file, 0, 2 + 2 + 4 + 4);
    sample_put_le(&file, n, 8);
    sample_put_le(&file, n, 8);
    sample_put_le(&file, size, 8);
    sample_put_le(&file, start, 8);
    sample_put_text(&file, "PK\6\7");
    sample_put_le(&file, 0, 4);
    sample_put_le(&file, end64, 8);
    sample_put_le(&file, 1, 4);
    sample_put_text(&file, "PK\5\6");
    sample_put_le(&file, 0, 4);
    sample_put_le(&file, 0xffff, 2);
    sample_put_le(&file, 0xffff, 2);
    sample_put_le(&file, 0xffffffff, 4);
    sample_put_le(&file, 0xffffffff, 4);
    sample_put_le(&file, 0, 2);
    assert_refused(&file, "500000 records; at most");
    sample_free(&file);
}

// Peak memory of refusing pickles made of one opcode, in kilobytes above what the test had before.
static long refusal_memory(const char *opcodes, size_t n, const char *words) {
    sample_bytes pickle = {0};
    sample_put_text(&pickle, "\x80\x02(");
    for (size_t i = 0; i < n; i++) sample_put_text(&pickle, opcodes);
    sample_bytes file = sample_checkpoint(&pickle, sample_floats, sizeof sample_floats);
    const char *path = sample_file(&file);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    cr_assert_neq(sample_read_all(path, message), RK_OK);
    getrusage(RUSAGE_SELF, &after);
    cr_assert_not_null(strstr(message, words), "%s", message);
    const long file_kb = (long)(file.size / 1024);
    sample_free(&file);
    sample_free(&pickle);
    return after.ru_maxrss - before.ru_maxrss - file_kb;
}

Test(pytorch_zip, memory_bombs) {
    static const struct {
        const char *opcodes, *words;
    } bombs[] = {
        {"]", "more than"},      {"N\x85", "more than"}, {"(", "more than 524288 marks"},
        {"Nq\x01", "more than"}, {"N", "more than"},     {"N\x94", "more than"},
        {"]2a0", "more than"},
    };
    const long allowed_kb = KEEPS_FREED_MEMORY ? 3 * 64 * 1024 : 64 * 1024;
    for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
        const long used = refusal_memory(bombs[i].opcodes, 4 << 20, bombs[i].words);
        cr_assert_lt(used, allowed_kb, "bomb %zu took %ld KB", i, used);
    }
}

// One long name before many tensors: every tensor keeps a copy of its name.
Test(pytorch_zip, long_name_many_times) {
    static char name[100001];
    memset(name, 'x', sizeof name - 1);
    sample_bytes pickle = {0};
    const sample_tensor w = {"FloatStorage", "0", 6, 0, 1, {6}, {1}};
    sample_put_text(&pickle, "\x80\x02}(");
    sample_put_string(&pickle, name);
    sample_put_text(&pickle, "q\1");
    sample_put_tensor(&pickle, &w);
    sample_put_text(&pickle, "q\2");
    for (int i = 0; i < 60000; i++) sample_put_text(&pickle, "h\1h\2");
    sample_put_text(&pickle, "u.");
    sample_bytes file = sample_checkpoint(&pickle, sample_floats, sizeof sample_floats);
    assert_refused(&file, "names of 42 tensors exceed 4194304 bytes");
    sample_free(&file);
    sample_free(&pickle);
}

// A memo entry that is used a million times costs no more than a million numbers.
Test(pytorch_zip, doubling_tuple) {
    sample_bytes pickle = {0};
    sample_put_text(&pickle, "\x80\x02}");
    sample_put_string(&pickle, "w");
    const sample_tensor w = {"FloatStorage", "0", 6, 0, 1, {6}, {1}};
    sample_put_tensor(&pickle, &w);
    sample_put_text(&pickle, "s");
    sample_put_string(&pickle, "laughs");
    sample_put_text(&pickle, ")");
    for (int i = 0; i < 10000; i++) sample_put_text(&pickle, "2\x86");
    sample_put_text(&pickle, "s.");
    sample_bytes file = sample_checkpoint(&pickle, sample_floats, sizeof sample_floats);
    assert_loads(&file);
    sample_free(&file);
    sample_free(&pickle);
}
