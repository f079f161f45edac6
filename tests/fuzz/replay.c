// Replays inputs through a fuzz target, in ordinary builds and without libFuzzer: every file that
// is named, or that lies in a folder that is named.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz_target.h"
#include "support/scratch.h"

static size_t n_replayed;

// A copy of exactly the input's size, so that a sanitizer sees a byte read too many.
static void replay_file(const char *path) {
    size_t size;
    unsigned char *whole = test_read_file(path, &size);
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (!whole || !exact) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    memcpy(exact, whole, size);
    free(whole);
    // Whatever ends the program, the last line names the input.
    printf("%s\n", path);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    n_replayed++;
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static void replay_folder(const char *path) {
    struct dirent **entries = NULL;
    const int n = scandir(path, &entries, is_visible, alphasort);
    for (int i = 0; i < n; i++) {
        char file[1024];
        (void)snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        replay_file(file);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        struct stat about;
        if (stat(argv[i], &about) == 0 && S_ISDIR(about.st_mode)) {
            replay_folder(argv[i]);
        } else {
            replay_file(argv[i]);
        }
    }
    printf("%zu inputs replayed\n", n_replayed);
    return n_replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
