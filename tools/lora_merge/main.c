// lora_merge: a model and its adapters become one model, or two models an adapter.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/conversion.h"
#include "cli/conversion_report.h"
#include "cli/messages.h"
#include "cli/standard_streams.h"
#include "lora_merge/extract_job.h"
#include "lora_merge/merge_report.h"
#include "lora_merge/merge_settings.h"
#include "rk/checkpoint.h"

// A model file's types are worth keeping, and so are a checkpoint's in another checkpoint; a model
// file mostly has no place for those.
static bool keeps_types(bool *keep, const char *base, const rk_convert_options *job,
                        rk_error *err) {
    rk_checkpoint *file = NULL;
    if (rk_checkpoint_open(&file, base, err) != RK_OK) return false;
    *keep = job->output == RK_OUTPUT_SAFETENSORS ||
            rk_container_is_model_file(rk_checkpoint_container(file));
    rk_checkpoint_close(&file);
    return true;
}

static rk_convert_options job_of(const merge_settings *s) {
    const bool checkpoint = strcmp(s->out_format, "safetensors") == 0;
    return (rk_convert_options){
        .output = checkpoint ? RK_OUTPUT_SAFETENSORS : RK_OUTPUT_MODEL_FILE,
        .dtype = s->type.given ? s->type.dtype : RK_DTYPE_F16,
        .version = s->container,
        .allow_requantize = true, // the report says what was
        .subtract = s->subtract,
        .allow_unused = s->allow_unused,
        .no_sync = s->no_sync,
    };
}

static void print_report(const cli_conversion *conversion, const char *format,
                         const cli_common *common) {
    if (common->json) {
        cli_conversion_json(conversion, format);
    } else if (!common->quiet) {
        print_merge_report(conversion, format);
    }
}

static int merge(const cli_text_list *files, const merge_settings *s, const cli_common *common) {
    const char *base = files->items[0];
    rk_convert_options job = job_of(s);
    rk_error err;
    if (!s->type.given && !keeps_types(&job.keep_dtype, base, &job, &err)) return cli_failure(&err);
    rk_adapter *adapters = list_adapters(files, s);
    job.adapters = adapters;
    job.n_adapters = files->count - 2;
    cli_conversion conversion = {
        .label = s->subtract ? "subtracting" : "merging",
        .input = base,
        .output = files->items[files->count - 1],
        .measured = common->json || !common->quiet,
    };
    const int code = s->dry_run ? cli_plan_conversion(&conversion, &job, common)
                                : cli_convert(&conversion, &job, common);
    if (code == CLI_EXIT_DONE) {
        print_report(&conversion, job.keep_dtype ? NULL : rk_dtype_describe(job.dtype)->name,
                     common);
        cli_conversion_free(&conversion);
    }
    free(adapters);
    return code;
}

int main(int argc, char **argv) {
    cli_start();
    merge_settings s = {.rank = 16};
    cli_common common = {0};
    cli_text_list files = {0};
    cli_parse(&merge_program, argc, argv, &s, &common, &files);
    check_merge_files(&files, &s);
    const int code = s.extract ? extract(&files, &s, &common) : merge(&files, &s, &common);
    cli_text_list_free(&files);
    cli_text_list_free(&s.alphas);
    cli_text_list_free(&s.scales);
    cli_text_list_free(&s.inits);
    return cli_finish(code);
}
