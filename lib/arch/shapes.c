// Shapes as letters: what sizes a model has, and whether its tensors agree on them.
#include "arch/arch_internal.h"

#include <ctype.h>
#include <string.h>

#include "base/memory.h"

const char *rk__arch_shape_text(const rk__arch_row *row, rk__naming naming) {
    return naming == RK__NAMES_MODEL_FILE && row->file_shape != NULL ? row->file_shape : row->shape;
}

static size_t size_of(const rk__sizes *sizes, char letter) {
    if (isdigit((unsigned char)letter)) return (size_t)(letter - '0');
    return sizes->of[(unsigned char)letter];
}

rk_shape rk__shape_of(const rk__sizes *sizes, const char *text) {
    rk_shape out = {0};
    for (; *text != '\0' && *text != '|' && out.n_dims < RK_MAX_DIMS; text++) {
        out.dims[out.n_dims++] = size_of(sizes, *text);
    }
    return out;
}

// The next alternative behind `at`, or NULL.
static const char *next_alternative(const char *at) {
    const char *bar = strchr(at, '|');
    return bar == NULL ? NULL : bar + 1;
}

static rk_shape without_ones(const rk_shape *shape) {
    rk_shape out = {0};
    for (size_t i = 0; i < shape->n_dims; i++) {
        if (shape->dims[i] != 1) out.dims[out.n_dims++] = shape->dims[i];
    }
    return out;
}

bool rk__shapes_agree(const rk_shape *a, const rk_shape *b) {
    const rk_shape x = without_ones(a);
    const rk_shape y = without_ones(b);
    return x.n_dims == y.n_dims && memcmp(x.dims, y.dims, x.n_dims * sizeof x.dims[0]) == 0;
}

bool rk__shape_fits(rk_shape *chosen, const rk__sizes *sizes, const char *text,
                    const rk_shape *shape) {
    *chosen = rk__shape_of(sizes, text);
    for (const char *at = text; at != NULL; at = next_alternative(at)) {
        const rk_shape expected = rk__shape_of(sizes, at);
        if (!rk__shapes_agree(shape, &expected)) continue;
        *chosen = expected;
        return true;
    }
    return false;
}

static size_t count_letters(const char *at, size_t length) {
    size_t n = 0;
    for (size_t i = 0; i < length; i++) n += !isdigit((unsigned char)at[i]);
    return n;
}

// The alternative that a shape most likely is: one with its number of dimensions if there is any,
// and among those one with as many letters as the shape has sizes above 1.
static const char *likely_alternative(const char *text, const rk_shape *shape) {
    const size_t n_above_one = without_ones(shape).n_dims;
    const char *best = text;
    size_t best_score = 0;
    for (const char *at = text; at != NULL; at = next_alternative(at)) {
        const size_t length = strcspn(at, "|");
        const size_t score = (length == shape->n_dims ? 2U : 0U) +
                             (count_letters(at, length) == n_above_one ? 1U : 0U);
        if (score <= best_score) continue;
        best = at;
        best_score = score;
    }
    return best;
}

// Keeps the value that more than half of all votes are for, if there is such a value (the majority
// vote of Boyer and Moore).
static void vote(rk__size_votes *votes, char letter, size_t value, size_t voter) {
    const size_t i = (unsigned char)letter;
    if (value == 0) return;
    if (votes->sizes.of[i] == value) {
        votes->lead[i]++;
    } else if (votes->sizes.of[i] != 0 && votes->lead[i] > 0) {
        votes->lead[i]--;
    } else {
        votes->sizes.of[i] = value;
        votes->lead[i] = 1;
        votes->voter[i] = voter;
    }
}

void rk__sizes_vote(rk__size_votes *votes, const char *text, const rk_shape *shape, size_t voter) {
    const char *at = likely_alternative(text, shape);
    const size_t length = strcspn(at, "|");
    // Dimension by dimension where there are as many; otherwise without the sizes of 1.
    const rk_shape found = length == shape->n_dims ? *shape : without_ones(shape);
    const size_t n_letters = count_letters(at, length);
    if (found.n_dims != length && found.n_dims != n_letters) return;
    size_t dim = 0;
    for (size_t i = 0; i < length; i++) {
        const bool is_digit = isdigit((unsigned char)at[i]) != 0;
        if (is_digit && found.n_dims != length) continue;
        if (!is_digit) vote(votes, at[i], found.dims[dim], voter);
        dim++;
    }
}

bool rk__sizes_relate(rk__sizes *sizes, const rk__relation *relation) {
    const size_t whole = size_of(sizes, relation->whole);
    size_t known = 1;
    size_t *unknown = NULL;
    for (const char *f = relation->factors; *f != '\0'; f++) {
        const size_t size = size_of(sizes, *f);
        if (size == 0) {
            unknown = &sizes->of[(unsigned char)*f];
        } else if (!rk_size_mul(&known, known, size)) {
            return false;
        }
    }
    if (unknown != NULL) {
        *unknown = whole / known;
        return *unknown > 0 && *unknown * known == whole;
    }
    return known == whole;
}
