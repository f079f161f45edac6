// Whole rows rounded by searching: how values are weighted, and what making up for errors does to
// products.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "kernels/rows_search.h"

enum { ROWS = 24, COLUMNS = 192, GROUP = 64, TOKENS = 512, BLOCK = RK__BLOCK };

static const rk_dtype formats[] = {RK_DTYPE_Q4_0, RK_DTYPE_Q4_1, RK_DTYPE_Q5_0, RK_DTYPE_Q5_1};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

static float normal(rk__random *random) {
    const double radius = sqrt(-2.0 * log(1.0 - rk__random_uniform(random)));
    return (float)(radius * cos(2.0 * 3.14159265358979 * rk__random_uniform(random)));
}

// A matrix, inputs whose channels go together, and what calibration says about them.
typedef struct problem {
    float values[ROWS * COLUMNS];
    float inputs[TOKENS * COLUMNS];
    float importance[COLUMNS];
    rk__compensation compensation;
} problem;

static void measure(problem *p) {
    static float moments[COLUMNS * GROUP]; // more than there are
    static double work[2 * GROUP * GROUP];
    for (size_t i = 0; i < COLUMNS; i++) {
        for (size_t j = 0; j < GROUP; j++) {
            double sum = 0.0, square = 0.0;
            for (size_t t = 0; t < TOKENS; t++) {
                const float *x = p->inputs + t * COLUMNS;
                sum += (double)x[i] * (double)x[i / GROUP * GROUP + j];
                square += (double)x[i] * (double)x[i];
            }
            const size_t place = i / GROUP * rk__triangle(GROUP) + rk__triangle(i % GROUP) + j;
            if (j <= i % GROUP) moments[place] = (float)(sum / TOKENS);
            p->importance[i] = (float)(square / TOKENS);
        }
    }
    cr_assert_eq(rk__compensation_init(&p->compensation, COLUMNS, GROUP, NULL), RK_OK);
    for (size_t g = 0; g < rk__compensation_groups(&p->compensation); g++) {
        rk__compensation_solve(&p->compensation, g, p->importance, moments, work);
    }
}

static problem *new_problem(uint64_t seed) {
    rk__random random = {.seed = seed};
    problem *p = calloc(1, sizeof *p);
    for (size_t i = 0; i < ROWS * COLUMNS; i++) p->values[i] = 0.1F * normal(&random);
    for (size_t t = 0; t < TOKENS; t++) {
        float *x = p->inputs + t * COLUMNS;
        const float common = normal(&random);
        for (size_t i = 0; i < COLUMNS; i++) {
            const float before = i % GROUP == 0 ? 0.0F : x[i - 1];
            x[i] = 0.6F * before + 0.5F * common + normal(&random);
            if (t == 0 && i % 48 == 5) x[i] *= 8.0F;
        }
    }
    measure(p);
    return p;
}

static void free_problem(problem *p) {
    rk__compensation_fini(&p->compensation);
    free(p);
}

// Rounds `n_rows` rows from `first` on and gives what a reader sees.
static void round_rows(float *decoded, const problem *p, rk_dtype dtype, rk__isa isa,
                       const rk__search *search, size_t first, size_t n_rows) {
    rk__rows rows;
    rk__rows_init(&rows, isa);
    size_t row_bytes;
    cr_assert(rk_dtype_row_bytes(&row_bytes, dtype, COLUMNS));
    uint8_t *out = malloc(n_rows * row_bytes);
    float *scratch = malloc((rk__search_scratch(search, n_rows) + 1) * sizeof *scratch);
    cr_assert(rk__rows_can_search(&rows, dtype));
    rk__search_rows(&rows, dtype, search, out, p->values + first * COLUMNS, n_rows, COLUMNS,
                    scratch);
    rows.decode[dtype](decoded, out, n_rows * COLUMNS);
    free(out);
    free(scratch);
}

static double product_error(const problem *p, const float *decoded) {
    double sum = 0.0;
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t t = 0; t < TOKENS; t++) {
            double error = 0.0;
            for (size_t i = 0; i < COLUMNS; i++) {
                const size_t at = r * COLUMNS + i;
                error += ((double)decoded[at] - (double)p->values[at]) *
                         (double)p->inputs[t * COLUMNS + i];
            }
            sum += error * error;
        }
    }
    return sum;
}

static double weight_error(const problem *p, const float *decoded) {
    double sum = 0.0;
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        const double error = (double)decoded[i] - (double)p->values[i];
        sum += error * error;
    }
    return sum;
}

// The blocks are those that the search finds for the weights of the contract.
static void check_weights(const float *importance) {
    problem *p = new_problem(1);
    const rk__search search = {.importance = importance == NULL ? NULL : p->importance};
    float decoded[ROWS * COLUMNS];
    for (size_t f = 0; f < N_FORMATS; f++) {
        round_rows(decoded, p, formats[f], RK__ISA_SCALAR, &search, 0, ROWS);
        for (size_t r = 0; r < ROWS; r++) {
            const float *row = p->values + r * COLUMNS;
            double square = 0.0;
            for (size_t i = 0; i < COLUMNS; i++) square += (double)row[i] * (double)row[i];
            for (size_t i = 0; i < COLUMNS; i += BLOCK) {
                float weights[BLOCK];
                for (size_t k = 0; k < BLOCK; k++) {
                    const float x = row[i + k];
                    const float own = (float)(square / COLUMNS) + x * x;
                    weights[k] = search.importance ? search.importance[i + k] * sqrtf(own) : own;
                }
                const rk__block_fit fit = rk__block_fitter_of(formats[f])(row + i, weights);
                for (size_t k = 0; k < BLOCK; k++) {
                    const float code = rk__nearest_code_within(
                        (row[i + k] - fit.m) * (1.0F / fit.d), rk__code_range_of(formats[f]));
                    cr_assert_eq(decoded[r * COLUMNS + i + k], code * fit.d + fit.m);
                }
            }
        }
    }
    free_problem(p);
}

Test(rows_search, weighs_values_as_promised) {
    const float given = 0.0F;
    check_weights(NULL);
    check_weights(&given);
}

Test(rows_search, rows_do_not_depend_on_each_other) {
    problem *p = new_problem(2);
    const rk__search searches[] = {
        {NULL, NULL}, {p->importance, NULL}, {p->importance, &p->compensation}};
    float all[ROWS * COLUMNS], one[COLUMNS];
    for (size_t s = 0; s < 3; s++) {
        for (size_t f = 0; f < N_FORMATS; f++) {
            round_rows(all, p, formats[f], RK__ISA_SCALAR, &searches[s], 0, ROWS);
            for (size_t r = 0; r < ROWS; r += 5) {
                round_rows(one, p, formats[f], RK__ISA_SCALAR, &searches[s], r, 1);
                cr_assert_arr_eq(one, all + r * COLUMNS, sizeof one, "search %zu, row %zu", s, r);
            }
        }
    }
    free_problem(p);
}

Test(rows_search, is_the_same_with_all_instructions) {
    problem *p = new_problem(3);
    const rk__search searches[] = {
        {NULL, NULL}, {p->importance, NULL}, {p->importance, &p->compensation}};
    float scalar[ROWS * COLUMNS], best[ROWS * COLUMNS];
    for (size_t s = 0; s < 3; s++) {
        for (size_t f = 0; f < N_FORMATS; f++) {
            round_rows(scalar, p, formats[f], RK__ISA_SCALAR, &searches[s], 0, ROWS);
            round_rows(best, p, formats[f], rk__isa_available(), &searches[s], 0, ROWS);
            cr_assert_arr_eq(scalar, best, sizeof scalar, "search %zu", s);
        }
    }
    free_problem(p);
}

// What is measured is the error of products on the inputs themselves.
Test(rows_search, knowing_the_inputs_helps) {
    problem *p = new_problem(4);
    const rk__search nothing = {NULL, NULL}, importance = {p->importance, NULL},
                     all = {p->importance, &p->compensation};
    float decoded[ROWS * COLUMNS];
    for (size_t f = 0; f < N_FORMATS; f++) {
        const char *name = rk_dtype_describe(formats[f])->name;
        round_rows(decoded, p, formats[f], RK__ISA_SCALAR, &nothing, 0, ROWS);
        const double blind = product_error(p, decoded), blind_weights = weight_error(p, decoded);
        round_rows(decoded, p, formats[f], RK__ISA_SCALAR, &importance, 0, ROWS);
        const double weighted = product_error(p, decoded);
        round_rows(decoded, p, formats[f], RK__ISA_SCALAR, &all, 0, ROWS);
        const double compensated = product_error(p, decoded);
        cr_expect(weighted < 1.05 * blind, "%s: %g, blind %g", name, weighted, blind);
        cr_expect(compensated < 0.85 * weighted, "%s: %g, weighted %g", name, compensated,
                  weighted);
        cr_expect(weight_error(p, decoded) > blind_weights, "%s: the weights pay for it", name);
    }
    free_problem(p);
}

Test(rows_search, needs_scratch_memory_for_compensation_alone) {
    const rk__compensation c = {.columns = COLUMNS, .group = GROUP};
    cr_assert_eq(rk__search_scratch(&(rk__search){NULL, NULL}, 100), 0);
    cr_assert_eq(rk__search_scratch(&(rk__search){NULL, &c}, 100), 100 + RK__TOGETHER * GROUP);
}
