// What people point at by mistake is called by its name.
#include <criterion/criterion.h>

#include <string.h>

#include "rk/checkpoint.h"
#include "sample_archive.h"
#include "support/scratch.h"

TestSuite(foreign_file, .fini = test_scratch_remove);

static void assert_called(const char *bytes, size_t size, const char *words) {
    char message[512];
    sample_bytes file = {0};
    sample_put(&file, bytes, size);
    const char *path = sample_file(&file);
    cr_assert_eq(sample_read_all(path, message), RK_ERR_FORMAT);
    cr_assert_eq(strncmp(message, path, strlen(path)), 0, "%s", message);
    cr_assert_not_null(strstr(message, words), "'%s' lacks '%s'", message, words);
    cr_assert_null(strchr(message, '\n'), "%s", message);
    sample_free(&file);
}

#define LITERAL(text) (text), sizeof(text) - 1

Test(foreign_file, names) {
    assert_called("", 0, "empty");
    assert_called(LITERAL("<!DOCTYPE html>\n<html>"), "an HTML page");
    assert_called(LITERAL("\xef\xbb\xbf\r\n  <HTML lang=en>"), "an HTML page");
    assert_called(LITERAL("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
                  "a git-lfs pointer");
    assert_called(LITERAL("GGUF\3\0\0\0\0\0\0\0"), "GGUF");
    assert_called(LITERAL("tjgg\1\0\0\0"), "ggjt");
    assert_called(LITERAL("\x08\x07\x12\x07pytorch\x1a\x05"), "an ONNX model");
    assert_called(LITERAL("\x1f\x8b\x08\0\0\0\0\0"), "gzip");
    assert_called(LITERAL("\x28\xb5\x2f\xfd\0\0\0\0"), "zstd");
    assert_called(LITERAL("\x93NUMPY\1\0"), "NumPy");
    assert_called(LITERAL("\x89HDF\r\n\x1a\n"), "HDF5");
    assert_called(LITERAL("%PDF-1.7"), "PDF");
    assert_called(LITERAL("\x7f"
                          "ELF\2\1\1\0"),
                  "a program");
    assert_called(LITERAL("{\"error\": \"not found\"}"), "JSON text");
    assert_called(LITERAL("Entry not found"), "plain text");
    assert_called(LITERAL("caf\xc3\xa9\n"), "plain text");
    assert_called(LITERAL("\x01\x02\x03\x04\x05"), "of a kind that is not known");
    static const char zeros[4096];
    assert_called(zeros, sizeof zeros, "zeros");
    char tar[512] = "sys_info";
    memcpy(tar + 257, "ustar", 5);
    assert_called(tar, sizeof tar, "a tar archive");
    assert_called(LITERAL("PK\3\4"), "without its directory");
}

// Not one short file, whatever its bytes, is read or crashes.
Test(foreign_file, short_files) {
    char message[512];
    for (unsigned first = 0; first < 256; first++) {
        for (size_t size = 1; size <= 3; size++) {
            const uint8_t bytes[3] = {(uint8_t)first, 0x80, 0x02};
            sample_bytes file = {0};
            sample_put(&file, bytes, size);
            cr_assert_neq(sample_read_all(sample_file(&file), message), RK_OK);
            sample_free(&file);
        }
    }
}
