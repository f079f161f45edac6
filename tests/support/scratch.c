// A directory for the files of one test.
#include "scratch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_PATHS = 64, PATH_BYTES = 600 };

static char directory[PATH_BYTES / 2];
static char paths[MAX_PATHS][PATH_BYTES];
static size_t n_paths;

static void make_directory(void) {
    const char *parent = getenv("TMPDIR");
    const int n = snprintf(directory, sizeof directory, "%s/rwkv-test-XXXXXX",
                           parent != NULL && parent[0] != '\0' ? parent : P_tmpdir);
    if (n < 0 || (size_t)n >= sizeof directory || mkdtemp(directory) == NULL) {
        perror("a directory for the test's files");
        abort();
    }
}

const char *test_scratch_path(const char *name) {
    if (directory[0] == '\0') make_directory();
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    for (size_t i = 0; i < n_paths; i++) {
        if (strcmp(paths[i], path) == 0) return paths[i];
    }
    if (n_paths == MAX_PATHS) abort();
    memcpy(paths[n_paths], path, sizeof path);
    return paths[n_paths++];
}

static bool is_entry(const char *name) {
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

void test_scratch_remove(void) {
    if (directory[0] == '\0') return;
    DIR *entries = opendir(directory);
    for (struct dirent *e; entries != NULL && (e = readdir(entries)) != NULL;) {
        char path[PATH_BYTES];
        (void)snprintf(path, sizeof path, "%s/%s", directory, e->d_name);
        if (is_entry(e->d_name)) (void)remove(path);
    }
    if (entries != NULL) (void)closedir(entries);
    (void)rmdir(directory);
    directory[0] = '\0';
    n_paths = 0;
}

size_t test_scratch_count(void) {
    size_t count = 0;
    DIR *entries = opendir(directory);
    for (struct dirent *e; entries != NULL && (e = readdir(entries)) != NULL;) {
        count += is_entry(e->d_name);
    }
    if (entries != NULL) (void)closedir(entries);
    return count;
}

bool test_file_exists(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0;
}

unsigned char *test_read_file(const char *path, size_t *size) {
    *size = 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    struct stat status;
    unsigned char *data = NULL;
    if (fstat(fileno(file), &status) == 0) {
        data = malloc((size_t)status.st_size + 1);
        *size = data == NULL ? 0 : fread(data, 1, (size_t)status.st_size, file);
    }
    (void)fclose(file);
    return data;
}

bool test_write_file(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) return false;
    const bool written = fwrite(data, 1, size, file) == size;
    return fclose(file) == 0 && written;
}

bool test_same_bytes(const char *a, const char *b) {
    size_t size_a, size_b;
    unsigned char *data_a = test_read_file(a, &size_a);
    unsigned char *data_b = test_read_file(b, &size_b);
    const bool same =
        data_a != NULL && data_b != NULL && size_a == size_b && memcmp(data_a, data_b, size_a) == 0;
    free(data_a);
    free(data_b);
    return same;
}
