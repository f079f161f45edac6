// Checks every tensor of a model against its version's table and gives each its place.
#include "arch/arch_internal.h"

#include <stdio.h>
#include <string.h>

#include "arch/complaints.h"
#include "arch/detect.h"
#include "base/memory.h"

static const size_t nowhere = SIZE_MAX;

// The work of one rk__arch_plan_init.
typedef struct planner {
    const rk__arch *arch;
    const rk_tensor_info *tensors;
    size_t n_tensors;
    rk__naming naming;
    size_t n_layer;
    size_t *found; // [n_rows][n_layer]: index of the tensor, or nowhere; the outer rows come first
    size_t *slots; // [n_tensors]: index into found (of the first part), or nowhere
    rk__size_votes votes; // votes.sizes: those that the model is taken to have
    rk__complaints complaints;
    size_t *unused; // [n_unused], with room for n_tensors
    size_t n_unused;
} planner;

static size_t count_rows(const rk__arch *arch) {
    return RK__ARCH_OUTER_ROWS + arch->n_rows;
}

static const rk__arch_row *row_at(const rk__arch *arch, size_t index) {
    return index < RK__ARCH_OUTER_ROWS ? &rk__arch_outer_rows[index]
                                       : &arch->rows[index - RK__ARCH_OUTER_ROWS];
}

// Layers that a row occurs in: all, or one for the tensors around them.
static size_t row_layers(const planner *p, const rk__arch_row *row) {
    return row->place == RK__IN_LAYER ? p->n_layer : 1;
}

// One more than the highest number in "blocks.N."; at most the number of tensors, so that a made-up
// name cannot ask for memory that the file's size does not justify.
static size_t count_layers(const rk_tensor_info *tensors, size_t n_tensors, rk__naming naming) {
    size_t n_layer = 0;
    for (size_t i = 0; i < n_tensors; i++) {
        size_t layer = 0;
        if (rk__arch_split_name(tensors[i].name, naming, &layer) != NULL && layer >= n_layer) {
            n_layer = layer + 1;
        }
    }
    return n_layer < n_tensors ? n_layer : n_tensors;
}

static bool is_joined(const planner *p, const rk__arch_row *row) {
    return rk__arch_is_joined(row, p->naming);
}

// ---- which tensor is which

// Gives the tensor to its row, or, when it holds several parts, to the rows of all of them.
static void assign_tensor(planner *p, size_t index) {
    const char *name = p->tensors[index].name;
    bool known = false;
    bool twice = false;
    for (size_t r = 0; r < count_rows(p->arch); r++) {
        size_t layer = 0;
        if (!rk__arch_name_matches(row_at(p->arch, r), name, p->naming, &layer)) continue;
        if (layer >= p->n_layer) continue;
        size_t *slot = &p->found[r * p->n_layer + layer];
        if (!known) p->slots[index] = (size_t)(slot - p->found);
        known = true;
        twice = twice || *slot != nowhere;
        *slot = index;
    }
    if (!known) rk__complain(&p->complaints, RK__COMPLAINT_UNKNOWN, name, NULL);
    if (twice) rk__complain(&p->complaints, RK__COMPLAINT_TWICE, name, NULL);
}

// Drops what the first layer has and does not use.
static void drop_unused(planner *p) {
    for (size_t r = 0; r < count_rows(p->arch); r++) {
        size_t *slot = &p->found[r * p->n_layer];
        if (row_at(p->arch, r)->presence != RK__NOT_IN_FIRST_LAYER || *slot == nowhere) continue;
        p->unused[p->n_unused++] = *slot;
        *slot = nowhere;
    }
}

// ---- is each as it should be

// What may be absent is absent from all layers.
static bool may_miss(const planner *p, const rk__arch_row *row, size_t layer) {
    if (row->presence == RK__NOT_IN_FIRST_LAYER) return layer == 0;
    if (row->presence == RK__REQUIRED) return false;
    const size_t r = (size_t)(row - p->arch->rows) + RK__ARCH_OUTER_ROWS; // only layers have these
    for (size_t i = 0; i < p->n_layer; i++) {
        if (p->found[r * p->n_layer + i] != nowhere) return false;
    }
    return true;
}

static void complain_missing(planner *p, const rk__arch_row *row, size_t layer) {
    if (may_miss(p, row, layer)) return;
    if (is_joined(p, row) && row->part > 0) return; // the tensor is missed once
    char name[RK__NAME_TEXT];
    rk__arch_name(name, row, p->naming, layer);
    rk__complain(&p->complaints, RK__COMPLAINT_MISSING, name, NULL);
}

static void check_type(planner *p, const rk__arch_row *row, const rk_tensor_info *tensor) {
    const rk_dtype_info *type = rk_dtype_describe(tensor->dtype);
    if (type->class_ == RK_CLASS_INTEGER ||
        (type->class_ == RK_CLASS_BLOCK && rk__arch_is_vector(row))) {
        rk__complain(&p->complaints, RK__COMPLAINT_TYPE, tensor->name, type->name);
    }
}

// The other tensor of two that contradict each other about a size, when none has the majority.
static const rk_tensor_info *find_opponent(const planner *p, const char *text,
                                           const rk_tensor_info *tensor) {
    for (; *text != '\0'; text++) {
        const size_t letter = (unsigned char)*text;
        if (p->votes.sizes.of[letter] == 0 || p->votes.lead[letter] > 0) continue;
        const rk_tensor_info *opponent = &p->tensors[p->votes.voter[letter]];
        if (opponent != tensor) return opponent;
    }
    return NULL;
}

// Vectors are read whole; of all others rows or parts are read, so that the last dimension has to
// be the last one in the file too, whatever sizes of 1 stand around it.
static bool rows_fit(const planner *p, const rk__arch_row *row, const rk_shape *found,
                     const rk_shape *expected) {
    if (row->role == RK__VECTOR && !is_joined(p, row)) return true;
    size_t rows = 0;
    size_t found_columns = 0;
    size_t expected_columns = 0;
    return rk_shape_matrix(&rows, &found_columns, found) &&
           rk_shape_matrix(&rows, &expected_columns, expected) && found_columns == expected_columns;
}

static void check_shape(planner *p, const rk__arch_row *row, const rk_tensor_info *tensor) {
    const char *text = rk__arch_shape_text(row, p->naming);
    rk_shape expected;
    size_t n = 0;
    const bool fits = rk__shape_fits(&expected, &p->votes.sizes, text, &tensor->shape) &&
                      rows_fit(p, row, &tensor->shape, &expected);
    if (fits && rk_shape_elements(&n, &tensor->shape) && n > 0) return;
    enum { PART = RK_SHAPE_TEXT + RK__NAME_TEXT + 16 };
    char found_text[RK_SHAPE_TEXT];
    char expected_text[RK_SHAPE_TEXT];
    char like[PART] = "";
    char detail[2 * RK_SHAPE_TEXT + PART + 16];
    rk_shape_format(found_text, &tensor->shape);
    rk_shape_format(expected_text, &expected);
    const rk_tensor_info *opponent = find_opponent(p, text, tensor);
    if (opponent != NULL) {
        char shape[RK_SHAPE_TEXT];
        (void)snprintf(like, sizeof like, " as %.*s is %s", RK__NAME_TEXT, opponent->name,
                       rk_shape_format(shape, &opponent->shape));
    }
    (void)snprintf(detail, sizeof detail, "%s, expected %s%s", found_text,
                   fits ? "no size of 0" : expected_text, like);
    rk__complain(&p->complaints, RK__COMPLAINT_SHAPE, tensor->name, detail);
}

// Calls visit for every slot; tensor is NULL where nothing was found.
static void for_slots(planner *p, void (*visit)(planner *, const rk__arch_row *, size_t layer,
                                                const rk_tensor_info *tensor)) {
    for (size_t r = 0; r < count_rows(p->arch); r++) {
        const rk__arch_row *row = row_at(p->arch, r);
        for (size_t layer = 0; layer < row_layers(p, row); layer++) {
            const size_t i = p->found[r * p->n_layer + layer];
            visit(p, row, layer, i == nowhere ? NULL : &p->tensors[i]);
        }
    }
}

static void count_votes(planner *p, const rk__arch_row *row, size_t layer,
                        const rk_tensor_info *tensor) {
    (void)layer;
    if (tensor == NULL) return;
    rk__sizes_vote(&p->votes, rk__arch_shape_text(row, p->naming), &tensor->shape,
                   (size_t)(tensor - p->tensors));
}

static void check_slot(planner *p, const rk__arch_row *row, size_t layer,
                       const rk_tensor_info *tensor) {
    if (tensor == NULL) {
        complain_missing(p, row, layer);
    } else if (!(is_joined(p, row) && row->part > 0)) {
        check_type(p, row, tensor);
        check_shape(p, row, tensor);
    }
}

static rk_status check_sizes(planner *p, const char *where, rk_error *err) {
    static const char letters[] = "VCF";
    for (const char *c = letters; *c != '\0'; c++) {
        if (p->votes.sizes.of[(unsigned char)*c] > 0) continue;
        return rk__fail(err, RK_ERR_SHAPE, "%s: %s model with an empty tensor (size %c is 0)",
                        where, p->arch->name, *c);
    }
    return RK_OK;
}

static rk_status relate_sizes(planner *p, const char *where, rk_error *err) {
    for (size_t i = 0; i < p->arch->n_relations; i++) {
        const rk__relation *relation = &p->arch->relations[i];
        const size_t whole = (unsigned char)relation->whole;
        if (rk__sizes_relate(&p->votes.sizes, relation)) continue;
        return rk__fail(err, RK_ERR_SHAPE,
                        "%s: %s model whose sizes do not fit together: %c = %zu is not the product "
                        "%s (see %.*s)",
                        where, p->arch->name, relation->whole, p->votes.sizes.of[whole],
                        relation->factors, RK__NAME_TEXT, p->tensors[p->votes.voter[whole]].name);
    }
    return RK_OK;
}

// ---- the plan

static rk__tensor_plan plan_tensor(const planner *p, const rk__arch_row *row, size_t layer,
                                   size_t index) {
    const rk_tensor_info *tensor = &p->tensors[index];
    rk__tensor_plan out = {.row = row, .layer = layer, .source = index, .repeat = 1};
    out.in_parts = is_joined(p, row);
    rk_shape shape;
    (void)rk__shape_fits(&shape, &p->votes.sizes, rk__arch_shape_text(row, p->naming),
                         &tensor->shape);
    size_t n = 0;
    (void)rk_shape_elements(&n, &shape); // the reader has checked that it does not overflow
    if (out.in_parts) n /= row->n_parts;
    if (rk__arch_is_vector(row)) {
        out.rows = 1;
        out.columns = n;
        const size_t n_embd = p->votes.sizes.of['C'];
        const bool by_head = strchr(row->shape, '|') != NULL && n < n_embd;
        if (by_head) out.repeat = p->votes.sizes.of['N'];
        return out;
    }
    const bool transposed = row->conversion == RK__TRANSPOSE && p->naming != RK__NAMES_MODEL_FILE;
    out.columns = shape.dims[shape.n_dims - (transposed ? 2 : 1)];
    out.rows = out.columns == 0 ? 0 : n / out.columns;
    return out;
}

// Plans what the tensor at `index` is; with a part, all parts that lie in one tensor of a model
// file.
static void plan_index(planner *p, rk__arch_plan *plan, size_t index) {
    if (p->slots[index] == nowhere) return;
    const size_t layer = p->slots[index] % p->n_layer;
    const size_t own_row = p->slots[index] / p->n_layer;
    const rk__arch_row *own = row_at(p->arch, own_row);
    const size_t n = own->n_parts > 0 ? own->n_parts : 1;
    for (size_t i = 0; i < n; i++) {
        const size_t r = own_row - own->part + i;
        size_t *found = &p->found[r * p->n_layer + layer];
        if (*found == nowhere) continue; // not used, or planned with an earlier part
        plan->tensors[plan->n_tensors++] = plan_tensor(p, row_at(p->arch, r), layer, *found);
        *found = nowhere;
    }
}

static rk_status fill_plan(rk__arch_plan *plan, planner *p, const char *where, rk_error *err) {
    const size_t *of = p->votes.sizes.of;
    plan->arch = p->arch;
    plan->name = p->arch->name;
    plan->sizes = p->votes.sizes;
    plan->unused = p->unused;
    plan->n_unused = p->n_unused;
    plan->naming = p->naming;
    p->unused = NULL; // the plan's now
    plan->dims = (rk_dims){.n_vocab = of['V'],
                           .n_embd = of['C'],
                           .n_layer = p->n_layer,
                           .n_ffn = of['F'],
                           .n_head = of['H'],
                           .head_size = of['N']};
    const size_t most = count_rows(p->arch) * p->n_layer;
    RK_TRY(rk__alloc((void **)&plan->tensors, most, sizeof plan->tensors[0], err));
    for (size_t i = 0; i < p->n_tensors; i++) plan_index(p, plan, i);
    return p->arch->refine == NULL ? RK_OK : p->arch->refine(plan, where, err);
}

static rk_status check_tensors(planner *p, const char *where, rk_error *err) {
    for (size_t i = 0; i < p->n_tensors; i++) assign_tensor(p, i);
    drop_unused(p);
    for_slots(p, count_votes);
    rk_status related = relate_sizes(p, where, err);
    for_slots(p, check_slot);
    RK_TRY(rk__complaints_status(&p->complaints, where, p->arch->name, err));
    RK_TRY(related);
    return check_sizes(p, where, err);
}

rk_status rk__arch_plan_init(rk__arch_plan *plan, const char *where, const rk_tensor_info *tensors,
                             size_t n_tensors, bool model_file, rk_error *err) {
    *plan = (rk__arch_plan){0};
    planner p = {.tensors = tensors, .n_tensors = n_tensors};
    p.naming = model_file ? RK__NAMES_MODEL_FILE : rk__arch_find_naming(tensors, n_tensors);
    p.n_layer = count_layers(tensors, n_tensors, p.naming);
    RK_TRY(rk__arch_detect(&p.arch, where, tensors, n_tensors, p.naming, err));
    const size_t n_slots = count_rows(p.arch) * p.n_layer;
    rk_status status = rk__alloc((void **)&p.found, n_slots, sizeof p.found[0], err);
    if (status != RK_OK) goto out;
    status = rk__alloc((void **)&p.slots, n_tensors, sizeof p.slots[0], err);
    if (status != RK_OK) goto out;
    status = rk__alloc((void **)&p.unused, n_tensors, sizeof p.unused[0], err);
    if (status != RK_OK) goto out;
    for (size_t i = 0; i < n_slots; i++) p.found[i] = nowhere;
    for (size_t i = 0; i < n_tensors; i++) p.slots[i] = nowhere;
    status = check_tensors(&p, where, err);
    if (status == RK_OK) status = fill_plan(plan, &p, where, err);
out:
    rk__free(p.found);
    rk__free(p.slots);
    rk__free(p.unused);
    if (status != RK_OK) rk__arch_plan_fini(plan);
    return status;
}

void rk__arch_plan_fini(rk__arch_plan *plan) {
    rk__free(plan->tensors);
    rk__free(plan->unused);
    *plan = (rk__arch_plan){0};
}

const rk__tensor_plan *rk__arch_plan_find(const rk__arch_plan *plan, const char *row_name,
                                          size_t layer) {
    for (size_t i = 0; i < plan->n_tensors; i++) {
        const rk__tensor_plan *tensor = &plan->tensors[i];
        if (tensor->layer == layer && strcmp(tensor->row->name, row_name) == 0) return tensor;
    }
    return NULL;
}

rk_shape rk__arch_shape(const rk__arch_plan *plan, const rk__tensor_plan *tensor,
                        rk__naming naming) {
    const char *text = rk__arch_shape_text(tensor->row, naming);
    if (tensor->repeat > 1) text = strchr(text, '|') + 1; // one value a head
    return rk__shape_of(&plan->sizes, text);
}
