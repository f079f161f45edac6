// What a whole-file job makes of its input: every tensor found, its type and its place in the
// output chosen. Nothing of the tensors' data has been read yet.
#ifndef RK_CONVERT_PLAN_H
#define RK_CONVERT_PLAN_H

#include "convert/adapter_overlay.h"
#include "rk/convert.h"
#include "weights/weights.h"

typedef struct rk__convert_plan {
    const rk_convert_options *options; // borrowed
    rk__weights weights;               // owned
    rk__adapter_overlay adapters;      // empty without adapters; must not move
    unsigned version;                  // of the output
    rk_dtype dtype;                    // options->dtype in that version
    rk_dtype *types;                   // owned: of the output, for each tensor of the plan
    rk_dtype header_dtype;
} rk__convert_plan;

// A record of the output.
typedef struct rk__convert_record {
    char name[RK__NAME_TEXT];
    rk_tensor_info info;   // its name is the one above: the record must not move
    size_t first, n_parts; // tensors of the plan that lie one behind the other in it
} rk__convert_record;

rk_status rk__convert_plan_open(rk__convert_plan *c, const char *input,
                                const rk_convert_options *options, rk_error *err);
void rk__convert_plan_close(rk__convert_plan *c);

// The record that begins with tensor `at` of the plan, or with the next one that is not left out.
// False at the end.
bool rk__convert_record_from(const rk__convert_plan *c, size_t at, rk__convert_record *record);

// Is this a tuned initial state that is not kept?
bool rk__convert_leaves_out(const rk__convert_plan *c, const rk__tensor_plan *tensor);

// Tells the caller what the output will not hold.
void rk__convert_report_left_out(const rk__convert_plan *c);

// The steps of adapters on a record, in the order in which they are taken; parts of it that are
// changed alike are told once. Returns their number; `steps` holds rk__convert_max_steps of them.
size_t rk__convert_max_steps(const rk__convert_plan *c);
size_t rk__convert_steps(const rk__convert_plan *c, const rk__convert_record *record,
                         rk_merge_part *steps);

// Everything that can be said in advance; the size of the output is that of all records.
rk_status rk__convert_describe(const rk__convert_plan *c, rk_convert_result *result, rk_error *err);

// The buffers of a job: what each thread needs and what lies between reading and writing.
typedef struct rk__convert_buffers {
    size_t n_threads;
    size_t slab_floats, columns; // of the largest slab, of the longest row
    size_t search_floats;        // that a search needs besides
    size_t n_slots, slot_bytes;
} rk__convert_buffers;
rk_status rk__convert_size_buffers(const rk__convert_plan *c, rk__convert_buffers *out,
                                   rk_error *err);

#endif
