// Probe files: JSON, one object (docs/formats.md).
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "checkpoint/json_document.h"
#include "eval/probe_internal.h"

enum { SCHEMA = 1 };
static const char kind[] = "ridge";

// ---- writing

// The file under construction; the first failure sticks.
typedef struct writer {
    rk__output *output;
    rk_status status;
    rk_error *err;
} writer;

static void put(writer *w, const char *text, size_t n) {
    if (w->status == RK_OK) w->status = rk__output_write(w->output, text, n, w->err);
}

static void put_text(writer *w, const char *text) {
    put(w, text, strlen(text));
}

// 9 digits, which read back as the same float. A host program may have set a locale with another
// decimal point.
static void put_number(writer *w, double value) {
    char text[48], clean[48];
    const int n = snprintf(text, sizeof text, "%.9g", value);
    size_t used = 0;
    for (int i = 0; i < n; i++) {
        if (strchr("0123456789+-e", text[i]) != NULL) {
            clean[used++] = text[i];
        } else if (used == 0 || clean[used - 1] != '.') {
            clean[used++] = '.';
        }
    }
    put(w, clean, used);
}

static void put_string(writer *w, const char *string) {
    put_text(w, "\"");
    for (const char *at = string; *at != '\0'; at++) {
        char escape[8];
        if (*at == '"' || *at == '\\') {
            snprintf(escape, sizeof escape, "\\%c", *at);
            put_text(w, escape);
        } else if ((unsigned char)*at < 0x20) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)*at);
            put_text(w, escape);
        } else {
            put(w, at, 1);
        }
    }
    put_text(w, "\"");
}

static void put_key(writer *w, const char *name) {
    put_text(w, ",\n  \"");
    put_text(w, name);
    put_text(w, "\": ");
}

static void put_count(writer *w, const char *name, size_t value) {
    char text[24];
    snprintf(text, sizeof text, "%zu", value);
    put_key(w, name);
    put_text(w, text);
}

static void put_field(writer *w, const char *name, double value) {
    put_key(w, name);
    put_number(w, value);
}

static void put_weights(writer *w, const rk_probe *p) {
    put_key(w, "bias");
    for (size_t t = 0; t < p->n_targets; t++) {
        put_text(w, t == 0 ? "[" : ", ");
        put_number(w, p->bias[t]);
    }
    put_text(w, "]");
    put_key(w, "weights");
    for (size_t t = 0; t < p->n_targets; t++) {
        put_text(w, t == 0 ? "[\n    " : ",\n    ");
        for (size_t i = 0; i < p->n_columns; i++) {
            put_text(w, i == 0 ? "[" : ", ");
            put_number(w, (double)p->weights[t * p->n_columns + i]);
        }
        put_text(w, "]");
    }
    put_text(w, "\n  ]");
}

static void put_probe(writer *w, const rk_probe *p, const char *key) {
    put_text(w, "{\n  \"schema\": 1,\n  \"kind\": \"");
    put_text(w, kind);
    put_text(w, "\"");
    put_key(w, "vectors");
    put_string(w, key);
    put_count(w, "columns", p->n_columns);
    put_count(w, "rows", p->quality.n_rows);
    put_field(w, "accuracy", p->quality.accuracy);
    put_field(w, "standard_error", p->quality.standard_error);
    put_field(w, "most_common", p->quality.most_common);
    put_field(w, "strength", p->quality.strength);
    put_key(w, "classes");
    for (size_t i = 0; i < p->n_classes; i++) {
        put_text(w, i == 0 ? "[" : ", ");
        put_string(w, p->classes[i]);
    }
    put_text(w, "]");
    put_weights(w, p);
    put_text(w, "\n}\n");
}

static bool is_utf8(const char *text) {
    for (size_t left = strlen(text); left > 0;) {
        uint32_t code;
        const size_t n = rk__utf8_decode(&code, text, left);
        if (n == 0) return false;
        text += n;
        left -= n;
    }
    return true;
}

// What could not be read back is not written.
static rk_status check_probe(const rk_probe *p, const char *path, rk_error *err) {
    if (p->n_columns > RK_PROBE_MOST_WEIGHTS / p->n_targets) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: a probe of %zu columns and %zu classes; a file holds %d weights", path,
                        p->n_columns, p->n_classes, RK_PROBE_MOST_WEIGHTS);
    }
    for (size_t i = 0; i < p->n_columns * p->n_targets; i++) {
        if (isfinite(p->weights[i])) continue;
        return rk__fail(err, RK_ERR_RANGE, "%s: weight %zu of the probe is %g", path, i,
                        (double)p->weights[i]);
    }
    for (size_t i = 0; i < p->n_classes; i++) {
        if (is_utf8(p->classes[i])) continue;
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: the name of class %zu is no UTF-8", path, i);
    }
    return RK_OK;
}

rk_status rk_probe_save(const rk_probe *probe, const char *key, const char *path, rk_error *err) {
    RK_TRY(check_probe(probe, path, err));
    writer w = {.err = err};
    RK_TRY(rk__output_open(&w.output, path, err));
    put_probe(&w, probe, key);
    if (w.status == RK_OK) return rk__output_commit(&w.output, true, err);
    rk__output_abort(&w.output);
    return w.status;
}

// ---- reading

typedef struct reader {
    const cJSON *document;
    const char *path;
    rk_error *err;
} reader;

static rk_status fail_field(const reader *r, const char *name, const char *expected) {
    return rk__fail(r->err, RK_ERR_FORMAT, "%s: \"%s\" is not %s", r->path, name, expected);
}

static rk_status read_count(const reader *r, const char *name, size_t *out) {
    uint64_t value;
    if (!rk__json_count(rk__json_only(r->document, name), &value)) {
        return fail_field(r, name, "a whole number");
    }
    *out = (size_t)value;
    return RK_OK;
}

static rk_status read_share(const reader *r, const char *name, double most, double *out) {
    const cJSON *value = rk__json_only(r->document, name);
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0 && value->valuedouble <= most)) {
        return fail_field(r, name, "a number in its range");
    }
    *out = value->valuedouble;
    return RK_OK;
}

static rk_status read_text(const reader *r, const char *name, const char **out) {
    *out = cJSON_GetStringValue(rk__json_only(r->document, name));
    return *out != NULL ? RK_OK : fail_field(r, name, "a text");
}

static rk_status read_quality(const reader *r, rk_probe_report *q) {
    RK_TRY(read_count(r, "rows", &q->n_rows));
    RK_TRY(read_share(r, "accuracy", 1, &q->accuracy));
    RK_TRY(read_share(r, "standard_error", 1, &q->standard_error));
    RK_TRY(read_share(r, "most_common", 1, &q->most_common));
    return read_share(r, "strength", 1e30, &q->strength);
}

// Reads exactly n finite floats.
static bool read_floats(const cJSON *array, size_t n, float *floats, double *doubles) {
    if (!cJSON_IsArray(array)) return false;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        if (i == n || !cJSON_IsNumber(item) || !isfinite((float)item->valuedouble)) return false;
        if (floats != NULL) floats[i] = (float)item->valuedouble;
        if (doubles != NULL) doubles[i] = item->valuedouble;
        i++;
    }
    return i == n;
}

static rk_status read_weights(const reader *r, rk_probe *p) {
    if (!read_floats(rk__json_only(r->document, "bias"), p->n_targets, NULL, p->bias)) {
        return fail_field(r, "bias", "a list with a number for each target");
    }
    const cJSON *rows = rk__json_only(r->document, "weights"), *row;
    size_t t = 0;
    cJSON_ArrayForEach(row, rows) {
        if (t == p->n_targets ||
            !read_floats(row, p->n_columns, p->weights + t * p->n_columns, NULL)) {
            return fail_field(r, "weights", "a list of numbers for each target");
        }
        t++;
    }
    return t == p->n_targets ? RK_OK : fail_field(r, "weights", "a list for each target");
}

static rk_status read_classes(const reader *r, const char ***out, size_t *n_classes) {
    const cJSON *classes = rk__json_only(r->document, "classes"), *item;
    const size_t n = cJSON_IsArray(classes) ? (size_t)cJSON_GetArraySize(classes) : 0;
    if (n < 2) return fail_field(r, "classes", "a list of at least two texts");
    const char **texts = NULL;
    RK_TRY(rk__alloc((void **)&texts, n, sizeof *texts, r->err));
    size_t i = 0;
    rk_status status = RK_OK;
    cJSON_ArrayForEach(item, classes) {
        texts[i] = cJSON_GetStringValue(item);
        if (texts[i++] == NULL) status = fail_field(r, "classes", "a list of texts");
    }
    if (status != RK_OK) {
        rk__free(texts);
        return status;
    }
    *out = texts;
    *n_classes = n;
    return RK_OK;
}

// Is it a probe's file, and of these vectors?
static rk_status check_vectors(const reader *r, const char *key, size_t n_columns) {
    size_t schema = 0, columns = 0;
    const char *found_kind = "", *vectors = "";
    RK_TRY(read_count(r, "schema", &schema));
    RK_TRY(read_text(r, "kind", &found_kind));
    if (schema != SCHEMA || strcmp(found_kind, kind) != 0) {
        return rk__fail(r->err, RK_ERR_UNSUPPORTED,
                        "%s: a probe of kind '%.40s', schema %zu; '%s', schema %d is read", r->path,
                        found_kind, schema, kind, SCHEMA);
    }
    RK_TRY(read_text(r, "vectors", &vectors));
    RK_TRY(read_count(r, "columns", &columns));
    if (strcmp(vectors, key) != 0) {
        return rk__fail(r->err, RK_ERR_MISMATCH, "%s: a probe for '%.160s'; these are '%.160s'",
                        r->path, vectors, key);
    }
    if (columns == n_columns) return RK_OK;
    return rk__fail(r->err, RK_ERR_MISMATCH, "%s: a probe for %zu columns; these are %zu", r->path,
                    columns, n_columns);
}

static rk_status read_probe(rk_probe **out, const reader *r, const char *key, size_t n_columns) {
    const char **classes = NULL;
    size_t n_classes = 0;
    RK_TRY(check_vectors(r, key, n_columns));
    RK_TRY(read_classes(r, &classes, &n_classes));
    rk_status status = RK_OK;
    // No file can hold more, so nothing large is allocated in vain.
    if (n_columns > RK_PROBE_MOST_WEIGHTS / rk__probe_targets(n_classes)) {
        status = fail_field(r, "columns", "as many as a file can hold");
    }
    if (status == RK_OK) status = rk__probe_new(out, n_columns, classes, n_classes, r->err);
    if (status == RK_OK) status = read_quality(r, &(*out)->quality);
    if (status == RK_OK) status = read_weights(r, *out);
    rk__free(classes);
    return status;
}

rk_status rk_probe_open(rk_probe **out, const char *path, const char *key, size_t n_columns,
                        rk_error *err) {
    rk__file file;
    cJSON *document = NULL;
    *out = NULL;
    RK_TRY(rk__file_open(&file, path, err));
    rk_status status = rk__json_read(&document, &file, 0, file.size, "probe", err);
    const reader r = {.document = document, .path = path, .err = err};
    if (status == RK_OK) status = read_probe(out, &r, key, n_columns);
    if (status != RK_OK) rk_probe_free(out);
    cJSON_Delete(document);
    rk__file_close(&file);
    return status;
}
