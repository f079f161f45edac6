// Reading tensors: rows, views of every shape, types, errors, threads.
#include <criterion/criterion.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "rk/checkpoint.h"
#include "sample_archive.h"
#include "support/pth_writer.h"
#include "support/scratch.h"

TestSuite(checkpoint_read, .fini = test_scratch_remove);

// A file of one tensor over the storage.
static rk_checkpoint *open_tensor(const sample_tensor *tensor, const void *storage, size_t size,
                                  bool deflate) {
    sample_bytes pickle = {0}, packed = {0};
    sample_put_text(&pickle, "\x80\x02}");
    sample_put_string(&pickle, "w");
    sample_put_tensor(&pickle, tensor);
    sample_put_text(&pickle, "s.");
    sample_member members[] = {
        {.name = "a/data.pkl", .data = pickle.data, .size = pickle.size},
        {.name = "a/data/0", .data = storage, .size = size},
    };
    if (deflate) {
        packed = sample_deflate(storage, size);
        members[1] = (sample_member){.name = "a/data/0",
                                     .data = packed.data,
                                     .size = packed.size,
                                     .override = true,
                                     .method = 8,
                                     .crc = sample_crc(storage, size),
                                     .declared_size = size};
    }
    sample_bytes file = sample_archive(members, 2);
    rk_checkpoint *checkpoint;
    rk_error err;
    cr_assert_eq(rk_checkpoint_open(&checkpoint, sample_file(&file), &err), RK_OK, "%s",
                 err.message);
    sample_free(&file);
    sample_free(&pickle);
    sample_free(&packed);
    return checkpoint;
}

// The value of a view's element by the definition of strides.
static float element(const sample_tensor *t, const float *storage, size_t index) {
    int64_t at = t->offset;
    for (size_t i = t->n_dims; i-- > 0;) {
        at += (int64_t)(index % (size_t)t->dims[i]) * t->strides[i];
        index /= (size_t)t->dims[i];
    }
    return storage[at];
}

static void check_view(const sample_tensor *t, const float *storage, size_t n_storage,
                       bool deflate) {
    rk_checkpoint *file = open_tensor(t, storage, n_storage * sizeof *storage, deflate);
    size_t rows, columns;
    cr_assert(rk_shape_matrix(&rows, &columns, &rk_checkpoint_tensor(file, 0)->shape));
    float *out = malloc(rows * columns * sizeof *out + 1);
    // Every range of rows, so that every start is one.
    for (size_t first = 0; first <= rows; first++) {
        for (size_t n = 0; n <= rows - first; n++) {
            const size_t bytes = n * columns * sizeof *out;
            memset(out, 0xaa, bytes);
            cr_assert_eq(rk_checkpoint_read_raw(file, 0, first, n, out, bytes, NULL), RK_OK);
            for (size_t i = 0; i < n * columns; i++) {
                cr_assert_eq(out[i], element(t, storage, first * columns + i), "row %zu + %zu",
                             first, i);
            }
        }
    }
    free(out);
    rk_checkpoint_close(&file);
}

Test(checkpoint_read, views) {
    enum { N = 240 };
    float storage[N];
    for (int i = 0; i < N; i++) storage[i] = (float)i + 0.5f;
    static const sample_tensor views[] = {
        {"FloatStorage", "0", N, 0, 2, {15, 16}, {16, 1}},       // all of it
        {"FloatStorage", "0", N, 32, 2, {3, 16}, {16, 1}},       // rows
        {"FloatStorage", "0", N, 3, 2, {15, 5}, {16, 1}},        // columns
        {"FloatStorage", "0", N, 0, 2, {16, 15}, {1, 16}},       // transposed
        {"FloatStorage", "0", N, 1, 2, {7, 5}, {32, 3}},         // steps in both
        {"FloatStorage", "0", N, 0, 2, {4, 7}, {1, 0}},          // expanded columns
        {"FloatStorage", "0", N, 9, 2, {4, 7}, {0, 1}},          // expanded rows
        {"FloatStorage", "0", N, 0, 2, {9, 8}, {2, 1}},          // overlapping
        {"FloatStorage", "0", N, 0, 1, {15}, {17}},              // diagonal
        {"FloatStorage", "0", N, 5, 3, {4, 3, 5}, {1, 80, 16}},  // permuted
        {"FloatStorage", "0", N, 0, 3, {2, 8, 15}, {120, 1, 8}}, // last two dimensions swapped
        {"FloatStorage", "0", N, 239, 2, {1, 1}, {999, 77}},     // one element, odd strides
        {"FloatStorage", "0", N, 7, 0, {0}, {0}},                // a scalar
        {"FloatStorage", "0", N, 0, 2, {3, 0}, {7, 1}},          // no elements
        {"FloatStorage", "0", N, 0, 2, {0, 3}, {3, 1}},          // no rows
        {"FloatStorage", "0", N, 0, 8, {1, 2, 1, 2, 3, 2, 1, 2}, {1, 24, 1, 12, 4, 2, 1, 1}},
    };
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        check_view(&views[i], storage, N, false);
        check_view(&views[i], storage, N, true);
    }
}

// A transposed matrix that is larger than the scratch memory for gathering, and slices far apart.
Test(checkpoint_read, large_views) {
    enum { ROWS = 700, COLUMNS = 1100, N = ROWS * COLUMNS };
    float *storage = malloc(N * sizeof *storage);
    for (size_t i = 0; i < N; i++) storage[i] = (float)i;
    static const sample_tensor views[] = {
        {"FloatStorage", "0", N, 0, 2, {COLUMNS, ROWS}, {1, COLUMNS}},
        {"FloatStorage", "0", N, 5, 2, {ROWS, 2}, {COLUMNS, 3}},
        // Each row far from the one before: time must not grow with the square of their number.
        {"FloatStorage", "0", N, 0, 3, {50000, 2, 1}, {1, 450000, 1}},
    };
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        rk_checkpoint *file = open_tensor(&views[i], storage, N * sizeof *storage, false);
        size_t rows, columns;
        cr_assert(rk_shape_matrix(&rows, &columns, &rk_checkpoint_tensor(file, 0)->shape));
        const size_t first = 3, n = rows - 5;
        float *out = malloc(n * columns * sizeof *out);
        cr_assert_eq(
            rk_checkpoint_read_raw(file, 0, first, n, out, n * columns * sizeof *out, NULL), RK_OK);
        for (size_t j = 0; j < n * columns; j++) {
            cr_assert_eq(out[j], element(&views[i], storage, first * columns + j));
        }
        free(out);
        rk_checkpoint_close(&file);
    }
    free(storage);
}

Test(checkpoint_read, as_floats) {
    static const uint16_t halves[] = {0x3c00, 0xc000, 0x7bff};  // 1, -2, 65504
    static const uint16_t bfloats[] = {0x3f80, 0xc000, 0x4780}; // 1, -2, 65536
    static const int64_t longs[] = {1, -2, INT64_C(1) << 40};
    static const double doubles[] = {1, -2, 0.1};
    static const uint8_t bytes[] = {0, 1, 255};
    static const test_pth_tensor tensors[] = {
        {"half", "HalfStorage", 1, {3}, NULL, halves, 3},
        {"bfloat", "BFloat16Storage", 1, {3}, NULL, bfloats, 3},
        {"long", "LongStorage", 1, {3}, NULL, longs, 3},
        {"double", "DoubleStorage", 1, {3}, NULL, doubles, 3},
        {"byte", "ByteStorage", 1, {3}, NULL, bytes, 3},
        {"float", "FloatStorage", 1, {6}, NULL, sample_floats, 6},
    };
    static const float wanted[][3] = {
        {1, -2, 65504},      {1, -2, 65536}, {1, -2, 1099511627776.0f},
        {1, -2, (float)0.1}, {0, 1, 255},    {1, 2, 3}};
    const char *path = test_scratch_path("types.pth");
    cr_assert(test_pth_write(path, tensors, 6));
    rk_checkpoint *file;
    cr_assert_eq(rk_checkpoint_open(&file, path, NULL), RK_OK);
    for (size_t i = 0; i < 6; i++) {
        float out[6];
        size_t index;
        cr_assert(rk_checkpoint_find(file, tensors[i].name, &index));
        cr_assert_eq(rk_checkpoint_read_floats(file, index, 0, 1, out, NULL), RK_OK);
        for (size_t j = 0; j < 3; j++) cr_assert_eq(out[j], wanted[i][j], "%s", tensors[i].name);
    }
    rk_checkpoint_close(&file);
}

Test(checkpoint_read, wrong_requests) {
    static const sample_tensor w = {"FloatStorage", "0", 6, 0, 2, {2, 3}, {3, 1}};
    rk_checkpoint *file = open_tensor(&w, sample_floats, sizeof sample_floats, false);
    float out[6];
    rk_error err;
    cr_assert_eq(rk_checkpoint_read_raw(file, 0, 0, 3, out, 36, &err), RK_ERR_RANGE);
    cr_assert_not_null(strstr(err.message, "'w' has 2 rows; rows 0 to 3"), "%s", err.message);
    cr_assert_eq(rk_checkpoint_read_raw(file, 0, SIZE_MAX, 2, out, 24, &err), RK_ERR_RANGE);
    cr_assert_eq(rk_checkpoint_read_raw(file, 0, 0, 2, out, 23, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(rk_checkpoint_read_floats(file, 0, 2, 1, out, &err), RK_ERR_RANGE);
    size_t index;
    cr_assert(!rk_checkpoint_find(file, "v", &index));
    cr_assert(!rk_checkpoint_find(file, "", &index));
    rk_checkpoint_close(&file);
}

// Damage shows whichever rows are read first, and stays known.
Test(checkpoint_read, damaged_storage) {
    static const sample_tensor w = {"FloatStorage", "0", 6, 0, 2, {2, 3}, {3, 1}};
    rk_checkpoint *file = open_tensor(&w, sample_floats, sizeof sample_floats, false);
    rk_checkpoint_close(&file);
    size_t size;
    const char *path = test_scratch_path("sample.pth");
    unsigned char *bytes = test_read_file(path, &size);
    unsigned char *data = memmem(bytes, size, sample_floats, sizeof sample_floats);
    cr_assert_not_null(data);
    data[20] ^= 1; // in the second row
    cr_assert(test_write_file(path, bytes, size));
    free(bytes);

    rk_error err;
    float out[6];
    cr_assert_eq(rk_checkpoint_open(&file, path, &err), RK_OK);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(rk_checkpoint_read_raw(file, 0, 0, 1, out, 12, &err), RK_ERR_FORMAT);
        cr_assert_not_null(strstr(err.message, "tensor 'w' (24 bytes"), "%s", err.message);
        cr_assert_eq(rk_checkpoint_read_raw(file, 0, 0, 2, out, 24, &err), RK_ERR_FORMAT);
    }
    rk_checkpoint_close(&file);
}

// ---- threads

enum { BIG_ROWS = 512, BIG_COLUMNS = 300, N_THREADS = 8 };

typedef struct shared_work {
    rk_checkpoint *file;
    const float *values;
    size_t row;
    bool right;
} shared_work;

static void *read_rows(void *argument) {
    shared_work *work = argument;
    float out[BIG_COLUMNS];
    work->right = true;
    for (size_t i = 0; i < BIG_ROWS; i++) {
        const size_t row = (work->row + i * 7) % BIG_ROWS;
        const rk_status status =
            rk_checkpoint_read_raw(work->file, 0, row, 1, out, sizeof out, NULL);
        if (status != RK_OK || memcmp(out, work->values + row * BIG_COLUMNS, sizeof out) != 0) {
            work->right = false;
        }
    }
    return NULL;
}

static void read_from_threads(bool deflate) {
    static float values[BIG_ROWS * BIG_COLUMNS];
    for (size_t i = 0; i < BIG_ROWS * BIG_COLUMNS; i++) values[i] = (float)i;
    const sample_tensor big = {
        "FloatStorage",  "0", BIG_ROWS * BIG_COLUMNS, 0, 2, {BIG_ROWS, BIG_COLUMNS},
        {BIG_COLUMNS, 1}};
    rk_checkpoint *file = open_tensor(&big, values, sizeof values, deflate);
    shared_work work[N_THREADS];
    pthread_t threads[N_THREADS];
    for (size_t i = 0; i < N_THREADS; i++) {
        work[i] = (shared_work){.file = file, .values = values, .row = i * 50};
        cr_assert_eq(pthread_create(&threads[i], NULL, read_rows, &work[i]), 0);
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_assert(work[i].right, "thread %zu", i);
    }
    rk_checkpoint_close(&file);
}

Test(checkpoint_read, threads) {
    read_from_threads(false);
    read_from_threads(true);
}

// A file that is cut after it was opened gives an error, not a signal.
Test(checkpoint_read, cut_while_open) {
    static const sample_tensor w = {"FloatStorage", "0", 6, 0, 2, {2, 3}, {3, 1}};
    rk_checkpoint *file = open_tensor(&w, sample_floats, sizeof sample_floats, false);
    cr_assert(test_write_file(test_scratch_path("sample.pth"), "", 0));
    rk_error err;
    float out[6];
    cr_assert_eq(rk_checkpoint_read_raw(file, 0, 0, 2, out, sizeof out, &err), RK_ERR_IO);
    rk_checkpoint_close(&file);
}

// The models that come with the project.
Test(checkpoint_read, demo_models) {
    static const struct {
        const char *path;
        size_t n_tensors;
    } models[] = {
        {RK_MODELS "/demo/demo-rwkv4.pth", 96},
        {RK_MODELS "/demo/demo-rwkv7.pth", 168},
        {RK_MODELS "/demo/demo-lora.pth", 117},
    };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        rk_checkpoint *file;
        rk_error err;
        char message[512];
        cr_assert_eq(rk_checkpoint_open(&file, models[i].path, &err), RK_OK, "%s", err.message);
        cr_assert_eq(rk_checkpoint_count(file), models[i].n_tensors, "%s", models[i].path);
        cr_assert_str_eq(rk_checkpoint_root(file), "");
        rk_checkpoint_close(&file);
        cr_assert_eq(sample_read_all(models[i].path, message), RK_OK, "%s", message);
    }
}

Test(checkpoint_read, missing_files) {
    rk_checkpoint *file = (rk_checkpoint *)1;
    rk_error err;
    cr_assert_eq(rk_checkpoint_open(&file, test_scratch_path("nothing"), &err), RK_ERR_IO);
    cr_assert_null(file);
    cr_assert_not_null(strstr(err.message, "No such file"), "%s", err.message);
    cr_assert_eq(rk_checkpoint_open(&file, "/", &err), RK_ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.message, "/: a directory without"), "%s", err.message);
    rk_checkpoint_close(&file);
    rk_checkpoint_close(NULL);
}
