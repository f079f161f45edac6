// Reading tasks.
#include "perplexity/task_items.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "perplexity/json_lines.h"

// A copy of the first `length` bytes.
static char *copy_part(const char *text, size_t length) {
    return cli_format("%.*s", (int)length, text);
}

static int complain(const json_lines *lines, const char *what) {
    cli_complain("%s: line %zu: %s", lines->text->name, lines->number, what);
    return CLI_EXIT_FAILED;
}

// ---- LAMBADA

static size_t trimmed_length(const char *text) {
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL) n--;
    return n;
}

static int read_lambada(task_item *item, const json_lines *lines, const cJSON *object) {
    const char *text;
    if (!json_lines_text(lines, object, "text", &text)) return CLI_EXIT_FAILED;
    const size_t length = trimmed_length(text);
    if (length > INT32_MAX) return complain(lines, "a text of more than 2 GB");
    const char *blank = memrchr(text, ' ', length);
    if (blank == NULL || blank == text) return complain(lines, "a text without a last word");
    item->context = copy_part(text, (size_t)(blank - text));
    item->endings = cli_allocate(1, sizeof *item->endings);
    item->endings[item->n_endings++] = copy_part(blank, length - (size_t)(blank - text));
    return CLI_EXIT_DONE;
}

// ---- multiple choice

static int read_label(task_item *item, const json_lines *lines, const cJSON *object) {
    const cJSON *label = cJSON_GetObjectItemCaseSensitive(object, "label");
    if (!cJSON_IsNumber(label) || !(label->valuedouble >= 0) ||
        !(label->valuedouble < (double)item->n_endings) ||
        label->valuedouble != floor(label->valuedouble)) {
        return complain(lines, "\"label\" is not the number of a choice, from 0");
    }
    item->label = (size_t)label->valuedouble;
    return CLI_EXIT_DONE;
}

// Blanks at the end of the context belong to the choices: tokens begin with them.
static int read_choices(task_item *item, const json_lines *lines, const cJSON *object) {
    const char *context;
    if (!json_lines_text(lines, object, "context", &context)) return CLI_EXIT_FAILED;
    const cJSON *choices = cJSON_GetObjectItemCaseSensitive(object, "choices"), *choice;
    if (cJSON_GetArraySize(choices) < 2) return complain(lines, "\"choices\" are not 2 or more");
    const size_t length = trimmed_length(context);
    if (strlen(context) > INT32_MAX) return complain(lines, "a text of more than 2 GB");
    item->context = copy_part(context, length);
    item->endings = cli_allocate((size_t)cJSON_GetArraySize(choices), sizeof *item->endings);
    cJSON_ArrayForEach(choice, choices) {
        if (!cJSON_IsString(choice) || choice->valuestring[0] == '\0') {
            return complain(lines, "a choice that is no text, or an empty one");
        }
        item->endings[item->n_endings++] =
            cli_format("%s%s", context + length, choice->valuestring);
    }
    return read_label(item, lines, object);
}

// ---- files

static int read_items(task_items *out, const cli_text *text, size_t limit) {
    json_lines lines = {.text = text};
    int code = CLI_EXIT_DONE;
    while (code == CLI_EXIT_DONE && (limit == 0 || out->n_items < limit)) {
        cJSON *object;
        if (!json_lines_next(&lines, &object)) return CLI_EXIT_FAILED;
        if (object == NULL) break;
        out->items = cli_reallocate(out->items, out->n_items + 1, sizeof *out->items);
        task_item *item = &out->items[out->n_items++];
        *item = (task_item){0};
        code = out->is_choice ? read_choices(item, &lines, object)
                              : read_lambada(item, &lines, object);
        cJSON_Delete(object);
    }
    if (code == CLI_EXIT_DONE && out->n_items == 0) {
        cli_complain("%s: no items", text->name);
        code = CLI_EXIT_FAILED;
    }
    return code;
}

int task_items_read(task_items *out, const char *path, const char *kind, size_t limit) {
    *out = (task_items){.is_choice = strcmp(kind, "choice") == 0};
    cli_text text;
    if (!cli_text_read(&text, path)) return CLI_EXIT_FAILED;
    out->name = text.name;
    out->bytes = text.size;
    cli_sha256_bytes(out->sha256, text.data, text.size);
    const int code = read_items(out, &text, limit);
    cli_text_free(&text);
    return code;
}

void task_items_free(task_items *items) {
    for (size_t i = 0; i < items->n_items; i++) {
        task_item *item = &items->items[i];
        for (size_t e = 0; e < item->n_endings; e++) free(item->endings[e]);
        free(item->endings);
        free(item->context);
    }
    free(items->items);
    *items = (task_items){0};
}

char *task_items_describe(const task_items *items, const perplexity_settings *s) {
    char *bos =
        s->protocol.bos != SIZE_MAX ? cli_format(" and token %zu", s->protocol.bos) : cli_copy("");
    char *first = s->protocol.chunks != 0
                      ? cli_format("; the first %zu items alone", s->protocol.chunks)
                      : cli_copy("");
    char *text = cli_format("%s, each from the empty state%s; %s%s",
                            items->is_choice ? "multiple choice" : "LAMBADA", bos,
                            items->is_choice ? "the most probable choice counts"
                                             : "every token of the last word must be the most "
                                               "probable one",
                            first);
    free(bos);
    free(first);
    return text;
}
