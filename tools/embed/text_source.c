// Reading texts.
#include "embed/text_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/json_input.h"
#include "cli/json_output.h"
#include "cli/messages.h"
#include "cli/paths.h"
#include "cli/signals.h"
#include "cli/text_file.h"
#include "cli/utf8_text.h"
#include "embed/json_members.h"

enum { PIECE = 1 << 16 };

// ---- where they come from

static void add_size(text_source *s, const char *path) {
    struct stat about;
    const bool known = strcmp(path, "-") != 0 && stat(path, &about) == 0;
    if (known && S_ISREG(about.st_mode)) s->total += (uint64_t)about.st_size;
}

void text_source_files(text_source *source, const cli_text_list *files, const char *kind,
                       bool skip_empty) {
    *source = (text_source){.names = files->items,
                            .n_names = files->count,
                            .kind = kind,
                            .skip_empty = skip_empty,
                            .fd = -1};
    for (size_t i = 0; i < files->count; i++) add_size(source, files->items[i]);
}

void text_source_arguments(text_source *source, const char *const *texts, size_t n) {
    *source = (text_source){.names = texts, .n_names = n, .kind = "arguments", .fd = -1};
    for (size_t i = 0; i < n; i++) source->total += strlen(texts[i]);
}

static void close_file(text_source *s) {
    if (s->fd > STDIN_FILENO) close(s->fd);
    s->fd = -1;
    s->current++;
}

void text_source_close(text_source *source) {
    if (source->fd >= 0) close_file(source);
    free(source->bytes);
    *source = (text_source){.fd = -1};
}

bool text_source_check(const text_source *source) {
    const bool are_texts = source->kind != NULL && strcmp(source->kind, "arguments") == 0;
    for (size_t i = 0; !are_texts && i < source->n_names; i++) {
        const char *path = source->names[i];
        if (strcmp(path, "-") == 0 || access(path, R_OK) == 0) continue;
        cli_complain("%s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static const char *name_of(const text_source *s) {
    const char *name = s->names[s->current];
    return strcmp(name, "-") == 0 ? "standard input" : name;
}

static bool is_jsonl(const text_source *s) {
    if (s->kind != NULL) return strcmp(s->kind, "jsonl") == 0;
    return cli_ends_with(s->names[s->current], ".jsonl");
}

// ---- checks

// The offset of the first byte that is no UTF-8; `length` when there is none.
static size_t find_broken(const char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        // A zero is a character, but ends terminated texts.
        const size_t n = text[i] == '\0' ? 1 : cli_utf8_character(text + i);
        if (n == 0) return i;
        i += n;
    }
    return length;
}

static text_result check(text_source *s, text_item *item) {
    const size_t broken = find_broken(item->text, item->length);
    if (item->length == 0) {
        cli_complain("%s: an empty text has no embedding (--skip-empty leaves it out)",
                     item->where);
    } else if (broken < item->length) {
        cli_complain("%s: byte %zu of the text is no UTF-8", item->where, broken + 1);
    } else {
        s->count++;
        return TEXT_ITEM;
    }
    return TEXT_FAILED;
}

static char *copy_bytes(const char *bytes, size_t n) {
    char *copy = cli_allocate(n + 1, 1);
    if (n > 0) memcpy(copy, bytes, n);
    return copy;
}

// ---- lines

static text_result open_next(text_source *s) {
    const char *path = s->names[s->current];
    s->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    s->begin = s->end = s->searched = s->line = 0;
    s->at_end = false;
    if (s->fd >= 0) return TEXT_ITEM;
    cli_complain("%s: %s", path, strerror(errno));
    return TEXT_FAILED;
}

static void make_room(text_source *s) {
    if (s->begin > 0) {
        memmove(s->bytes, s->bytes + s->begin, s->end - s->begin);
        s->end -= s->begin;
        s->searched -= s->begin;
        s->begin = 0;
    }
    if (s->capacity - s->end > PIECE) return;
    s->capacity = 2 * s->capacity + 2 * PIECE;
    s->bytes = cli_reallocate(s->bytes, s->capacity, 1);
}

// TEXT_ITEM: something was read, or the end was reached.
static text_result read_more(text_source *s) {
    make_room(s);
    for (;;) {
        if (cli_wait_for_input(s->fd) == CLI_WAIT_INTERRUPTED) return TEXT_INTERRUPTED;
        const ssize_t n = read(s->fd, s->bytes + s->end, PIECE);
        if (n >= 0) {
            s->at_end = n == 0;
            s->end += (size_t)n;
            s->done += (uint64_t)n;
            return TEXT_ITEM;
        }
        if (errno == EINTR || errno == EAGAIN) continue;
        cli_complain("%s: %s", name_of(s), strerror(errno));
        return TEXT_FAILED;
    }
}

// The next line, without LF or CR LF; the last one needs no end. Terminated, valid until the next
// call.
static text_result read_line(text_source *s, char **line, size_t *length) {
    for (;;) {
        const char *newline = s->end > s->searched
                                  ? memchr(s->bytes + s->searched, '\n', s->end - s->searched)
                                  : NULL;
        if (newline == NULL && !s->at_end) {
            s->searched = s->end;
            const text_result more = read_more(s);
            if (more != TEXT_ITEM) return more;
            continue;
        }
        if (newline == NULL && s->begin == s->end) return TEXT_END;
        const size_t end = newline != NULL ? (size_t)(newline - s->bytes) : s->end;
        *line = s->bytes + s->begin;
        *length = end - s->begin;
        if (*length > 0 && (*line)[*length - 1] == '\r') (*length)--;
        (*line)[*length] = '\0'; // make_room leaves a byte
        s->begin = s->searched = newline != NULL ? end + 1 : end;
        s->line++;
        return TEXT_ITEM;
    }
}

// ---- JSON lines

static bool is_key(const cJSON *member, const char *key) {
    return strcmp(member->string, key) == 0;
}

// Appends a member as it was written.
static void add_field(text_item *item, const json_member *raw) {
    const size_t used = strlen(item->fields);
    const size_t size = used + raw->key_length + raw->value_length + 3;
    item->fields = cli_reallocate(item->fields, size, 1);
    snprintf(item->fields + used, size - used, "%s%.*s:%.*s", used == 0 ? "" : ",",
             (int)raw->key_length, raw->key, (int)raw->value_length, raw->value);
}

// What a label is called: a text as it is, other values as they are written.
static char *label_of(const cJSON *value, const json_member *raw) {
    if (cJSON_IsNull(value)) return NULL;
    if (cJSON_IsString(value)) return cli_copy(value->valuestring);
    return copy_bytes(raw->value, raw->value_length);
}

// Sorts the members of an object into the item. `line` is what it was parsed from.
static bool take_members(const text_source *s, text_item *item, const cJSON *object,
                         const char *line) {
    const char *at = line;
    const cJSON *member;
    cJSON_ArrayForEach(member, object) {
        json_member raw;
        at = json_members_next(&raw, at);
        if (at == NULL) return false;
        if (s->label != NULL && item->label == NULL && is_key(member, s->label)) {
            item->label = label_of(member, &raw);
        }
        if (is_key(member, "text") && item->text == NULL && cJSON_IsString(member)) {
            item->text = cli_copy(member->valuestring);
        } else if (is_key(member, "id") && item->id == NULL) {
            item->id = copy_bytes(raw.value, raw.value_length);
        } else if (!is_key(member, "index") && !is_key(member, "embedding")) {
            add_field(item, &raw);
        }
    }
    return true;
}

static text_result take_object(text_source *s, text_item *item, const char *line, size_t length) {
    char reason[CLI_REASON];
    cJSON *object = cli_json_parse_object(line, length, reason);
    if (object == NULL) {
        cli_complain("%s: %s", item->where, reason);
        return TEXT_FAILED;
    }
    item->fields = cli_copy("");
    const bool taken = take_members(s, item, object, line);
    cJSON_Delete(object);
    if (!taken) {
        cli_complain("%s: a text with a control character", item->where);
        return TEXT_FAILED;
    }
    if (item->text == NULL) {
        cli_complain("%s: the object has no \"text\" that is a text", item->where);
        return TEXT_FAILED;
    }
    item->length = strlen(item->text);
    return TEXT_ITEM;
}

// ---- items

static text_result next_of_lines(text_source *s, text_item *item) {
    char *line;
    size_t length;
    const text_result result = read_line(s, &line, &length);
    if (result != TEXT_ITEM) return result;
    item->where = cli_format("%s:%zu", name_of(s), s->line);
    if (is_jsonl(s) && length > 0) {
        const text_result parsed = take_object(s, item, line, length);
        if (parsed != TEXT_ITEM) return parsed;
    } else {
        item->text = copy_bytes(line, length);
        item->length = length;
        item->fields = cli_copy("");
    }
    if (item->id == NULL) item->id = cli_format("%zu", s->line);
    return TEXT_ITEM;
}

static text_result next_file(text_source *s, text_item *item) {
    cli_text text;
    if (!cli_text_read(&text, s->names[s->current])) return TEXT_FAILED;
    const char *name = name_of(s);
    *item = (text_item){.text = text.data,
                        .length = text.size,
                        .where = cli_copy(name),
                        .id = cli_json_quote(name, strlen(name), NULL),
                        .fields = cli_copy("")};
    s->done += text.size;
    s->current++;
    return TEXT_ITEM;
}

static text_result next_argument(text_source *s, text_item *item) {
    const char *text = s->names[s->current++];
    *item = (text_item){.text = cli_copy(text),
                        .length = strlen(text),
                        .where = cli_format("text %zu", s->current),
                        .id = cli_format("%zu", s->current),
                        .fields = cli_copy("")};
    s->done += item->length;
    return TEXT_ITEM;
}

static text_result next_of_any(text_source *s, text_item *item) {
    if (s->kind != NULL && strcmp(s->kind, "files") == 0) return next_file(s, item);
    if (s->kind != NULL && strcmp(s->kind, "arguments") == 0) return next_argument(s, item);
    if (s->fd < 0) {
        const text_result opened = open_next(s);
        if (opened != TEXT_ITEM) return opened;
    }
    return next_of_lines(s, item);
}

// One text, or what ends the file; *item is to be freed in any case. Empty ones may be among them.
static text_result next_checked(text_source *s, text_item *item) {
    const text_result result = next_of_any(s, item);
    if (result != TEXT_ITEM || (item->length == 0 && s->skip_empty)) return result;
    return check(s, item);
}

text_result text_source_next(text_source *source, text_item *item) {
    while (source->current < source->n_names) {
        *item = (text_item){0};
        if (cli_interrupted()) return TEXT_INTERRUPTED;
        const text_result result = next_checked(source, item);
        if (result == TEXT_ITEM && item->length > 0) return result;
        text_item_free(item);
        if (result == TEXT_END) {
            close_file(source);
        } else if (result != TEXT_ITEM) {
            return result;
        }
    }
    *item = (text_item){0};
    if (source->count > 0) return TEXT_END;
    cli_complain("%s: no texts", source->n_names > 0 ? source->names[0] : "nothing");
    return TEXT_FAILED;
}
