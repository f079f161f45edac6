// SHA-256 sums, in hexadecimal.
#ifndef CLI_SHA256_H
#define CLI_SHA256_H

#include <stdbool.h>
#include <stddef.h>

#include "rk/checkpoint.h"

enum { CLI_SHA256_TEXT = 65 };

void cli_sha256_bytes(char hex[CLI_SHA256_TEXT], const void *data, size_t size);

// Of a regular file, read in pieces. False, with errno set, when it cannot be read.
bool cli_sha256_file(char hex[CLI_SHA256_TEXT], const char *path);

// Of a tensor's contiguous little-endian data, read in pieces of about a megabyte.
rk_status cli_sha256_tensor(char hex[CLI_SHA256_TEXT], rk_checkpoint *checkpoint, size_t index,
                            rk_error *err);

#endif
