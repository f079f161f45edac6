// Records' memory.
#include "perplexity/result_record.h"

#include <stdlib.h>

#include "cli/allocate.h"

result *record_add(record *r) {
    r->results = cli_reallocate(r->results, r->n_results + 1, sizeof *r->results);
    r->results[r->n_results] = (result){0};
    return &r->results[r->n_results++];
}

void result_clear(result *r) {
    free(r->model);
    free(r->requested);
    free(r->strategy);
    free(r->positions);
    free(r->latency);
    *r = (result){0};
}

void record_free(record *r) {
    for (size_t i = 0; i < r->n_results; i++) result_clear(&r->results[i]);
    free(r->results);
    free(r->build);
    free(r->text);
    free(r->text_kind);
    free(r->protocol);
    free(r->base);
    free(r->base_type);
    *r = (record){0};
}
