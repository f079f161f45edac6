// The table of names.
#include "perplexity/result_fields.h"

#define TEXT(key, type, member)                                                                    \
    { key, FIELD_TEXT, offsetof(type, member), 0 }
#define CHARS(key, type, member)                                                                   \
    { key, FIELD_CHARS, offsetof(type, member), sizeof(((type *)0)->member) }
#define SIZE(key, type, member)                                                                    \
    { key, FIELD_SIZE, offsetof(type, member), 0 }
#define INDEX(key, type, member)                                                                   \
    { key, FIELD_INDEX, offsetof(type, member), 0 }
#define NUMBER(key, type, member)                                                                  \
    { key, FIELD_NUMBER, offsetof(type, member), 0 }
#define BOOL(key, type, member)                                                                    \
    { key, FIELD_BOOL, offsetof(type, member), 0 }
// The three numbers of an rk_estimate.
#define ESTIMATE(key, type, member)                                                                \
    NUMBER(key, type, member.mean), NUMBER(key "_error", type, member.standard_error),             \
        NUMBER(key "_bootstrap_error", type, member.bootstrap_error)

static const field model_fields[] = {
    TEXT("model", result, model),
    TEXT("requested_type", result, requested),
    CHARS("model_sha256", result, sha256),
    CHARS("architecture", result, architecture),
    CHARS("type", result, type),
    SIZE("bytes", result, bytes),
    SIZE("parameters", result, n_parameters),
    NUMBER("bits_per_weight", result, bits_per_weight),
    NUMBER("load_seconds", result, load_seconds),
    TEXT("strategy", result, strategy),
};

static const field loss_fields[] = {
    SIZE("tokens", result, loss.n_tokens),
    NUMBER("loss", result, loss.mean),
    NUMBER("loss_error", result, loss.standard_error),
    NUMBER("loss_bootstrap_error", result, loss.bootstrap_error),
    NUMBER("perplexity", result, loss.perplexity),
    NUMBER("perplexity_error", result, loss.perplexity_error),
    NUMBER("perplexity_bootstrap_error", result, loss.perplexity_bootstrap_error),
    NUMBER("bits_per_byte", result, bits_per_byte),
    SIZE("scored_bytes", result, scored_bytes),
    CHARS("tokenizer", result, tokenizer),
    CHARS("tokens_sha256", result, tokens_sha256),
    SIZE("passages", result, n_passages),
    SIZE("passages_left_out", result, n_left_out),
    NUMBER("scoring_tokens_per_s", result, scored_per_s),
};

static const field speed_fields[] = {
    NUMBER("prefill_tokens_per_s", result, prefill_tokens_per_s),
    NUMBER("decode_tokens_per_s", result, decode_tokens_per_s),
    SIZE("peak_rss_bytes", result, peak_rss_bytes),
    BOOL("peak_rss_is_own", result, peak_is_own),
};

static const field comparison_fields[] = {
    NUMBER("base_loss", result, comparison.base_loss.mean),
    NUMBER("base_loss_error", result, comparison.base_loss.standard_error),
    NUMBER("base_perplexity", result, comparison.base_loss.perplexity),
    NUMBER("base_perplexity_error", result, comparison.base_loss.perplexity_error),
    ESTIMATE("loss_change", result, comparison.loss_change),
    ESTIMATE("perplexity_change", result, comparison.perplexity_change),
    ESTIMATE("kl", result, comparison.divergence),
    NUMBER("kl_median", result, comparison.percentiles[0]),
    NUMBER("kl_90", result, comparison.percentiles[1]),
    NUMBER("kl_95", result, comparison.percentiles[2]),
    NUMBER("kl_99", result, comparison.percentiles[3]),
    NUMBER("kl_99_9", result, comparison.percentiles[4]),
    NUMBER("kl_max", result, comparison.largest),
    ESTIMATE("same_token", result, comparison.agreement),
    ESTIMATE("probability_change", result, comparison.probability_change),
    NUMBER("probability_change_rms", result, comparison.probability_rms),
    NUMBER("probability_change_rms_error", result, comparison.probability_rms_error),
};

static const field paired_fields[] = {
    NUMBER("kl_minus_first", result, versus_first.mean),
    NUMBER("kl_minus_first_error", result, versus_first.standard_error),
};

static const field task_fields[] = {
    SIZE("items", result, task.n_items),
    NUMBER("accuracy", result, task.accuracy.mean),
    NUMBER("accuracy_error", result, task.accuracy.standard_error),
    NUMBER("normalized_accuracy", result, task.normalized_accuracy.mean),
    NUMBER("normalized_accuracy_error", result, task.normalized_accuracy.standard_error),
    NUMBER("word_perplexity", result, task.perplexity),
    NUMBER("word_perplexity_error", result, task.perplexity_error),
};

static const field record_fields[] = {
    TEXT("text", record, text),
    TEXT("text_kind", record, text_kind),
    SIZE("text_bytes", record, text_bytes),
    CHARS("text_sha256", record, text_sha256),
    TEXT("protocol", record, protocol),
    SIZE("bootstrap_resamples", record, bootstrap),
    SIZE("bootstrap_block", record, bootstrap_block),
    SIZE("seed", record, seed),
    SIZE("threads", record, threads),
    SIZE("processes", record, processes),
    TEXT("system", record, build),
    CHARS("commit", record, machine.commit),
    CHARS("processor", record, machine.processor),
    SIZE("processors", record, machine.cores),
    SIZE("memory_bytes", record, machine.memory),
    CHARS("operating_system", record, machine.system),
    CHARS("time", record, machine.time),
    NUMBER("read_bytes_per_s", record, read_bytes_per_s),
    TEXT("base", record, base),
    TEXT("base_type", record, base_type),
    CHARS("base_sha256", record, base_sha256),
};

static const field position_fields[] = {
    INDEX("first", rk_position_bin, first),
    INDEX("end", rk_position_bin, end),
    SIZE("tokens", rk_position_bin, n_tokens),
    NUMBER("loss", rk_position_bin, loss.mean),
    NUMBER("loss_error", rk_position_bin, loss.standard_error),
};

static const field position_divergence_fields[] = {
    NUMBER("kl", rk_position_bin, divergence.mean),
    NUMBER("kl_error", rk_position_bin, divergence.standard_error),
};

static const field latency_fields[] = {
    CHARS("test", latency_row, test),
    SIZE("threads", latency_row, threads),
    SIZE("tokens", latency_row, tokens),
    SIZE("chunk", latency_row, chunk),
    CHARS("logits", latency_row, logits),
    SIZE("batch", latency_row, batch),
    SIZE("repetitions", latency_row, repetitions),
    NUMBER("seconds", latency_row, seconds),
    NUMBER("seconds_deviation", latency_row, seconds_deviation),
    NUMBER("tokens_per_s", latency_row, tokens_per_s),
    NUMBER("p50_ms", latency_row, p50_ms),
    NUMBER("p90_ms", latency_row, p90_ms),
    NUMBER("p99_ms", latency_row, p99_ms),
    NUMBER("bytes_per_s", latency_row, bytes_per_s),
    NUMBER("read_share", latency_row, read_share),
};

#define GROUP(table, flag)                                                                         \
    { table, sizeof table / sizeof table[0], flag }

const field_group result_groups[RESULT_N_GROUPS] = {
    GROUP(model_fields, SIZE_MAX),
    GROUP(loss_fields, offsetof(result, has_loss)),
    GROUP(speed_fields, offsetof(result, has_speed)),
    GROUP(comparison_fields, offsetof(result, is_compared)),
    GROUP(paired_fields, offsetof(result, is_paired)),
    GROUP(task_fields, offsetof(result, has_task)),
};
const field_group record_group = GROUP(record_fields, SIZE_MAX);
const field_group position_group = GROUP(position_fields, SIZE_MAX);
const field_group position_divergence_group = GROUP(position_divergence_fields, SIZE_MAX);
const field_group latency_group = GROUP(latency_fields, SIZE_MAX);

bool field_group_present(const field_group *group, const void *object) {
    return group->flag == SIZE_MAX || *(const bool *)((const char *)object + group->flag);
}
