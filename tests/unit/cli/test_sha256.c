// SHA-256: the examples of FIPS 180-2.
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "cli/sha256.h"
#include "support/scratch.h"

static void assert_sum(const void *data, size_t size, const char *expected) {
    char hex[CLI_SHA256_TEXT];
    cli_sha256_bytes(hex, data, size);
    cr_assert_str_eq(hex, expected);
}

Test(sha256, known_sums) {
    assert_sum("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_sum("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_sum(two_blocks, strlen(two_blocks),
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

Test(sha256, a_million_letters) {
    char *letters = malloc(1000000);
    memset(letters, 'a', 1000000);
    assert_sum(letters, 1000000,
               "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(letters);
}

// More than one piece is read of a file.
Test(sha256, of_a_file) {
    enum { SIZE = 3 << 20 };
    char *data = malloc(SIZE), of_file[CLI_SHA256_TEXT], of_data[CLI_SHA256_TEXT];
    for (size_t i = 0; i < SIZE; i++) data[i] = (char)(i * i >> 7);
    const char *path = test_scratch_path("data");
    cr_assert(test_write_file(path, data, SIZE));
    cr_assert(cli_sha256_file(of_file, path));
    cli_sha256_bytes(of_data, data, SIZE);
    cr_assert_str_eq(of_file, of_data);
    cr_assert_not(cli_sha256_file(of_file, test_scratch_path("nothing")));
    cr_assert_not(cli_sha256_file(of_file, "/"));
    free(data);
    test_scratch_remove();
}
