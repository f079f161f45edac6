// What adapters say about themselves: alpha and rank in their metadata, and peft's configuration.
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter_files.h"
#include "support/scratch.h"
#include "support/small_model.h"

enum { WIDTH = 64, RANK = 4 };
static const test_small_model tiny = {
    .n_vocab = 96, .n_embd = WIDTH, .n_layer = 2, .n_ffn = 128, .seed = 3};
static const char target[] = "blocks.1.att.value.weight";
static float a[RANK * WIDTH], b[WIDTH * RANK];
static rk_error last_error;

static void make_model(void) {
    cr_assert(test_small_model_write(test_scratch_path("model.pth"), &tiny));
    test_fill(a, RANK * WIDTH, 0.5F, 1);
    test_fill(b, WIDTH * RANK, 0.5F, 2);
}

TestSuite(adapter_about, .init = make_model, .fini = test_scratch_remove);

static void write_adapter(const char *path, const char *metadata) {
    const test_pth_tensor pair[] = {{"base_model.model.blocks.1.att.value.lora_A.weight",
                                     "FloatStorage",
                                     2,
                                     {RANK, WIDTH},
                                     NULL,
                                     a,
                                     RANK * WIDTH},
                                    {"base_model.model.blocks.1.att.value.lora_B.weight",
                                     "FloatStorage",
                                     2,
                                     {WIDTH, RANK},
                                     NULL,
                                     b,
                                     WIDTH * RANK}};
    test_write_safetensors(path, pair, 2, metadata);
}

static rk_status merge(const char *path, double alpha) {
    const rk_adapter one = {.path = path, .alpha = alpha, .scale = 1};
    const rk_convert_options options = {.dtype = RK_DTYPE_F32, .adapters = &one, .n_adapters = 1};
    last_error = (rk_error){0};
    return rk_convert(test_scratch_path("model.pth"), test_scratch_path("out.bin"), &options, NULL,
                      &last_error);
}

// The factor that the product got, from one value of the merged model.
static double merged_scale(void) {
    test_convert(test_scratch_path("model.pth"), test_scratch_path("base.bin"),
                 &(rk_convert_options){.dtype = RK_DTYPE_F32});
    rk_checkpoint *base = test_open(test_scratch_path("base.bin"));
    rk_checkpoint *merged = test_open(test_scratch_path("out.bin"));
    size_t index, n;
    cr_assert(rk_checkpoint_find(base, target, &index));
    float *w = test_read_floats(base, index, &n), *m = test_read_floats(merged, index, &n);
    double product = 0, change = 0;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t k = 0; k < RANK; k++) {
            sum += (double)b[i / WIDTH * RANK + k] * (double)a[k * WIDTH + i % WIDTH];
        }
        product += sum * sum;
        change += sum * ((double)m[i] - (double)w[i]);
    }
    free(w);
    free(m);
    rk_checkpoint_close(&base);
    rk_checkpoint_close(&merged);
    return change / product;
}

static void expect_scale(const char *path, double alpha, double scale) {
    cr_assert_eq(merge(path, alpha), RK_OK, "%s", last_error.message);
    const double got = merged_scale();
    cr_expect_float_eq(got, scale, 1e-5, "%g, expected %g", got, scale);
}

static void expect_refused(const char *path, rk_status status, const char *part) {
    const rk_status got = merge(path, NAN);
    cr_expect_eq(got, status, "%s: %s", rk_status_name(got), last_error.message);
    cr_expect_not_null(strstr(last_error.message, part), "\"%s\" lacks \"%s\"", last_error.message,
                       part);
}

Test(adapter_about, metadata) {
    const char *path = test_scratch_path("lora.safetensors");
    write_adapter(path, "\"format\":\"pt\",\"alpha\":\"6\"");
    expect_scale(path, NAN, 1.5);
    expect_scale(path, 2, 0.5); // what the caller says counts
    write_adapter(path, "\"lora_alpha\":\"1e1\",\"r\":\"4\"");
    expect_scale(path, NAN, 2.5);
    write_adapter(path, "\"alpha\":\"6\",\"rank\":\"8\"");
    expect_refused(path, RK_ERR_MISMATCH, "say rank 8, and base_model.model.blocks.1.att.value");
    write_adapter(path, "\"alpha\":\"six\"");
    expect_refused(path, RK_ERR_FORMAT, "give 'six' as alpha, expected a number");
    write_adapter(path, "\"alpha\":\"nan\"");
    expect_refused(path, RK_ERR_FORMAT, "give 'nan' as alpha");
    write_adapter(path, "\"alpha\":\"\"");
    expect_refused(path, RK_ERR_FORMAT, "give '' as alpha");
    write_adapter(path, "\"alpha\":\"2\",\"rank\":\"-4\"");
    expect_refused(path, RK_ERR_FORMAT, "rank -4");
    write_adapter(path, "\"alpha\":\"1e300\"");
    expect_refused(path, RK_ERR_ARGUMENT, "too large");
    write_adapter(path, NULL);
    expect_refused(path, RK_ERR_ARGUMENT, "does not say with which alpha");
    expect_refused(path, RK_ERR_ARGUMENT, "--alpha");
}

// Texts beyond what is kept of them are no reason to refuse a file.
Test(adapter_about, plenty_of_metadata) {
    char metadata[6000] = "\"alpha\":\"8\"";
    for (size_t i = 0; i < 300; i++) {
        (void)sprintf(metadata + strlen(metadata), ",\"k%zu\":\"v\"", i);
    }
    const char *path = test_scratch_path("lora.safetensors");
    write_adapter(path, metadata);
    expect_scale(path, NAN, 2);
    memset(metadata, 'x', 700);
    metadata[0] = '"';
    memcpy(metadata + 700, "\":\"y\",\"alpha\":\"4\"", 18);
    write_adapter(path, metadata);
    expect_scale(path, NAN, 1);
}

static void write_config(const char *text) {
    cr_assert(test_write_file(test_scratch_path("adapter_config.json"), text, strlen(text)));
}

// As peft saves them: a folder with adapter_model.safetensors and adapter_config.json.
Test(adapter_about, configuration_beside_the_file) {
    const char *path = test_scratch_path("adapter_model.safetensors");
    write_adapter(path, "\"format\":\"pt\"");
    expect_refused(path, RK_ERR_ARGUMENT, "does not say with which alpha");
    write_config("{\"peft_type\":\"LORA\",\"r\":4,\"lora_alpha\":10,\"alpha_pattern\":{},"
                 "\"init_lora_weights\":true}");
    expect_scale(path, NAN, 2.5);
    write_config("{\"lora_alpha\":10,\"use_rslora\":true}");
    expect_scale(path, NAN, 5);
    expect_scale(path, 2, 1);
    write_config("{\"lora_alpha\":10,\"use_dora\":true}");
    expect_refused(path, RK_ERR_UNSUPPORTED, "DoRA");
    write_config("{\"lora_alpha\":10,\"init_lora_weights\":\"pissa_niter_16\"}");
    expect_refused(path, RK_ERR_UNSUPPORTED, "init_lora_weights is pissa_niter_16");
    write_config("{\"lora_alpha\":10,\"alpha_pattern\":{\"key\":3}}");
    expect_refused(path, RK_ERR_UNSUPPORTED, "alpha_pattern");
    write_config("{\"lora_alpha\":\"ten\"}");
    expect_refused(path, RK_ERR_FORMAT, "lora_alpha is no number");
    write_config("[1]");
    expect_refused(path, RK_ERR_FORMAT, "adapter_config.json: the configuration is no JSON object");
    write_config("{\"lora_alpha\":10");
    expect_refused(path, RK_ERR_FORMAT, "adapter_config.json");
    // Beside a file of another name it belongs to somebody else.
    const char *other = test_scratch_path("other.safetensors");
    write_adapter(other, "\"alpha\":\"4\"");
    expect_scale(other, NAN, 1);
}

Test(adapter_about, folders) {
    const char *folder = test_scratch_path("folder");
    char path[512];
    cr_assert_eq(mkdir(folder, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/adapter_model.safetensors", folder);
    write_adapter(path, NULL);
    FILE *config;
    char config_path[512];
    (void)snprintf(config_path, sizeof config_path, "%s/adapter_config.json", folder);
    cr_assert_not_null(config = fopen(config_path, "w"));
    fputs("{\"lora_alpha\": 8}", config);
    cr_assert_eq(fclose(config), 0);
    expect_scale(folder, NAN, 2);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(unlink(config_path), 0);
    cr_assert_eq(rmdir(folder), 0);
}
