// An adapter from what one model differs from another by.
//
// The header of a safetensors file names all tensors, so both models are read twice: to see what
// differs, and to write it.
#include "rk/extract.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/safetensors.h"
#include "convert/blas.h"
#include "convert/low_rank.h"
#include "convert/model_difference.h"

enum { MOST_RANK = 4096 };

// One tensor of a checkpoint: one of the plan, or several that lie in it one behind the other.
typedef struct item {
    size_t first, n_parts; // of the model's plan
    bool differs;
    size_t rank; // 0: it is written whole
} item;

typedef struct extraction {
    const rk_extract_options *options; // borrowed
    rk__two_models two;
    item *items;                  // [n_items], owned
    rk_tensor_info *infos;        // [n_infos], owned
    char (*names)[RK__NAME_TEXT]; // [n_infos], owned
    size_t n_items, n_infos;
    rk__output *output;   // owned
    uint64_t done, total; // bytes of the model's tensors
} extraction;

static const rk__tensor_plan *plan_of(const extraction *x, const item *it) {
    return &x->two.model.plan.tensors[it->first];
}

static rk_shape shape_of(const extraction *x, const item *it) {
    return rk__arch_shape(&x->two.model.plan, plan_of(x, it), RK__NAMES_CHECKPOINT);
}

static char *name_of(const extraction *x, const item *it, char name[RK__NAME_TEXT]) {
    return rk__arch_name(name, plan_of(x, it)->row, RK__NAMES_CHECKPOINT, plan_of(x, it)->layer);
}

static rk_status tell_progress(extraction *x, const item *it, rk_error *err) {
    for (size_t i = 0; i < it->n_parts; i++) {
        x->done += rk__weights_source_bytes(&x->two.model, plan_of(x, it) + i);
    }
    if (x->options->progress.report == NULL) return RK_OK;
    if (x->options->progress.report(x->options->progress.user, x->done, x->total)) return RK_OK;
    return rk__fail(err, RK_ERR_CANCELLED, "%s: cancelled", rk_checkpoint_path(x->two.model.file));
}

// ---- what differs

static const char weight[] = ".weight";

// Weight matrices of linear layers, embedding and head get pairs: training knows them so.
static size_t rank_of(const extraction *x, const item *it) {
    const size_t most = RK__BLAS_MAX_SIZE / 256; // rows and columns
    char name[RK__NAME_TEXT];
    const rk_shape shape = shape_of(x, it);
    const size_t n = strlen(name_of(x, it, name));
    const bool named = n >= sizeof weight && strcmp(name + n - (sizeof weight - 1), weight) == 0;
    if (!named || shape.n_dims != 2 || shape.dims[0] > most || shape.dims[1] > most) return 0;
    const size_t limit = shape.dims[0] < shape.dims[1] ? shape.dims[0] : shape.dims[1];
    return x->options->rank < limit ? x->options->rank : limit;
}

static rk_status compare_item(extraction *x, const item *it, rk__tensor_difference *sum,
                              rk_error *err) {
    *sum = (rk__tensor_difference){0};
    for (size_t i = 0; i < it->n_parts; i++) {
        rk__tensor_difference part;
        RK_TRY(rk__two_models_compare(&x->two, it->first + i, NULL, &part, err));
        sum->differs |= part.differs;
        sum->base_squares += part.base_squares;
        sum->change_squares += part.change_squares;
    }
    return tell_progress(x, it, err);
}

static rk_status compare_all(extraction *x, rk_extract_result *result, rk_error *err) {
    const rk__arch_plan *plan = &x->two.model.plan;
    RK_TRY(rk__alloc((void **)&x->items, plan->n_tensors, sizeof x->items[0], err));
    for (size_t i = 0; i < plan->n_tensors; i += x->items[x->n_items++].n_parts) {
        item *it = &x->items[x->n_items];
        const rk__arch_row *row = plan->tensors[i].row;
        rk__tensor_difference difference;
        it->first = i;
        it->n_parts = rk__arch_is_joined(row, RK__NAMES_CHECKPOINT) ? row->n_parts : 1;
        RK_TRY(compare_item(x, it, &difference, err));
        it->differs = difference.differs;
        it->rank = it->differs ? rank_of(x, it) : 0;
        result->n_equal += !it->differs;
        result->n_pairs += it->rank > 0;
        result->n_whole += it->differs && it->rank == 0;
    }
    if (result->n_equal < x->n_items) return RK_OK;
    return rk__fail(err, RK_ERR_MISMATCH, "%s: does not differ from %s",
                    rk_checkpoint_path(x->two.model.file), rk_checkpoint_path(x->two.base.file));
}

// ---- the header

static void add_info(extraction *x, const item *it, const char *ending, const rk_shape *shape) {
    char name[RK__NAME_TEXT];
    char *text = x->names[x->n_infos];
    size_t n = strlen(name_of(x, it, name));
    if (it->rank > 0) n -= sizeof weight - 1; // and ".lora_A" is as long
    (void)snprintf(text, RK__NAME_TEXT, "%.*s%s", (int)n, name, ending);
    x->infos[x->n_infos++] = (rk_tensor_info){.name = text, .dtype = RK_DTYPE_F32, .shape = *shape};
}

static void list_infos(extraction *x) {
    for (size_t i = 0; i < x->n_items; i++) {
        const item *it = &x->items[i];
        const rk_shape shape = shape_of(x, it);
        if (!it->differs) continue;
        if (it->rank == 0) {
            add_info(x, it, "", &shape);
            continue;
        }
        const rk_shape a = {.n_dims = 2, .dims = {it->rank, shape.dims[1]}};
        const rk_shape b = {.n_dims = 2, .dims = {shape.dims[0], it->rank}};
        add_info(x, it, ".lora_A", &a);
        add_info(x, it, ".lora_B", &b);
    }
}

// Alpha is the rank, so that whoever merges it takes alpha / rank for 1. Pairs of matrices that are
// narrower than the rank are made for that by write_pair.
static rk_status begin(extraction *x, rk_extract_result *result, rk_error *err) {
    char alpha[24];
    (void)snprintf(alpha, sizeof alpha, "%zu", x->options->rank);
    const rk__safetensors_note notes[] = {{"format", "pt"}, {"alpha", alpha}};
    const size_t n_notes = sizeof notes / sizeof notes[0];
    RK_TRY(rk__alloc((void **)&x->infos, 2 * x->n_items, sizeof x->infos[0], err));
    RK_TRY(rk__alloc((void **)&x->names, 2 * x->n_items, sizeof x->names[0], err));
    list_infos(x);
    RK_TRY(rk__safetensors_header_bytes(&result->output_bytes, x->infos, x->n_infos, notes, n_notes,
                                        err));
    for (size_t i = 0; i < x->n_infos; i++) {
        size_t bytes;
        (void)rk_tensor_bytes(&bytes, &x->infos[i]); // checked with the header
        result->output_bytes += bytes;
    }
    if (x->output == NULL) return RK_OK;
    return rk__safetensors_begin(x->output, x->infos, x->n_infos, notes, n_notes, err);
}

// ---- the tensors

static rk_status write_floats(const extraction *x, const float *values, size_t n, rk_error *err) {
    enum { AT_ONCE = 2048 };
    uint8_t bytes[AT_ONCE * sizeof(float)];
    for (size_t done = 0; done < n; done += AT_ONCE) {
        const size_t count = n - done < AT_ONCE ? n - done : AT_ONCE;
        x->two.model.rows.encode[RK_DTYPE_F32](bytes, values + done, count);
        RK_TRY(rk__output_write(x->output, bytes, count * sizeof(float), err));
    }
    return RK_OK;
}

static void report(const extraction *x, const item *it, const rk__tensor_difference *difference,
                   double left_squares) {
    char name[RK__NAME_TEXT];
    size_t n;
    if (x->options->report == NULL) return;
    rk_extract_tensor told = {
        .name = name_of(x, it, name), .shape = shape_of(x, it), .rank = it->rank};
    (void)rk_shape_elements(&n, &told.shape);
    told.rms_base = sqrt(difference->base_squares / (double)n);
    told.rms_change = sqrt(difference->change_squares / (double)n);
    told.rms_left = sqrt(left_squares / (double)n);
    x->options->report(x->options->report_user, &told);
}

static rk_status write_whole(extraction *x, const item *it, rk_error *err) {
    rk__tensor_difference sum;
    RK_TRY(compare_item(x, it, &sum, err));
    report(x, it, &sum, 0.0);
    for (size_t i = 0; x->output != NULL && i < it->n_parts; i++) {
        const rk__tensor_plan *tensor = plan_of(x, it) + i;
        float *row;
        RK_TRY(rk__alloc_aligned((void **)&row, tensor->columns, sizeof row[0], err));
        rk_status status = RK_OK;
        for (size_t r = 0; status == RK_OK && r < tensor->rows; r++) {
            status = rk__weights_read_floats(&x->two.model, tensor, r, 1, row, err);
            if (status == RK_OK) status = write_floats(x, row, tensor->columns, err);
        }
        rk__free(row);
        RK_TRY(status);
    }
    return RK_OK;
}

// The factors of one matrix, and what they leave of it.
static rk_status factorise(const extraction *x, const item *it, float *difference, float *a,
                           float *b, double *left_squares, rk_error *err) {
    const rk__tensor_plan *tensor = plan_of(x, it);
    const size_t rows = tensor->rows, columns = tensor->columns;
    RK_TRY(rk__low_rank(b, a, difference, rows, columns, it->rank, err));
    rk__blas_add_product(difference, b, a, rows, columns, it->rank, -1.0F);
    *left_squares = 0;
    for (size_t i = 0; i < rows * columns; i++) {
        *left_squares += (double)difference[i] * (double)difference[i];
    }
    // Merging multiplies with alpha / rank, and alpha is the rank that was asked for.
    const float factor = (float)it->rank / (float)x->options->rank;
    for (size_t i = 0; i < rows * it->rank; i++) b[i] *= factor;
    return RK_OK;
}

static rk_status write_pair(extraction *x, const item *it, rk_error *err) {
    const rk__tensor_plan *tensor = plan_of(x, it);
    const size_t n_a = it->rank * tensor->columns, n_b = tensor->rows * it->rank;
    float *difference = NULL, *a = NULL, *b = NULL;
    rk__tensor_difference sum;
    double left_squares;
    rk_status status = rk__alloc_aligned((void **)&difference, tensor->rows * tensor->columns,
                                         sizeof difference[0], err);
    if (status != RK_OK) goto out;
    status = rk__alloc_aligned((void **)&a, n_a, sizeof a[0], err);
    if (status != RK_OK) goto out;
    status = rk__alloc_aligned((void **)&b, n_b, sizeof b[0], err);
    if (status != RK_OK) goto out;
    status = rk__two_models_compare(&x->two, it->first, difference, &sum, err);
    if (status != RK_OK) goto out;
    status = factorise(x, it, difference, a, b, &left_squares, err);
    if (status != RK_OK) goto out;
    report(x, it, &sum, left_squares);
    status = write_floats(x, a, n_a, err);
    if (status == RK_OK) status = write_floats(x, b, n_b, err);
    if (status == RK_OK) status = tell_progress(x, it, err);
out:
    rk__free(difference);
    rk__free(a);
    rk__free(b);
    return status;
}

// Without an output, what differs is only told.
static rk_status write_all(extraction *x, rk_error *err) {
    for (size_t i = 0; i < x->n_items; i++) {
        const item *it = &x->items[i];
        if (!it->differs) continue;
        if (it->rank > 0 && x->output != NULL) {
            RK_TRY(write_pair(x, it, err));
        } else {
            RK_TRY(write_whole(x, it, err));
        }
    }
    return RK_OK;
}

// ---- all of it

static rk_status check(const char *model, const char *base, const rk_extract_options *options,
                       rk_error *err) {
    if (model == NULL || base == NULL || options == NULL) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "rk_extract_adapter needs a model, a base and options");
    }
    if (options->rank >= 1 && options->rank <= MOST_RANK) return RK_OK;
    return rk__fail(err, RK_ERR_ARGUMENT, "rank %zu is not between 1 and %d", options->rank,
                    MOST_RANK);
}

static void extraction_fini(extraction *x) {
    rk__output_abort(&x->output);
    rk__two_models_close(&x->two);
    rk__free(x->items);
    rk__free(x->infos);
    rk__free(x->names);
}

rk_status rk_extract_adapter(const char *model, const char *base, const char *output,
                             const rk_extract_options *options, rk_extract_result *result,
                             rk_error *err) {
    RK_TRY(check(model, base, options, err));
    extraction x = {.options = options};
    rk_extract_result summary = {0};
    rk_status status = rk__two_models_open(&x.two, model, base, err);
    if (status != RK_OK) goto out;
    for (size_t i = 0; i < x.two.model.plan.n_tensors; i++) {
        x.total += 2 * rk__weights_source_bytes(&x.two.model, &x.two.model.plan.tensors[i]);
    }
    status = compare_all(&x, &summary, err);
    if (status != RK_OK) goto out;
    if (output != NULL) status = rk__output_open(&x.output, output, err);
    if (status != RK_OK) goto out;
    status = begin(&x, &summary, err);
    if (status != RK_OK) goto out;
    status = write_all(&x, err);
    if (status != RK_OK) goto out;
    if (x.output != NULL) status = rk__output_commit(&x.output, !options->no_sync, err);
    if (status == RK_OK && result != NULL) *result = summary;
out:
    extraction_fini(&x);
    return status;
}
