// Reading an index.
#include "embed/index_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "cli/json_input.h"
#include "cli/messages.h"

static cJSON *parse(const char *path, uint64_t line, const char *text, size_t length) {
    char reason[CLI_REASON];
    cJSON *object = cli_json_parse_object(text, length, reason);
    if (object == NULL) cli_complain("%s:%ju: %s", path, (uintmax_t)line, reason);
    return object;
}

static bool check_head(const char *path, const cJSON *head, const char *key) {
    const char *vectors = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(head, "vectors"));
    if (vectors != NULL && strcmp(vectors, key) == 0) return true;
    if (vectors == NULL) {
        cli_complain("%s:1: no index of embed's: there is no \"vectors\"", path);
    } else {
        cli_complain("%s: an index of '%s'; the query is '%s'", path, vectors, key);
    }
    return false;
}

// Which of the rows is that of this line? n: none.
static size_t find_row(const rk_neighbour *rows, size_t n, uint64_t row) {
    size_t i = 0;
    while (i < n && rows[i].row != row) i++;
    return i;
}

static bool read_lines(index_line *lines, const rk_neighbour *rows, size_t n, FILE *file,
                       const char *path, const char *key) {
    char *text = NULL;
    size_t capacity = 0, found = 0;
    uint64_t line = 0;
    bool fine = true;
    // Line 1 is the head; row r is line r + 2.
    while (fine && (found < n || line == 0)) {
        const ssize_t length = getline(&text, &capacity, file);
        if (length < 0) break;
        line++;
        const size_t i = line >= 2 ? find_row(rows, n, line - 2) : n;
        if (line > 1 && i == n) continue;
        cJSON *object = parse(path, line, text, (size_t)length);
        fine = object != NULL;
        if (line == 1) {
            fine = fine && check_head(path, object, key);
            cJSON_Delete(object);
        } else if (fine) {
            lines[i] = (index_line){rows[i].row, object};
            found++;
        }
    }
    free(text);
    if (fine && found < n) {
        cli_complain("%s: %ju lines, too few for the rows of the vectors", path, (uintmax_t)line);
    }
    return fine && found == n;
}

bool index_file_find(index_line *lines, const rk_neighbour *rows, size_t n, const char *path,
                     const char *key) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        cli_complain("%s: %s", path, strerror(errno));
        return false;
    }
    const bool found = read_lines(lines, rows, n, file, path, key);
    fclose(file);
    return found;
}
