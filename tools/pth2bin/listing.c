// Listing weights files.
#include "pth2bin/listing.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/json_output.h"
#include "cli/messages.h"
#include "cli/progress_line.h"
#include "cli/sha256.h"
#include "cli/signals.h"
#include "cli/sizes.h"
#include "cli/table.h"
#include "rk/checkpoint.h"
#include "rk/model.h"

enum { SCHEMA = 1 };

static uint64_t total_bytes(const rk_checkpoint *file) {
    uint64_t total = 0;
    for (size_t i = 0; i < rk_checkpoint_count(file); i++)
        total += rk_checkpoint_tensor_bytes(file, i);
    return total;
}

static void print_table(const rk_checkpoint *file) {
    static const cli_column columns[] = {
        {"tensor", false}, {"type", false}, {"shape", false}, {"bytes", true}};
    cli_table table;
    cli_table_init(&table, columns, 4);
    uint64_t elements = 0;
    for (size_t i = 0; i < rk_checkpoint_count(file); i++) {
        const rk_tensor_info *tensor = rk_checkpoint_tensor(file, i);
        char shape[RK_SHAPE_TEXT];
        size_t n = 0;
        rk_shape_elements(&n, &tensor->shape);
        elements += n;
        cli_table_add(&table, "%s", tensor->name);
        cli_table_add(&table, "%s", rk_dtype_describe(tensor->dtype)->name);
        cli_table_add(&table, "%s", rk_shape_format(shape, &tensor->shape));
        cli_table_add(&table, "%zu", rk_checkpoint_tensor_bytes(file, i));
    }
    const char *architecture = rk_checkpoint_architecture(file);
    const char *root = rk_checkpoint_root(file);
    printf("%s: %s, %s%s%s\n\n", rk_checkpoint_path(file),
           rk_container_name(rk_checkpoint_container(file)),
           architecture != NULL ? architecture : "no known RWKV", *root != '\0' ? ", below " : "",
           root);
    cli_table_print(&table, stdout);
    printf("\n%zu tensors, %" PRIu64 " values, %.2f MiB\n", rk_checkpoint_count(file), elements,
           cli_mib(total_bytes(file)));
    cli_table_fini(&table);
}

static rk_status add_tensor(cJSON *tensors, rk_checkpoint *file, size_t index, rk_error *err) {
    const rk_tensor_info *tensor = rk_checkpoint_tensor(file, index);
    char sum[CLI_SHA256_TEXT];
    const rk_status status = cli_sha256_tensor(sum, file, index, err);
    if (status != RK_OK) return status;
    cJSON *object = cli_json_append_object(tensors);
    cli_json_add_text(object, "name", tensor->name);
    cli_json_add_text(object, "type", rk_dtype_describe(tensor->dtype)->name);
    cli_json_add_shape(object, "shape", &tensor->shape);
    cli_json_add_size(object, "bytes", rk_checkpoint_tensor_bytes(file, index));
    cli_json_add_text(object, "sha256", sum);
    return RK_OK;
}

static rk_status add_tensors(cJSON *tensors, rk_checkpoint *file, cli_progress *progress,
                             rk_error *err) {
    const uint64_t total = total_bytes(file);
    uint64_t done = 0;
    for (size_t i = 0; i < rk_checkpoint_count(file); i++) {
        const rk_status status = add_tensor(tensors, file, i, err);
        if (status != RK_OK) return status;
        done += rk_checkpoint_tensor_bytes(file, i);
        if (!cli_progress_report(progress, done, total)) return err->code = RK_ERR_CANCELLED;
    }
    return RK_OK;
}

static int print_json(rk_checkpoint *file, bool quiet) {
    cJSON *object = cli_json_new(SCHEMA);
    cli_json_add_text(object, "file", rk_checkpoint_path(file));
    cli_json_add_text(object, "container", rk_container_name(rk_checkpoint_container(file)));
    cli_json_add_text(object, "architecture", rk_checkpoint_architecture(file));
    cli_json_add_text(object, "root", rk_checkpoint_root(file));
    cJSON *tensors = cli_json_add_array(object, "tensors");
    cli_signals_begin();
    cli_progress progress;
    cli_progress_begin(&progress, "reading", CLI_UNIT_BYTES, quiet);
    rk_error err;
    const rk_status status = add_tensors(tensors, file, &progress, &err);
    cli_progress_end(&progress);
    if (status != RK_OK) {
        cJSON_Delete(object);
        return cli_failure(&err);
    }
    cli_json_finish(object);
    return CLI_EXIT_DONE;
}

int list_file(const char *path, const char *prefix, const cli_common *common) {
    rk_checkpoint *file = NULL;
    rk_error err;
    if (rk_checkpoint_open_below(&file, path, prefix, &err) != RK_OK) return cli_failure(&err);
    int code = CLI_EXIT_DONE;
    if (common->json) {
        code = print_json(file, common->quiet);
    } else {
        print_table(file);
    }
    rk_checkpoint_close(&file);
    return code;
}
