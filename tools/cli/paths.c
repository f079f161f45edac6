// Checks on the paths that a user gave.
#include "cli/paths.h"

#include <string.h>
#include <sys/stat.h>

#include "cli/messages.h"

bool cli_same_file(const char *a, const char *b) {
    if (strcmp(a, b) == 0) return true;
    struct stat of_a, of_b;
    if (stat(a, &of_a) != 0 || stat(b, &of_b) != 0) return false;
    return of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

void cli_require_distinct(const char *output, const char *input) {
    if (cli_same_file(output, input)) {
        cli_misuse("%s: output and input are the same file (%s)", output, input);
    }
}

bool cli_ends_with(const char *path, const char *ending) {
    const size_t length = strlen(path), tail = strlen(ending);
    return length >= tail && strcmp(path + length - tail, ending) == 0;
}

const char *cli_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}
