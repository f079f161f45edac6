// SHA-256 through OpenSSL's libcrypto.
#include "cli/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "cli/allocate.h"
#include "cli/messages.h"

enum { PIECE = 1 << 20 };

static _Noreturn void no_digest(void) {
    cli_complain("libcrypto offers no SHA-256");
    exit(CLI_EXIT_FAILED);
}

static EVP_MD_CTX *digest_begin(void) {
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    if (digest == NULL || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1) no_digest();
    return digest;
}

static void digest_end(EVP_MD_CTX *digest, char hex[CLI_SHA256_TEXT]) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_DigestFinal_ex(digest, sum, &length) != 1 || length != 32) no_digest();
    for (size_t i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    EVP_MD_CTX_free(digest);
}

void cli_sha256_bytes(char hex[CLI_SHA256_TEXT], const void *data, size_t size) {
    EVP_MD_CTX *digest = digest_begin();
    EVP_DigestUpdate(digest, data, size);
    digest_end(digest, hex);
}

// Reads to the end of the file. False with errno set.
static bool digest_file(EVP_MD_CTX *digest, int fd) {
    unsigned char *piece = cli_allocate(PIECE, 1);
    ssize_t n;
    do {
        n = read(fd, piece, PIECE);
        if (n > 0) EVP_DigestUpdate(digest, piece, (size_t)n);
    } while (n > 0 || (n < 0 && errno == EINTR));
    free(piece);
    return n == 0;
}

bool cli_sha256_file(char hex[CLI_SHA256_TEXT], const char *path) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    EVP_MD_CTX *digest = digest_begin();
    const bool done = digest_file(digest, fd);
    const int error = errno;
    digest_end(digest, hex);
    close(fd);
    errno = error;
    return done;
}

rk_status cli_sha256_tensor(char hex[CLI_SHA256_TEXT], rk_checkpoint *checkpoint, size_t index,
                            rk_error *err) {
    size_t rows = 0, columns = 0;
    rk_shape_matrix(&rows, &columns, &rk_checkpoint_tensor(checkpoint, index)->shape);
    const size_t bytes = rk_checkpoint_tensor_bytes(checkpoint, index);
    const size_t row_bytes = rows > 0 ? bytes / rows : 0;
    const size_t step = row_bytes == 0 || row_bytes >= PIECE ? 1 : PIECE / row_bytes;
    const size_t left = row_bytes > 0 ? rows : 0;
    void *piece = cli_allocate(step < left ? step : left, row_bytes);
    EVP_MD_CTX *digest = digest_begin();
    rk_status status = RK_OK;
    for (size_t first = 0; first < left && status == RK_OK; first += step) {
        const size_t n = step < left - first ? step : left - first;
        status = rk_checkpoint_read_raw(checkpoint, index, first, n, piece, n * row_bytes, err);
        if (status == RK_OK) EVP_DigestUpdate(digest, piece, n * row_bytes);
    }
    digest_end(digest, hex);
    free(piece);
    return status;
}
