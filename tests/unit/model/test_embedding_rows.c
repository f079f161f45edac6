// Rows of the embedding stay in the file where it has them as they are wanted, and are read as
// tokens need them: the results are those of rows in memory, and a file that is cut or overwritten
// in the meantime is an error that names the place.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rk/convert.h"
#include "rk/model.h"
#include "support/model_file_fields.h"
#include "support/scratch.h"
#include "support/small_model.h"

TestSuite(embedding_rows, .init = test_scratch_remove, .fini = test_scratch_remove);

enum { N_VOCAB = 50, N_EMBD = 64, LAST = N_VOCAB - 1 };

// A model file in FP16, with what a test needs to call the model.
typedef struct opened {
    char path[512];
    rk_model *model;
    rk_context *context;
    rk_state *state;
    float logits[N_VOCAB];
} opened;

static void write_model(opened *o) {
    const test_small_model sizes = {
        .n_vocab = N_VOCAB, .n_embd = N_EMBD, .n_layer = 1, .n_ffn = 128, .seed = 7};
    char checkpoint[512];
    rk_error err = {0};
    (void)snprintf(checkpoint, sizeof checkpoint, "%s", test_scratch_path("model.pth"));
    (void)snprintf(o->path, sizeof o->path, "%s", test_scratch_path("model.bin"));
    cr_assert(test_small_model_write(checkpoint, &sizes));
    const rk_convert_options options = {.dtype = RK_DTYPE_F16};
    cr_assert_eq(rk_convert(checkpoint, o->path, &options, NULL, &err), RK_OK, "%s", err.message);
}

static void open_model(opened *o, const char *strategy) {
    rk_error err = {0};
    const rk_model_options options = {.strategy = strategy};
    cr_assert_eq(rk_model_open(&o->model, o->path, &options, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_context_new(&o->context, o->model, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_state_new(&o->state, o->model, 1, &err), RK_OK, "%s", err.message);
}

static void close_model(opened *o) {
    rk_state_free(&o->state);
    rk_context_free(&o->context);
    rk_model_close(&o->model);
}

static rk_status eval(opened *o, uint32_t token, rk_error *err) {
    return rk_eval(o->context, o->state, &token, 1, RK_LOGITS_LAST, o->logits, err);
}

// FP16 rows read from the file, and the same rows widened and held in memory.
Test(embedding_rows, are_those_of_memory) {
    opened in_file = {0}, in_memory = {0};
    write_model(&in_file);
    memcpy(in_memory.path, in_file.path, sizeof in_file.path);
    open_model(&in_file, "cpu");
    open_model(&in_memory, "cpu fp32");
    for (uint32_t token = 0; token < N_VOCAB; token++) {
        cr_assert_eq(eval(&in_file, token, NULL), RK_OK);
        cr_assert_eq(eval(&in_memory, token, NULL), RK_OK);
        for (size_t i = 0; i < N_VOCAB; i++) {
            cr_assert_float_eq(in_file.logits[i], in_memory.logits[i], 1e-4, "token %u: %g, %g",
                               token, (double)in_file.logits[i], (double)in_memory.logits[i]);
        }
    }
    close_model(&in_file);
    close_model(&in_memory);
}

// Where in the file the last row of the embedding begins.
static size_t offset_of_last_row(const char *path) {
    test_model_file file;
    cr_assert(test_model_file_read(&file, path));
    const test_record *emb = test_model_file_find(&file, "emb.weight");
    cr_assert_not_null(emb);
    const size_t offset = (size_t)(emb->data - file.bytes) + emb->size / N_VOCAB * LAST;
    test_model_file_free(&file);
    return offset;
}

Test(embedding_rows, of_a_file_that_is_cut) {
    opened o = {0};
    rk_error err = {0};
    write_model(&o);
    open_model(&o, "cpu");
    cr_assert_eq(eval(&o, LAST, &err), RK_OK, "%s", err.message);
    cr_assert_eq(truncate(o.path, (off_t)offset_of_last_row(o.path) + 2), 0);
    cr_assert_eq(eval(&o, LAST, &err), RK_ERR_IO);
    cr_assert_eq(strstr(err.message, o.path), err.message, "%s", err.message);
    cr_assert_not_null(strstr(err.message, "ends before byte"), "%s", err.message);
    cr_assert_eq(eval(&o, 0, &err), RK_OK, "rows before the cut are still there: %s", err.message);
    close_model(&o);
}

Test(embedding_rows, that_are_overwritten_with_no_numbers) {
    opened o = {0};
    rk_error err = {0};
    char expected[640];
    write_model(&o);
    open_model(&o, "cpu");
    FILE *file = fopen(o.path, "r+b");
    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, (long)offset_of_last_row(o.path), SEEK_SET), 0);
    cr_assert_eq(fwrite("\x00\x7e", 1, 2, file), 2); // NaN in FP16
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(eval(&o, LAST, &err), RK_ERR_RANGE);
    (void)snprintf(expected, sizeof expected,
                   "%s: row %d of tensor emb.weight holds NaN or infinity", o.path, LAST);
    cr_assert_str_eq(err.message, expected);
    close_model(&o);
}

// The other weights are in memory: the file's name may go, and its other bytes may change.
Test(embedding_rows, of_a_file_whose_name_is_gone) {
    opened o = {0};
    rk_error err = {0};
    write_model(&o);
    open_model(&o, "cpu");
    cr_assert_eq(unlink(o.path), 0);
    for (uint32_t token = 0; token < N_VOCAB; token++) {
        cr_assert_eq(eval(&o, token, &err), RK_OK, "%s", err.message);
    }
    close_model(&o);
}
