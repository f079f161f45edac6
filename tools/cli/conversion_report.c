// Reports of whole-file jobs.
#include "cli/conversion_report.h"

#include <inttypes.h>
#include <math.h>

#include "cli/json_output.h"
#include "cli/sizes.h"

enum { SCHEMA = 1 };

// What is in the input and not in the output.
static void print_left_out(FILE *out, const cli_conversion *conversion) {
    enum { SHOWN = 6 };
    const rk_convert_result *result = &conversion->result;
    if (result->n_states_written > 0) {
        fprintf(out, "%s: the tuned initial states of %" PRIu64 " layers\n",
                conversion->state_output, result->n_states_written);
    } else if (result->n_states_left_out > 0) {
        fprintf(out, "left out: the tuned initial states of %" PRIu64 " layers\n",
                result->n_states_left_out);
    }
    if (result->n_unfit > 0) {
        fprintf(out, "not quantized: %" PRIu64 " matrices whose rows are no multiple of a block\n",
                result->n_unfit);
    }
    if (conversion->n_unused == 0) return;
    fprintf(out, "left out: %zu tensors that this model does not use:", conversion->n_unused);
    for (size_t i = 0; i < conversion->n_unused && i < SHOWN; i++) {
        fprintf(out, "%s %s", i > 0 ? "," : "", conversion->unused[i]);
    }
    fputs(conversion->n_unused > SHOWN ? ", ...\n" : "\n", out);
}

// The keys are the file's: whatever they hold stays on one line.
static void print_root(FILE *out, const char *root) {
    if (root[0] == '\0') return;
    fputs("the weights were found under ", out);
    for (const char *c = root; *c != '\0'; c++) {
        putc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, out);
    }
    putc('\n', out);
}

void cli_conversion_summary(FILE *out, const cli_conversion *conversion) {
    const rk_convert_result *result = &conversion->result;
    fprintf(out,
            "%s: %" PRIu64 " tensors, %" PRIu64
            " parameters, %.2f MiB -> %.2f MiB, %.2f bits per weight\n",
            conversion->output, result->n_tensors, result->n_parameters,
            cli_mib(result->input_bytes), cli_mib(result->output_bytes), result->bits_per_weight);
    print_root(out, result->root);
    print_left_out(out, conversion);
}

static void print_dims(FILE *out, const rk_dims *dims) {
    fprintf(out, "%zu layers, width %zu, channel mixing %zu, vocabulary %zu", dims->n_layer,
            dims->n_embd, dims->n_ffn, dims->n_vocab);
    if (dims->n_head > 0) fprintf(out, ", %zu heads of %zu", dims->n_head, dims->head_size);
    fputs("\n", out);
}

void cli_conversion_prediction(FILE *out, const cli_conversion *conversion, const char *format) {
    const rk_convert_result *result = &conversion->result;
    char size[CLI_SIZE_TEXT], memory[CLI_SIZE_TEXT];
    fprintf(out, "%s: %s, %s, %" PRIu64 " parameters\n", conversion->input,
            rk_container_name(result->container), result->arch_name, result->n_parameters);
    print_dims(out, &result->dims);
    print_root(out, result->root);
    fprintf(out, "%s: %" PRIu64 " tensors, %s (%" PRIu64 " bytes), %.2f bits per weight\n", format,
            result->n_tensors, cli_size_format(size, (double)result->output_bytes),
            result->output_bytes, result->bits_per_weight);
    fprintf(out, "memory while converting: at most %s\n",
            cli_size_format(memory, (double)result->peak_memory));
    print_left_out(out, conversion);
}

double cli_relative_error(const rk_convert_tensor *tensor) {
    if (!(tensor->rms_error > 0.0)) return 0.0;
    return tensor->rms_error / tensor->rms_value;
}

double cli_signal_to_noise(const rk_convert_tensor *tensor) {
    return 20.0 * log10(tensor->rms_value / tensor->rms_error);
}

double cli_relative_change(const rk_convert_tensor *tensor) {
    return tensor->rms_base > 0.0 ? tensor->rms_change / tensor->rms_base : NAN;
}

static void add_errors(cJSON *object, const rk_convert_tensor *tensor) {
    cli_json_add_number(object, "rms_error", tensor->rms_error);
    cli_json_add_number(object, "rms_error_relative", cli_relative_error(tensor));
    // Without an error, or without a signal: no number, which is written as null.
    const bool has_ratio = tensor->rms_error > 0.0 && tensor->rms_value > 0.0;
    cli_json_add_number(object, "snr_db", has_ratio ? cli_signal_to_noise(tensor) : NAN);
    if (tensor->n_parts == 0) return;
    cli_json_add_number(object, "rms_change", tensor->rms_change);
    cli_json_add_number(object, "rms_change_relative", cli_relative_change(tensor));
}

// What adapters do to the tensor, step by step.
static void add_parts(cJSON *object, const rk_convert_tensor *tensor) {
    if (tensor->n_parts == 0) return;
    cJSON *parts = cli_json_add_array(object, "merged");
    for (size_t i = 0; i < tensor->n_parts; i++) {
        const rk_merge_part *part = &tensor->parts[i];
        cJSON *step = cli_json_append_object(parts);
        cli_json_add_size(step, "adapter", part->adapter);
        cli_json_add_text(step, "kind", rk_merge_kind_name(part->kind));
        if (part->rank > 0) cli_json_add_size(step, "rank", part->rank);
        cli_json_add_number(step, "scale", part->scale);
    }
}

static void add_adapters(cJSON *object, const cli_conversion *conversion) {
    if (conversion->n_adapters == 0) return;
    cJSON *adapters = cli_json_add_array(object, "adapters");
    for (size_t i = 0; i < conversion->n_adapters; i++) {
        cli_json_append_text(adapters, conversion->adapters[i].path);
    }
    cli_json_add_bool(object, "subtracted", conversion->subtracted);
    cli_json_add_size(object, "tensors_merged", conversion->result.n_merged);
    cli_json_add_size(object, "tensors_requantized", conversion->result.n_requantized);
    cJSON *passed_over = cli_json_add_array(object, "passed_over");
    for (size_t i = 0; i < conversion->n_passed_over; i++) {
        cJSON *item = cli_json_append_object(passed_over);
        cli_json_add_text(item, "adapter", conversion->passed_over[i].adapter);
        cli_json_add_text(item, "what", conversion->passed_over[i].what);
    }
}

static void add_tensor(cJSON *tensors, const rk_convert_tensor *tensor, bool planned) {
    cJSON *object = cli_json_append_object(tensors);
    cli_json_add_text(object, "name", tensor->name);
    cli_json_add_shape(object, "shape", &tensor->shape);
    cli_json_add_text(object, "from", rk_dtype_describe(tensor->from)->name);
    cli_json_add_text(object, "to", rk_dtype_describe(tensor->to)->name);
    cli_json_add_size(object, "bytes", tensor->bytes);
    add_parts(object, tensor);
    if (!planned) add_errors(object, tensor);
}

static void add_model(cJSON *object, const rk_convert_result *result) {
    cli_json_add_text(object, "container", rk_container_name(result->container));
    cli_json_add_text(object, "root", result->root);
    cli_json_add_text(object, "architecture", result->arch_name);
    cli_json_add_size(object, "layers", result->dims.n_layer);
    cli_json_add_size(object, "width", result->dims.n_embd);
    cli_json_add_size(object, "channel_mixing", result->dims.n_ffn);
    cli_json_add_size(object, "vocabulary", result->dims.n_vocab);
    cli_json_add_size(object, "heads", result->dims.n_head);
    cli_json_add_size(object, "head_size", result->dims.head_size);
}

static void add_unused(cJSON *object, const cli_conversion *conversion) {
    cJSON *names = cli_json_add_array(object, "unused");
    for (size_t i = 0; i < conversion->n_unused; i++) {
        cli_json_append_text(names, conversion->unused[i]);
    }
}

void cli_conversion_json(const cli_conversion *conversion, const char *format) {
    cJSON *object = cli_json_new(SCHEMA);
    cli_json_add_text(object, "input", conversion->input);
    cli_json_add_text(object, "output", conversion->output);
    cli_json_add_text(object, "state_output", conversion->state_output);
    cli_json_add_text(object, "format", format);
    if (conversion->result.version > 0) { // of a model file
        cli_json_add_size(object, "container_version", conversion->result.version);
    }
    cli_json_add_bool(object, "dry_run", conversion->planned);
    add_model(object, &conversion->result);
    cli_json_add_size(object, "parameters", conversion->result.n_parameters);
    cli_json_add_size(object, "states_written", conversion->result.n_states_written);
    cli_json_add_size(object, "states_left_out", conversion->result.n_states_left_out);
    cli_json_add_size(object, "tensors_left_out", conversion->result.n_unused);
    cli_json_add_size(object, "matrices_not_quantized", conversion->result.n_unfit);
    add_unused(object, conversion);
    add_adapters(object, conversion);
    cli_json_add_size(object, "input_bytes", conversion->result.input_bytes);
    cli_json_add_size(object, "bytes", conversion->result.output_bytes);
    cli_json_add_number(object, "bits_per_weight", conversion->result.bits_per_weight);
    cli_json_add_size(object, "peak_memory", conversion->result.peak_memory);
    cJSON *tensors = cli_json_add_array(object, "tensors");
    for (size_t i = 0; i < conversion->n_tensors; i++) {
        add_tensor(tensors, &conversion->tensors[i], conversion->planned);
    }
    cli_json_finish(object);
}
