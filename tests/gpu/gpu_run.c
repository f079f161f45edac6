// Fixtures and runs.
#include "gpu_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const gpu_fixture_names[] = {"v4", "v4-96", "v5.1",  "v5.1g", "v5.2",
                                         "v6", "v7",    "v7-v0", NULL};

static void *give_up(const char *what, const char *why) {
    printf("FAILED: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void *read_file(const char *name, const char *ending, size_t *size) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/models/%s%s", RK_TEST_DATA, name, ending);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return give_up(path, "cannot be opened");
    (void)fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*size + 1);
    if (data == NULL || fread(data, 1, *size, file) != *size)
        return give_up(path, "cannot be read");
    data[*size] = '\0';
    fclose(file);
    return data;
}

// A JSON list of small numbers.
static uint32_t *read_tokens(const char *name, size_t *n) {
    size_t size = 0;
    char *text = read_file(name, ".tokens.json", &size);
    uint32_t *tokens = calloc(size, sizeof tokens[0]);
    *n = 0;
    for (char *p = text; *p != '\0';) {
        if (*p >= '0' && *p <= '9') {
            tokens[(*n)++] = (uint32_t)strtoul(p, &p, 10);
        } else {
            p++;
        }
    }
    free(text);
    return tokens;
}

gpu_fixture gpu_fixture_read(const char *name) {
    gpu_fixture f = {.name = name};
    (void)snprintf(f.path, sizeof f.path, "%s/models/%s.pth", RK_TEST_DATA, name);
    f.tokens = read_tokens(name, &f.n_tokens);
    f.logits = read_file(name, ".logits.f32", &f.n_logits);
    f.state = read_file(name, ".state.f32", &f.n_state);
    f.n_logits /= sizeof(float);
    f.n_state /= sizeof(float);
    return f;
}

void gpu_fixture_free(gpu_fixture *fixture) {
    free(fixture->tokens);
    free(fixture->logits);
    free(fixture->state);
    *fixture = (gpu_fixture){0};
}

rk_model *gpu_open(const char *path, const char *strategy, uint64_t vram) {
    rk_model *model = NULL;
    rk_error err = {0};
    const rk_model_options options = {.strategy = strategy, .vram_bytes = vram};
    if (rk_model_open(&model, path, &options, &err) != RK_OK) give_up(strategy, err.message);
    return model;
}

static void evaluate(const gpu_fixture *f, rk_model *model, size_t chunk, gpu_result *r) {
    rk_context *context = NULL;
    rk_state *state = NULL;
    rk_error err = {0};
    const rk_model_info *info = rk_model_describe(model);
    const rk_context_options options = {.max_chunk = chunk};
    if (rk_context_new(&context, model, &options, &err) != RK_OK ||
        rk_state_new(&state, model, 1, &err) != RK_OK) {
        give_up(info->strategy, err.message);
    }
    const size_t n_vocab = info->dims.n_vocab, n_embd = info->dims.n_embd;
    for (size_t t = 0; t < f->n_tokens; t += chunk) {
        const size_t left = f->n_tokens - t;
        const rk_sequence sequence = {.tokens = f->tokens + t,
                                      .n_tokens = left < chunk ? left : chunk,
                                      .wanted = RK_LOGITS_ALL,
                                      .logits = r->values + t * n_vocab,
                                      .hidden = r->values + r->n_logits + t * n_embd};
        if (rk_eval_batch(context, state, &sequence, 1, &err) != RK_OK) {
            give_up(info->strategy, err.message);
        }
    }
    float *flat = r->values + r->n_logits + r->n_hidden;
    if (rk_state_export(state, 0, flat, info->state_floats, &err) != RK_OK) {
        give_up(info->strategy, err.message);
    }
    rk_state_free(&state);
    rk_context_free(&context);
}

gpu_result gpu_run(const gpu_fixture *fixture, const char *strategy, uint64_t vram, size_t chunk) {
    rk_model *model = gpu_open(fixture->path, strategy, vram);
    const rk_model_info *info = rk_model_describe(model);
    gpu_result r = {.n_logits = fixture->n_tokens * info->dims.n_vocab,
                    .n_hidden = fixture->n_tokens * info->dims.n_embd};
    r.n = r.n_logits + r.n_hidden + info->state_floats;
    r.values = calloc(r.n, sizeof r.values[0]);
    if (r.values == NULL) give_up(strategy, "no memory");
    evaluate(fixture, model, chunk, &r);
    rk_model_close(&model);
    return r;
}

void gpu_result_free(gpu_result *result) {
    free(result->values);
    *result = (gpu_result){0};
}

double gpu_distance(const float *a, const float *b, size_t n) {
    double worst = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double apart = fabs((double)a[i] - (double)b[i]);
        if (!(apart <= worst)) worst = isnan(apart) ? INFINITY : apart;
    }
    return worst;
}
