// Embeddings against the float64 reference: slices of its states, its logits through the head.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/checkpoint.h"
#include "rk/embed.h"
#include "support/model_fixture.h"
#include "support/scratch.h"
#include "support/small_model.h"

TestSuite(embedder, .fini = test_scratch_remove);

static const double tolerance = 1e-4;

static const char *const versions[] = {"v4", "v5.1", "v5.2", "v6", "v7"};
enum { N_VERSIONS = sizeof versions / sizeof versions[0] };

static rk_model *open_model(const char *path, const char *strategy) {
    rk_model *model = NULL;
    rk_error err = {0};
    const rk_model_options options = {.strategy = strategy};
    cr_assert_eq(rk_model_open(&model, path, &options, &err), RK_OK, "%s", err.message);
    return model;
}

static rk_embedder *new_embedder(rk_model *model, const rk_embed_options *options) {
    rk_embedder *e = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_embedder_new(&e, model, options, &err), RK_OK, "%s", err.message);
    return e;
}

// The embedding of one text. Release: free.
static float *embed(rk_model *model, const rk_embed_options *options, const uint32_t *tokens,
                    size_t n_tokens) {
    rk_embedder *e = new_embedder(model, options);
    float *out = calloc(rk_embedder_length(e), sizeof *out);
    const rk_embed_text text = {tokens, n_tokens};
    rk_error err = {0};
    cr_assert_eq(rk_embedder_run(e, &text, 1, out, NULL, &err), RK_OK, "%s", err.message);
    rk_embedder_free(&e);
    return out;
}

static void compare(const char *what, const float *found, const float *expected, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double error = fabs((double)found[i] - (double)expected[i]);
        cr_assert(error <= tolerance, "%s: value %zu is %g, not %g", what, i, (double)found[i],
                  (double)expected[i]);
    }
}

// ---- slices of the reference's state

// Where a source begins in a layer of the flat state, in rows of n_embd, and how many rows it has.
static void rows_of(rk_embed_source source, const rk_model_info *info, size_t *first, size_t *n) {
    *n = 1;
    *first = source == RK_EMBED_FFN_SHIFT ? 0 : source == RK_EMBED_ATT_SHIFT ? 1 : 2;
    if (source == RK_EMBED_BB) *first = 3;
    if (source == RK_EMBED_WKV) *n = info->dims.head_size;
}

static void check_source(const test_fixture *f, rk_model *model, rk_embed_source source) {
    const rk_model_info *info = rk_model_describe(model);
    const size_t n_embd = info->dims.n_embd, n_layer = info->dims.n_layer;
    const size_t layer_floats = f->n_state / n_layer;
    size_t first, n_rows;
    rows_of(source, info, &first, &n_rows);
    const rk_embed_options options = {.sources = &source, .n_sources = 1};
    float *found = embed(model, &options, f->tokens, f->n_tokens);
    for (size_t layer = 0; layer < n_layer; layer++) {
        const float *state = f->state + layer * layer_floats + first * n_embd;
        compare(rk_embed_source_name(source), found + layer * n_rows * n_embd, state,
                n_rows * n_embd);
    }
    free(found);
}

Test(embedder, sources_are_slices_of_the_reference_states) {
    for (size_t v = 0; v < N_VERSIONS; v++) {
        test_fixture f = test_fixture_read(versions[v], "");
        rk_model *model = open_model(f.path, "cpu fp32");
        check_source(&f, model, RK_EMBED_ATT_SHIFT);
        check_source(&f, model, RK_EMBED_FFN_SHIFT);
        if (v == 0) {
            check_source(&f, model, RK_EMBED_AA);
            check_source(&f, model, RK_EMBED_BB);
        } else {
            check_source(&f, model, RK_EMBED_WKV);
        }
        rk_model_close(&model);
        test_fixture_free(&f);
    }
}

Test(embedder, aa_over_bb_is_the_quotient_of_the_reference) {
    test_fixture f = test_fixture_read("v4", "");
    rk_model *model = open_model(f.path, "cpu fp32");
    const rk_dims dims = rk_model_describe(model)->dims;
    const rk_embed_source source = RK_EMBED_AA_OVER_BB;
    const rk_embed_options options = {.sources = &source, .n_sources = 1};
    float *found = embed(model, &options, f.tokens, f.n_tokens);
    for (size_t layer = 0; layer < dims.n_layer; layer++) {
        const float *aa = f.state + (5 * layer + 2) * dims.n_embd, *bb = aa + dims.n_embd;
        for (size_t i = 0; i < dims.n_embd; i++) {
            const double expected = (double)aa[i] / (double)bb[i];
            cr_assert_float_eq((double)found[layer * dims.n_embd + i], expected, tolerance);
        }
    }
    free(found);
    rk_model_close(&model);
    test_fixture_free(&f);
}

Test(embedder, defaults_by_version) {
    for (size_t v = 0; v < N_VERSIONS; v++) {
        test_fixture f = test_fixture_read(versions[v], "");
        rk_model *model = open_model(f.path, "cpu fp32");
        const rk_dims dims = rk_model_describe(model)->dims;
        rk_embedder *e = new_embedder(model, NULL);
        const size_t vectors = v == 0 ? 3 : dims.head_size;
        cr_assert_eq(rk_embedder_length(e), vectors * dims.n_layer * dims.n_embd);
        cr_assert_eq(rk_embedder_batch(e), 8);
        const char *about = rk_embedder_describe(e);
        char list[96];
        (void)snprintf(list, sizeof list, " source=%s layers=0..%zu",
                       v == 0 ? "att-shift,ffn-shift,aa/bb" : "wkv", dims.n_layer - 1);
        cr_assert_not_null(strstr(about, list), "%s", about);
        cr_assert_eq(strncmp(about, rk_model_describe(model)->arch_name, 6), 0, "%s", about);
        cr_assert_null(strstr(about, "pool"), "%s", about);
        rk_embedder_free(&e);
        rk_model_close(&model);
        test_fixture_free(&f);
    }
}

// ---- hidden

// The head of the checkpoint times a hidden row, in float64, against the reference's logits.
static void check_head(const test_fixture *f, const float *hidden, size_t n_embd, size_t token) {
    rk_checkpoint *checkpoint = NULL;
    rk_error err = {0};
    size_t index;
    cr_assert_eq(rk_checkpoint_open(&checkpoint, f->path, &err), RK_OK, "%s", err.message);
    cr_assert(rk_checkpoint_find(checkpoint, "head.weight", &index));
    const size_t n_vocab = f->n_logits / f->n_tokens;
    float *head = calloc(n_vocab * n_embd, sizeof *head);
    cr_assert_eq(rk_checkpoint_read_floats(checkpoint, index, 0, n_vocab, head, &err), RK_OK, "%s",
                 err.message);
    for (size_t r = 0; r < n_vocab; r++) {
        double sum = 0;
        for (size_t i = 0; i < n_embd; i++) sum += (double)head[r * n_embd + i] * (double)hidden[i];
        cr_assert_float_eq(sum, (double)f->logits[token * n_vocab + r], tolerance, "logit %zu", r);
    }
    free(head);
    rk_checkpoint_close(&checkpoint);
}

Test(embedder, hidden_is_what_the_head_makes_logits_of) {
    const rk_embed_source source = RK_EMBED_HIDDEN;
    const rk_embed_options options = {.sources = &source, .n_sources = 1};
    for (size_t v = 0; v < N_VERSIONS; v++) {
        test_fixture f = test_fixture_read(versions[v], "");
        rk_model *model = open_model(f.path, "cpu fp32");
        const size_t n_embd = rk_model_describe(model)->dims.n_embd;
        float *found = embed(model, &options, f.tokens, f.n_tokens);
        check_head(&f, found, n_embd, f.n_tokens - 1);
        free(found);
        rk_model_close(&model);
        test_fixture_free(&f);
    }
}

Test(embedder, the_mean_is_that_of_all_tokens) {
    test_fixture f = test_fixture_read("v6", "");
    rk_model *model = open_model(f.path, "cpu fp32");
    const size_t n_embd = rk_model_describe(model)->dims.n_embd;
    const rk_embed_source source = RK_EMBED_HIDDEN;
    const rk_embed_options last = {.sources = &source, .n_sources = 1};
    const rk_embed_options mean = {.sources = &source, .n_sources = 1, .pooling = RK_EMBED_MEAN};
    double *sums = calloc(n_embd, sizeof *sums);
    for (size_t n = 1; n <= f.n_tokens; n++) {
        float *row = embed(model, &last, f.tokens, n);
        for (size_t i = 0; i < n_embd; i++) sums[i] += (double)row[i];
        free(row);
    }
    float *found = embed(model, &mean, f.tokens, f.n_tokens);
    for (size_t i = 0; i < n_embd; i++) {
        cr_assert_float_eq((double)found[i], sums[i] / (double)f.n_tokens, 1e-6);
    }
    free(found);
    free(sums);
    rk_model_close(&model);
    test_fixture_free(&f);
}

// ---- what is computed together

static const rk_embed_source four[] = {RK_EMBED_ATT_SHIFT, RK_EMBED_WKV, RK_EMBED_HIDDEN,
                                       RK_EMBED_COUNTS};

// Texts of many lengths, some longer than a window.
enum { N_TEXTS = 21, LONGEST = 1500 };
static uint32_t made_up[LONGEST];

static void make_texts(rk_embed_text texts[N_TEXTS], size_t n_vocab) {
    for (size_t i = 0; i < LONGEST; i++) made_up[i] = (uint32_t)(i * i * 7 + i) % (uint32_t)n_vocab;
    for (size_t i = 0; i < N_TEXTS; i++) {
        const size_t n = i == 5 ? LONGEST - 20 : i % 4 == 3 ? 1 : 20 + 37 * i % 300;
        texts[i] = (rk_embed_text){made_up + i % 20, n};
    }
}

static float *embed_texts(rk_model *model, size_t batch, rk_embed_pooling pooling, size_t threads,
                          size_t *n) {
    rk_pool *pool = NULL;
    const rk_pool_options pool_options = {.n_threads = threads};
    cr_assert_eq(rk_pool_new(&pool, &pool_options, NULL), RK_OK);
    const bool is_four = rk_model_describe(model)->arch == RK_ARCH_RWKV4;
    rk_embed_source sources[4];
    memcpy(sources, four, sizeof sources);
    if (is_four) sources[1] = RK_EMBED_AA_OVER_BB;
    const rk_embed_options options = {.sources = sources,
                                      .n_sources = 4,
                                      .layers = "0,-1",
                                      .pooling = pooling,
                                      .batch = batch,
                                      .pool = pool};
    rk_embedder *e = new_embedder(model, &options);
    rk_embed_text texts[N_TEXTS];
    make_texts(texts, rk_model_describe(model)->dims.n_vocab);
    *n = rk_embedder_length(e) * N_TEXTS;
    float *out = calloc(*n, sizeof *out);
    rk_error err = {0};
    cr_assert_eq(rk_embedder_run(e, texts, N_TEXTS, out, NULL, &err), RK_OK, "%s", err.message);
    rk_embedder_free(&e);
    rk_pool_free(&pool);
    return out;
}

Test(embedder, batches_of_one_and_of_eight_agree_bit_for_bit) {
    static const char *const strategies[] = {"cpu fp32", "cpu fp16", "cpu Q4_0"};
    for (size_t v = 0; v < N_VERSIONS; v++) {
        test_fixture f = test_fixture_read(versions[v], "");
        for (size_t s = 0; s < sizeof strategies / sizeof strategies[0]; s++) {
            rk_model *model = open_model(f.path, strategies[s]);
            size_t n;
            float *one = embed_texts(model, 1, RK_EMBED_MEAN, 1, &n);
            float *eight = embed_texts(model, 8, RK_EMBED_MEAN, 1, &n);
            float *threads = embed_texts(model, 5, RK_EMBED_MEAN, 2, &n);
            cr_assert_eq(memcmp(one, eight, n * sizeof *one), 0, "%s %s", versions[v],
                         strategies[s]);
            cr_assert_eq(memcmp(one, threads, n * sizeof *one), 0, "%s %s", versions[v],
                         strategies[s]);
            free(one);
            free(eight);
            free(threads);
            rk_model_close(&model);
        }
        test_fixture_free(&f);
    }
}

Test(embedder, last_tokens_of_a_batch_are_those_of_each_text) {
    test_fixture f = test_fixture_read("v7", "");
    rk_model *model = open_model(f.path, "cpu fp32");
    const rk_embed_source source = RK_EMBED_HIDDEN;
    const rk_embed_options options = {.sources = &source, .n_sources = 1, .batch = 4};
    rk_embedder *e = new_embedder(model, &options);
    const size_t n = rk_embedder_length(e);
    rk_embed_text texts[N_TEXTS];
    make_texts(texts, rk_model_describe(model)->dims.n_vocab);
    float *all = calloc(n * N_TEXTS, sizeof *all), *one = calloc(n, sizeof *one);
    cr_assert_eq(rk_embedder_run(e, texts, N_TEXTS, all, NULL, NULL), RK_OK);
    for (size_t i = 0; i < N_TEXTS; i++) {
        cr_assert_eq(rk_embedder_run(e, &texts[i], 1, one, NULL, NULL), RK_OK);
        cr_assert_eq(memcmp(all + i * n, one, n * sizeof *one), 0, "text %zu", i);
    }
    free(all);
    free(one);
    rk_embedder_free(&e);
    rk_model_close(&model);
    test_fixture_free(&f);
}

// ---- the layout

Test(embedder, layers_and_sources_in_their_order) {
    test_fixture f = test_fixture_read("v4", "");
    rk_model *model = open_model(f.path, "cpu fp32");
    const rk_dims dims = rk_model_describe(model)->dims;
    const size_t n = dims.n_embd;
    // What there is once stands behind the layers, whatever the order.
    static const rk_embed_source sources[] = {RK_EMBED_COUNTS, RK_EMBED_AA_OVER_BB, RK_EMBED_HIDDEN,
                                              RK_EMBED_ATT_SHIFT};
    const rk_embed_options all = {.sources = sources, .n_sources = 4};
    const rk_embed_options some = {.sources = sources, .n_sources = 4, .layers = "-1"};
    float *a = embed(model, &all, f.tokens, f.n_tokens);
    float *b = embed(model, &some, f.tokens, f.n_tokens);
    float *counts =
        embed(model, &(rk_embed_options){.sources = sources, .n_sources = 1}, f.tokens, f.n_tokens);
    float *quotient = embed(model, &(rk_embed_options){.sources = sources + 1, .n_sources = 1},
                            f.tokens, f.n_tokens);
    float *shift = embed(model, &(rk_embed_options){.sources = sources + 3, .n_sources = 1},
                         f.tokens, f.n_tokens);
    for (size_t layer = 0; layer < dims.n_layer; layer++) {
        cr_assert_eq(memcmp(a + 2 * layer * n, quotient + layer * n, n * sizeof *a), 0);
        cr_assert_eq(memcmp(a + (2 * layer + 1) * n, shift + layer * n, n * sizeof *a), 0);
    }
    cr_assert_eq(memcmp(a + 2 * dims.n_layer * n, counts, dims.n_vocab * sizeof *a), 0);
    cr_assert_eq(memcmp(b, a + 2 * (dims.n_layer - 1) * n, (2 * n + dims.n_vocab + n) * sizeof *a),
                 0);
    free(a);
    free(b);
    free(counts);
    free(quotient);
    free(shift);
    rk_model_close(&model);
    test_fixture_free(&f);
}

Test(embedder, counts_are_shares_of_tokens) {
    test_fixture f = test_fixture_read("v4", "");
    rk_model *model = open_model(f.path, "cpu fp32");
    const rk_embed_source source = RK_EMBED_COUNTS;
    static const uint32_t tokens[] = {3, 1, 3, 3};
    float *found = embed(model, &(rk_embed_options){.sources = &source, .n_sources = 1}, tokens, 4);
    cr_assert_eq(found[3], 0.75F);
    cr_assert_eq(found[1], 0.25F);
    cr_assert_eq(found[0], 0);
    free(found);
    rk_model_close(&model);
    test_fixture_free(&f);
}

Test(embedder, vectors_of_a_state_made_otherwise) {
    test_fixture f = test_fixture_read("v7", "");
    rk_model *model = open_model(f.path, "cpu fp32");
    const rk_embed_source source = RK_EMBED_WKV;
    rk_embedder *e =
        new_embedder(model, &(rk_embed_options){.sources = &source, .n_sources = 1, .layers = "1"});
    rk_state *state = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_state_new(&state, model, 2, &err), RK_OK);
    cr_assert_eq(rk_state_import(state, 1, f.state, f.n_state, &err), RK_OK, "%s", err.message);
    float *found = calloc(rk_embedder_length(e), sizeof *found);
    cr_assert_eq(rk_embedder_take(e, state, 1, found, &err), RK_OK, "%s", err.message);
    const size_t n_embd = rk_model_describe(model)->dims.n_embd;
    const size_t n_layer = rk_model_describe(model)->dims.n_layer;
    const float *expected = f.state + f.n_state / n_layer + 2 * n_embd;
    cr_assert_eq(memcmp(found, expected, rk_embedder_length(e) * sizeof *found), 0);

    rk_model *other = open_model(f.path, "cpu fp32");
    rk_state *foreign = NULL;
    cr_assert_eq(rk_state_new(&foreign, other, 1, &err), RK_OK);
    cr_assert_eq(rk_embedder_take(e, foreign, 0, found, &err), RK_ERR_MISMATCH);
    rk_embedder_free(&e);
    const rk_embed_source hidden = RK_EMBED_HIDDEN;
    e = new_embedder(model, &(rk_embed_options){.sources = &hidden, .n_sources = 1});
    cr_assert_eq(rk_embedder_take(e, state, 0, found, &err), RK_ERR_UNSUPPORTED);
    free(found);
    rk_embedder_free(&e);
    rk_state_free(&state);
    rk_state_free(&foreign);
    rk_model_close(&model);
    rk_model_close(&other);
    test_fixture_free(&f);
}

// ---- what is refused

static rk_status try_sources(const char *name, const rk_embed_source *sources, size_t n,
                             const char *layers, rk_error *err) {
    test_fixture f = test_fixture_read(name, "");
    rk_model *model = open_model(f.path, "cpu fp32");
    rk_embedder *e = (rk_embedder *)&f;
    const rk_embed_options options = {.sources = sources, .n_sources = n, .layers = layers};
    const rk_status status = rk_embedder_new(&e, model, &options, err);
    cr_assert_eq(e == NULL, status != RK_OK);
    rk_embedder_free(&e);
    rk_model_close(&model);
    test_fixture_free(&f);
    return status;
}

Test(embedder, what_cannot_be_taken_is_refused) {
    rk_error err = {0};
    static const rk_embed_source twice[] = {RK_EMBED_HIDDEN, RK_EMBED_HIDDEN};
    static const rk_embed_source wkv[] = {RK_EMBED_WKV}, aa[] = {RK_EMBED_AA};
    static const rk_embed_source none[] = {RK_EMBED_SOURCE_COUNT};
    cr_assert_eq(try_sources("v4", wkv, 1, NULL, &err), RK_ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(err.message, "wkv"), "%s", err.message);
    cr_assert_eq(try_sources("v7", aa, 1, NULL, &err), RK_ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(err.message, "RWKV-7"), "%s", err.message);
    cr_assert_eq(try_sources("v7", twice, 2, NULL, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(try_sources("v7", none, 1, NULL, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(try_sources("v7", twice, 0, NULL, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(try_sources("v7", NULL, 0, "0,9", &err), RK_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.message, "'9'"), "%s", err.message);
    cr_assert_eq(try_sources("v7", NULL, 0, "0..1", &err), RK_OK);
}

static bool refuse(void *user, uint64_t done, uint64_t total) {
    uint64_t *calls = user;
    cr_assert(done <= total);
    return ++*calls < 2;
}

Test(embedder, bad_texts_and_interruptions) {
    test_fixture f = test_fixture_read("v4", "");
    rk_model *model = open_model(f.path, "cpu fp32");
    rk_embedder *e = new_embedder(model, NULL);
    float *out = calloc(2 * rk_embedder_length(e), sizeof *out);
    rk_error err = {0};
    const rk_embed_text empty[] = {{f.tokens, 3}, {f.tokens, 0}};
    cr_assert_eq(rk_embedder_run(e, empty, 2, out, NULL, &err), RK_ERR_ARGUMENT);
    static const uint32_t beyond[] = {0, 100000};
    const rk_embed_text wrong = {beyond, 2};
    cr_assert_eq(rk_embedder_run(e, &wrong, 1, out, NULL, &err), RK_ERR_RANGE);
    rk_embed_text texts[N_TEXTS];
    make_texts(texts, rk_model_describe(model)->dims.n_vocab);
    uint64_t calls = 0;
    const rk_progress progress = {.report = refuse, .user = &calls};
    cr_assert_eq(rk_embedder_run(e, &texts[5], 1, out, &progress, &err), RK_ERR_CANCELLED);
    cr_assert_eq(calls, 2);
    // Nothing of it is left behind.
    float *again = embed(model, NULL, f.tokens, f.n_tokens);
    const rk_embed_text text = {f.tokens, f.n_tokens};
    cr_assert_eq(rk_embedder_run(e, &text, 1, out, NULL, &err), RK_OK);
    cr_assert_eq(memcmp(out, again, rk_embedder_length(e) * sizeof *out), 0);
    free(again);
    free(out);
    rk_embedder_free(&e);
    rk_model_close(&model);
    test_fixture_free(&f);
}

Test(embedder, a_model_that_overflows_is_noticed) {
    const char *path = test_scratch_path("small.pth");
    const test_small_model sizes = {
        .n_vocab = 11, .n_embd = 8, .n_layer = 2, .n_ffn = 16, .seed = 1};
    test_small_tensors tensors = test_small_model_new(&sizes);
    float *weight = test_small_model_find(&tensors, "blocks.0.ln1.weight");
    for (size_t i = 0; i < 8; i++) weight[i] = 3e38F;
    cr_assert(test_pth_write(path, tensors.tensors, tensors.count));
    test_small_model_free(&tensors);
    rk_model *model = open_model(path, "cpu fp32");
    static const uint32_t tokens[] = {1, 2, 3};
    float *found = embed(model, NULL, tokens, 3);
    rk_error err = {0};
    cr_assert_eq(rk_embedding_check(found, 2 * 3 * 8, &err), RK_ERR_RANGE);
    cr_assert_not_null(strstr(err.message, "value "), "%s", err.message);
    const float fine[] = {0, -1, 3e38F};
    cr_assert_eq(rk_embedding_check(fine, 3, &err), RK_OK);
    free(found);
    rk_model_close(&model);
}

Test(embedder, names_of_sources) {
    static const char *const names[RK_EMBED_SOURCE_COUNT] = {
        "att-shift", "ffn-shift", "aa", "bb", "aa/bb", "wkv", "hidden", "counts"};
    for (size_t i = 0; i < RK_EMBED_SOURCE_COUNT; i++) {
        cr_assert_str_eq(rk_embed_source_name((rk_embed_source)i), names[i]);
        rk_embed_source read = RK_EMBED_SOURCE_COUNT;
        cr_assert(rk_embed_source_parse(&read, names[i], strlen(names[i])));
        cr_assert_eq(read, i);
    }
    rk_embed_source read = RK_EMBED_BB;
    cr_assert(rk_embed_source_parse(&read, "aa,bb", 2), "a part of a list");
    cr_assert_eq(read, RK_EMBED_AA);
    static const char *const wrong[] = {"", "a", "aab", "AA", "aa/", "pp", "att-shift ", "xx"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_assert_not(rk_embed_source_parse(&read, wrong[i], strlen(wrong[i])), "%s", wrong[i]);
    }
    cr_assert_eq(read, RK_EMBED_AA);
}
