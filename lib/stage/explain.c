// Tables and lines about stages.
#include "stage/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Text that is cut where there is no more room.
typedef struct writer {
    char *text;
    size_t size, length;
} writer;

__attribute__((format(printf, 2, 3))) static void add(writer *w, const char *format, ...) {
    if (w->length + 1 >= w->size) return;
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(w->text + w->length, w->size - w->length, format, arguments);
    va_end(arguments);
    if (n > 0) w->length += (size_t)n;
    if (w->length >= w->size) w->length = w->size - 1;
}

enum { CELL = 48 };

// "0-19", "7", "20-23, head", "0-9, streamed 10-23".
static void name_layers(char cell[CELL], const rk__placed *stage) {
    writer w = {.text = cell, .size = CELL};
    const size_t first = stage->first_layer, last = first + stage->n_layers - 1;
    const size_t first_streamed = first + stage->n_resident;
    cell[0] = '\0';
    if (stage->n_resident == 1) add(&w, "%zu", first);
    if (stage->n_resident > 1) add(&w, "%zu-%zu", first, first_streamed - 1);
    if (stage->n_resident < stage->n_layers) {
        add(&w, "%sstreamed %zu-%zu", stage->n_resident == 0 ? "" : ", ", first_streamed, last);
    }
    if (stage->has_head) add(&w, "%shead", stage->n_layers == 0 ? "" : ", ");
}

static double mib(uint64_t bytes) {
    return (double)bytes / (1024.0 * 1024.0);
}

char *rk__explain_table(char text[RK__EXPLANATION], const rk__explained_stage *stages,
                        size_t n_stages, const char *note) {
    writer w = {.text = text, .size = RK__EXPLANATION};
    text[0] = '\0';
    if (note != NULL) add(&w, "%s\n", note);
    add(&w, "%-28s %-8s %-6s %10s\n", "layers", "device", "type", "MiB");
    for (size_t i = 0; i < n_stages; i++) {
        const rk__placed *stage = stages[i].placed;
        char layers[CELL], device[RK__DEVICE_TEXT];
        name_layers(layers, stage);
        add(&w, "%-28s %-8s %-6s %10.1f\n", layers, rk__device_name(device, stage->device),
            rk_dtype_describe(stages[i].dtype)->name, mib(stage->device_bytes));
        if (stage->host_bytes > 0) {
            add(&w, "%-28s %-8s %-6s %10.1f\n", "  waiting to be streamed", "host", "",
                mib(stage->host_bytes));
        }
    }
    return text;
}

char *rk__explain_line(char *text, size_t size, const rk__explained_stage *stages,
                       size_t n_stages) {
    writer w = {.text = text, .size = size};
    text[0] = '\0';
    for (size_t i = 0; i < n_stages; i++) {
        const rk__placed *stage = stages[i].placed;
        char device[RK__DEVICE_TEXT];
        add(&w, "%s%s %s", i == 0 ? "" : " -> ", rk__device_name(device, stage->device),
            rk_dtype_describe(stages[i].dtype)->name);
        const bool streams = stage->n_resident < stage->n_layers;
        if (streams) add(&w, " *%zu+", stage->n_resident);
        if (!streams && i + 1 < n_stages) add(&w, " *%zu", stage->n_layers);
    }
    return text;
}
