// Reports of whole-file jobs.
#include "cli/conversion_report.h"

#include <inttypes.h>

#include "cli/json_output.h"
#include "cli/sizes.h"

enum { SCHEMA = 1 };

void cli_conversion_summary(FILE *out, const cli_conversion *conversion) {
    const rk_convert_result *result = &conversion->result;
    fprintf(out,
            "%s: %" PRIu64 " tensors, %" PRIu64
            " parameters, %.2f MiB -> %.2f MiB, %.2f bits per weight\n",
            conversion->output, result->n_tensors, result->n_parameters,
            cli_mib(result->input_bytes), cli_mib(result->output_bytes), result->bits_per_weight);
    if (result->n_states_left_out > 0) {
        fprintf(out, "left out: the tuned initial states of %" PRIu64 " layers\n",
                result->n_states_left_out);
    }
    if (result->n_unused > 0) {
        fprintf(out, "left out: %" PRIu64 " tensors that this model does not use\n",
                result->n_unused);
    }
}

double cli_relative_error(const rk_convert_tensor *tensor) {
    if (!(tensor->rms_error > 0.0)) return 0.0;
    return tensor->rms_error / tensor->rms_value;
}

static void add_tensor(cJSON *tensors, const rk_convert_tensor *tensor) {
    cJSON *object = cli_json_append_object(tensors);
    cli_json_add_text(object, "name", tensor->name);
    cli_json_add_shape(object, "shape", &tensor->shape);
    cli_json_add_text(object, "from", rk_dtype_describe(tensor->from)->name);
    cli_json_add_text(object, "to", rk_dtype_describe(tensor->to)->name);
    cli_json_add_size(object, "bytes", tensor->bytes);
    cli_json_add_number(object, "rms_error", tensor->rms_error);
    cli_json_add_number(object, "rms_error_relative", cli_relative_error(tensor));
    if (tensor->lora_rank > 0) {
        cli_json_add_size(object, "lora_rank", tensor->lora_rank);
        cli_json_add_number(object, "rms_change", tensor->rms_change);
    }
    if (tensor->replaced) {
        cli_json_add_bool(object, "replaced", true);
        cli_json_add_number(object, "rms_change", tensor->rms_change);
    }
}

void cli_conversion_json(const cli_conversion *conversion, const char *format) {
    cJSON *object = cli_json_new(SCHEMA);
    cli_json_add_text(object, "input", conversion->input);
    cli_json_add_text(object, "output", conversion->output);
    cli_json_add_text(object, "format", format);
    cli_json_add_size(object, "parameters", conversion->result.n_parameters);
    cli_json_add_size(object, "states_left_out", conversion->result.n_states_left_out);
    cli_json_add_size(object, "tensors_left_out", conversion->result.n_unused);
    cli_json_add_size(object, "input_bytes", conversion->result.input_bytes);
    cli_json_add_size(object, "bytes", conversion->result.output_bytes);
    cli_json_add_number(object, "bits_per_weight", conversion->result.bits_per_weight);
    cJSON *tensors = cli_json_add_array(object, "tensors");
    for (size_t i = 0; i < conversion->n_tensors; i++) add_tensor(tensors, &conversion->tensors[i]);
    cli_json_finish(object);
}
