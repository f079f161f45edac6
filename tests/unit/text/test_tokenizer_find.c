// Which vocabulary file a model gets.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/scratch.h"
#include "vocabulary_files.h"

#define WORLD_FILE "rwkv_vocab_v20230424.txt"
#define OLD_FILE   "20B_tokenizer.json"

static void forget_environment(void) {
    unsetenv("RWKV_TOKENIZER");
}

TestSuite(tokenizer_find, .init = forget_environment, .fini = test_scratch_remove);

// A scratch file with the bytes of another.
static const char *copy_file(const char *source, const char *name) {
    size_t size;
    unsigned char *data = test_read_file(source, &size);
    cr_assert_not_null(data, "%s", source);
    const char *path = made_file(name, data, size);
    free(data);
    return path;
}

static void check_found(size_t n_vocab, const char *model, const char *chosen, const char *name,
                        size_t expected_vocabulary) {
    rk_tokenizer *tokenizer = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_tokenizer_find(&tokenizer, n_vocab, model, chosen, &err), RK_OK, "%s",
                 err.message);
    cr_assert_str_eq(rk_tokenizer_name(tokenizer), name);
    cr_assert_eq(rk_tokenizer_vocabulary(tokenizer), expected_vocabulary);
    cr_assert_not(rk_tokenizer_has_text(tokenizer, (uint32_t)expected_vocabulary));
    rk_tokenizer_close(&tokenizer);
}

static rk_error check_not_found(size_t n_vocab, const char *model, const char *chosen,
                                rk_status status) {
    rk_tokenizer *tokenizer = (rk_tokenizer *)&tokenizer;
    rk_error err = {0};
    const rk_status found = rk_tokenizer_find(&tokenizer, n_vocab, model, chosen, &err);
    cr_assert_eq(found, status, "%s: %s", rk_status_name(found), err.message);
    cr_assert_null(tokenizer);
    return err;
}

static void check_contains(const rk_error *err, const char *part) {
    cr_assert_not_null(strstr(err->message, part), "'%s' is not in: %s", part, err->message);
}

Test(tokenizer_find, bytes_need_no_file) {
    setenv("RWKV_TOKENIZER", TINY_WORLD, 1);
    check_found(256, "model.bin", NULL, "bytes", 256);
    check_found(256, NULL, "", "bytes", 256);
    check_found(300, NULL, "bytes", "bytes", 300);
    check_found(0, NULL, "bytes", "bytes", 256);
    const rk_error err = check_not_found(255, NULL, "bytes", RK_ERR_MISMATCH);
    check_contains(&err, "bytes have 256 tokens; the model has 255");
}

Test(tokenizer_find, beside_the_model) {
    copy_file(TINY_WORLD, WORLD_FILE);
    copy_file(TINY_BPE, OLD_FILE);
    const char *model = test_scratch_path("model.bin");
    check_found(65536, model, NULL, "world", 65536);
    check_found(65529, model, NULL, "world", 65529);
    check_found(50277, model, NULL, "bpe", 50277);
    check_found(50304, model, NULL, "bpe", 50304);
}

Test(tokenizer_find, beside_a_model_in_the_working_directory) {
    char folder[1024];
    const char *path = copy_file(TINY_WORLD, WORLD_FILE);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    cr_assert_eq(chdir(folder), 0);
    check_found(65536, "model.bin", NULL, "world", 65536);
    check_found(65536, "./model.bin", NULL, "world", 65536);
    check_found(65536, folder, NULL, "world", 65536); // a model may be a directory
}

Test(tokenizer_find, hugging_faces_name_comes_second) {
    copy_file(TINY_BPE, "tokenizer.json");
    const char *model = test_scratch_path("model.bin");
    check_found(50277, model, NULL, "bpe", 50277);
    check_found(777, model, NULL, "bpe", 777);
    const char *broken = made_file(OLD_FILE, "{}", 2);
    const rk_error err = check_not_found(50277, model, NULL, RK_ERR_UNSUPPORTED);
    check_contains(&err, broken);
}

Test(tokenizer_find, the_environment_names_a_directory) {
    copy_file(TINY_BPE, OLD_FILE);
    char folder[1024];
    const char *path = copy_file(TINY_WORLD, WORLD_FILE);
    for (int with_slash = 0; with_slash < 2; with_slash++) {
        snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path) + with_slash,
                 path);
        setenv("RWKV_TOKENIZER", folder, 1);
        check_found(65536, "/nowhere/model.bin", NULL, "world", 65536);
        check_found(50277, NULL, NULL, "bpe", 50277);
        check_found(0, NULL, NULL, "world", 501); // no model: its own size
        check_found(50277, NULL, folder, "bpe", 50277);
    }
    check_not_found(777, NULL, NULL, RK_ERR_NOT_FOUND);
}

Test(tokenizer_find, the_environment_names_a_file) {
    setenv("RWKV_TOKENIZER", TINY_WORLD, 1);
    check_found(65536, "/nowhere/model.bin", NULL, "world", 65536);
    check_found(0, NULL, NULL, "world", 501);
    check_found(777, NULL, NULL, "world", 777);
    const rk_error err = check_not_found(50277, NULL, NULL, RK_ERR_MISMATCH);
    check_contains(&err, "a 'world' vocabulary; for 50277 tokens it should be " OLD_FILE);
    setenv("RWKV_TOKENIZER", "/nowhere/file", 1);
    const rk_error missing = check_not_found(65536, NULL, NULL, RK_ERR_IO);
    check_contains(&missing, "/nowhere/file");
}

Test(tokenizer_find, what_lies_beside_the_model_comes_first) {
    setenv("RWKV_TOKENIZER", TINY_BPE, 1);
    copy_file(TINY_WORLD, WORLD_FILE);
    check_found(65536, test_scratch_path("model.bin"), NULL, "world", 65536);
}

Test(tokenizer_find, the_choice_comes_before_all) {
    copy_file(TINY_WORLD, WORLD_FILE);
    setenv("RWKV_TOKENIZER", TINY_WORLD, 1);
    check_found(65536, test_scratch_path("model.bin"), TINY_BPE, "bpe", 65536);
    check_found(256 + 14, NULL, TINY_BPE, "bpe", 270);
    const rk_error err = check_not_found(65536, NULL, "/nowhere/file", RK_ERR_IO);
    check_contains(&err, "/nowhere/file");
}

Test(tokenizer_find, a_vocabulary_must_fit) {
    check_found(501, NULL, TINY_WORLD, "world", 501);
    rk_error err = check_not_found(500, NULL, TINY_WORLD, RK_ERR_MISMATCH);
    check_contains(&err, "tiny_world.txt has tokens up to id 500; the model's vocabulary has 500");
    err = check_not_found(256, NULL, TINY_BPE, RK_ERR_MISMATCH);
    check_contains(&err, "tiny_bpe.json has tokens up to id 269; the model's vocabulary has 256");
}

Test(tokenizer_find, what_was_tried_is_listed) {
    const char *model = test_scratch_path("model.bin");
    rk_error err = check_not_found(65536, model, NULL, RK_ERR_NOT_FOUND);
    check_contains(&err, "for a model of 65536 tokens");
    check_contains(&err, "scripts/get-tokenizers fetches " WORLD_FILE);
    check_contains(&err, test_scratch_path(WORLD_FILE));
    check_contains(&err, "RWKV_TOKENIZER (not set)");

    setenv("RWKV_TOKENIZER", "/", 1);
    err = check_not_found(50304, model, NULL, RK_ERR_NOT_FOUND);
    check_contains(&err, "for a model of 50304 tokens");
    check_contains(&err, test_scratch_path(OLD_FILE));
    check_contains(&err, test_scratch_path("tokenizer.json"));
    check_contains(&err, ", /" OLD_FILE ", /tokenizer.json");
}

Test(tokenizer_find, long_paths_are_cut) {
    static char model[3000];
    memset(model, 'd', sizeof model - 1);
    for (size_t i = 0; i < sizeof model - 1; i += 200) model[i] = '/';
    const rk_error err = check_not_found(50277, model, NULL, RK_ERR_NOT_FOUND);
    check_contains(&err, "scripts/get-tokenizers fetches " OLD_FILE);
}

Test(tokenizer_find, a_directory_is_no_vocabulary) {
    const rk_error err = check_not_found(65536, NULL, "/", RK_ERR_NOT_FOUND);
    check_contains(&err, "/" WORLD_FILE);
    rk_tokenizer *tokenizer;
    rk_error load = {0};
    cr_assert_neq(rk_tokenizer_load(&tokenizer, "/", &load), RK_OK);
    check_contains(&load, "/");
}

Test(tokenizer_find, files_that_are_something_else) {
    check_refused(made_file("page", "<!DOCTYPE html>\n", 16), RK_ERR_FORMAT,
                  "neither a World vocabulary");
    check_refused(made_file("empty", "", 0), RK_ERR_FORMAT, "neither a World vocabulary");
    check_refused(made_file("blank", " \n\t ", 4), RK_ERR_FORMAT, "neither a World vocabulary");
    check_refused(made_file("zeros", "\0\0\0\0", 4), RK_ERR_FORMAT, "neither a World vocabulary");
    check_refused(made_file("pointer", "version https://git-lfs", 23), RK_ERR_FORMAT,
                  "neither a World vocabulary");
}
