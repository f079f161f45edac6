// Checks on the paths that a user gave.
#include "cli/paths.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cli/allocate.h"
#include "cli/messages.h"

static bool is_same(const char *a, const char *b) {
    struct stat of_a, of_b;
    if (stat(a, &of_a) != 0 || stat(b, &of_b) != 0) return false;
    return of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

// The folder that a path is in, up to its last slash.
static char *folder_of(const char *path) {
    const size_t length = (size_t)(cli_base_name(path) - path);
    char *folder = cli_copy(length > 0 ? path : "./");
    if (length > 0) folder[length] = '\0';
    return folder;
}

bool cli_same_file(const char *a, const char *b) {
    if (strcmp(a, b) == 0 || is_same(a, b)) return true;
    if (strcmp(cli_base_name(a), cli_base_name(b)) != 0) return false;
    char *folder_a = folder_of(a), *folder_b = folder_of(b); // perhaps of files yet to be made
    const bool same = is_same(folder_a, folder_b);
    free(folder_a);
    free(folder_b);
    return same;
}

void cli_require_distinct(const char *output, const char *input) {
    if (cli_same_file(output, input)) {
        cli_misuse("%s: output and input are the same file (%s)", output, input);
    }
}

// Model hubs show a page about a file under .../blob/... and give the file under .../resolve/...
static void misuse_address(const char *address) {
    static const char page[] = "/blob/";
    const char *at = strstr(address, page);
    if (at == NULL) {
        cli_misuse("%s: is an address, not a file; fetch the file first: curl -LO %s", address,
                   address);
    }
    cli_misuse("%s: is an address, not a file; fetch the file first: curl -LO %.*s/resolve/%s",
               address, (int)(at - address), address, at + strlen(page));
}

void cli_require_file(const char *input) {
    static const char *const schemes[] = {"http://", "https://", "ftp://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strncasecmp(input, schemes[i], strlen(schemes[i])) == 0) misuse_address(input);
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
