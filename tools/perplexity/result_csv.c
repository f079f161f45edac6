// Records as comma-separated values, by the table of names.
#include "perplexity/result_csv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/json_output.h"
#include "perplexity/result_fields.h"

// In quotes where it must be.
static void print_text(const char *text) {
    if (text == NULL) return;
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"') putchar('"');
        putchar(*c);
    }
    putchar('"');
}

static void print_field(const field *f, const void *object) {
    const void *at = (const char *)object + f->offset;
    char text[CLI_NUMBER_TEXT];
    switch (f->kind) {
    case FIELD_TEXT:
        print_text(*(char *const *)at);
        break;
    case FIELD_CHARS:
        print_text(at);
        break;
    case FIELD_SIZE:
        printf("%" PRIu64, *(const uint64_t *)at);
        break;
    case FIELD_INDEX:
        printf("%zu", *(const size_t *)at);
        break;
    case FIELD_BOOL:
        fputs(*(const bool *)at ? "true" : "false", stdout);
        break;
    case FIELD_NUMBER:
        if (isfinite(*(const double *)at)) {
            fputs(cli_double_format(text, *(const double *)at), stdout);
        }
        break;
    }
}

static void print_names(const field_group *group, const char **before) {
    for (size_t i = 0; i < group->n_fields; i++) {
        printf("%s%s", *before, group->fields[i].key);
        *before = ",";
    }
}

// The fields' values, or as many empty ones.
static void print_values(const field_group *group, const void *object, const char **before) {
    const bool present = field_group_present(group, object);
    for (size_t i = 0; i < group->n_fields; i++) {
        fputs(*before, stdout);
        if (present) print_field(&group->fields[i], object);
        *before = ",";
    }
}

static bool anywhere(const record *r, const field_group *group) {
    for (size_t i = 0; i < r->n_results; i++) {
        if (field_group_present(group, &r->results[i])) return true;
    }
    return false;
}

static void print_results(const record *r) {
    const char *before = "";
    for (size_t g = 0; g < RESULT_N_GROUPS; g++) {
        if (anywhere(r, &result_groups[g])) print_names(&result_groups[g], &before);
    }
    putchar('\n');
    for (size_t i = 0; i < r->n_results; i++) {
        before = "";
        for (size_t g = 0; g < RESULT_N_GROUPS; g++) {
            if (!anywhere(r, &result_groups[g])) continue;
            print_values(&result_groups[g], &r->results[i], &before);
        }
        putchar('\n');
    }
}

static void print_latency(const record *r) {
    bool named = false;
    for (size_t i = 0; i < r->n_results; i++) {
        const result *m = &r->results[i];
        for (size_t j = 0; j < m->n_latency; j++) {
            const char *before = ",";
            if (!named) {
                fputs("\nmodel,type", stdout);
                print_names(&latency_group, &before);
                putchar('\n');
                named = true;
            }
            print_text(m->model);
            putchar(',');
            print_text(m->type);
            print_values(&latency_group, &m->latency[j], &before);
            putchar('\n');
        }
    }
}

void result_csv_print(const record *r) {
    print_results(r);
    print_latency(r);
}
