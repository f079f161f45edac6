// What is in a weights file: pth2bin --list.
#ifndef PTH2BIN_LISTING_H
#define PTH2BIN_LISTING_H

#include "cli/options.h"

// Prints the tensors of a file (those below `prefix`, unless that is NULL), as a table or as JSON
// with their SHA-256 sums. Returns an exit code.
int list_file(const char *path, const char *prefix, const cli_common *common);

#endif
