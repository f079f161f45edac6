// The results of a run: one record that tables, CSV, Markdown and JSON are written from, and that
// is read back out of JSON. What is not known is zero or empty.
#ifndef RESULT_RECORD_H
#define RESULT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/machine_info.h"
#include "cli/sha256.h"
#include "rk/eval.h"

enum { RESULT_NAME = 24 };

// How well a task was done.
typedef struct task_result {
    uint64_t n_items;
    rk_estimate accuracy;                // share of the items
    rk_estimate normalized_accuracy;     // of choices: by probability a character
    double perplexity, perplexity_error; // of the last words, taken as one token each
} task_result;

// Something timed. `test` says what: "load", "prefill", "decode".
typedef struct latency_row {
    char test[RESULT_NAME];
    uint64_t threads;
    uint64_t tokens;          // of a repetition, over all sequences
    uint64_t chunk;           // most tokens computed together
    char logits[RESULT_NAME]; // whose: "all", "last"
    uint64_t batch;           // sequences computed together
    uint64_t repetitions;
    double seconds, seconds_deviation; // of a repetition: mean, standard deviation
    double tokens_per_s;
    double p50_ms, p90_ms, p99_ms; // of the steps of decode
    double bytes_per_s;            // of weights and states that decode reads and writes
    double read_share;             // of the speed at which this machine reads memory
} latency_row;

// What was measured of one model in one type or by one strategy.
typedef struct result {
    char *model;                  // path, owned
    char *requested;              // type or strategy asked for, owned; "" as the file is
    char *strategy;               // where it ran, owned
    char sha256[CLI_SHA256_TEXT]; // of the file; "" for a folder
    char type[RESULT_NAME], architecture[RESULT_NAME], tokenizer[RESULT_NAME];
    uint64_t bytes, n_parameters; // of the weights as they are held
    double bits_per_weight;
    double load_seconds;

    bool has_loss;
    char tokens_sha256[CLI_SHA256_TEXT]; // of all tokens fed, as 32-bit numbers
    uint64_t n_passages, n_left_out;     // passages scored; those in which nothing was
    rk_loss loss;
    uint64_t scored_bytes; // of text that the scored tokens stand for; 0: not known
    double bits_per_byte;
    double scored_per_s;        // tokens fed a second while scoring
    rk_position_bin *positions; // [n_positions], owned
    size_t n_positions;

    bool has_speed;
    double prefill_tokens_per_s, decode_tokens_per_s;
    uint64_t peak_rss_bytes;
    bool peak_is_own; // false: includes what was measured before

    bool is_compared; // with the base
    rk_comparison comparison;
    bool is_paired; // with the first result, prediction by prediction
    rk_estimate versus_first;

    bool has_task;
    task_result task;

    latency_row *latency; // [n_latency], owned
    size_t n_latency;
} result;

typedef struct record {
    cli_machine machine;
    char *build; // owned: version of the library, instruction set
    uint64_t threads;
    uint64_t processes;     // that scored together, with so many threads each
    char *text, *text_kind; // owned; "" when there is none
    uint64_t text_bytes;
    char text_sha256[CLI_SHA256_TEXT];
    char *protocol; // owned
    uint64_t bootstrap, bootstrap_block, seed;
    char *base, *base_type; // owned; "": none
    char base_sha256[CLI_SHA256_TEXT];
    double read_bytes_per_s; // of memory by `threads` threads; 0: not measured
    result *results;         // [n_results], owned
    size_t n_results;
} record;

// Appends an empty result and returns it, until the next call.
result *record_add(record *r);
void result_clear(result *r); // back to an empty one
void record_free(record *r);  // all zeros are fine

#endif
