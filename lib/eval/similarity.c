// Cosines, and the best rows of many.
#include "rk/similarity.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

struct rk_nearest {
    float *query; // [n_columns], owned
    size_t n_columns;
    size_t most, count;
    rk_neighbour *found; // [most], owned; the first `count`, the best first
};

double rk_cosine(const float *a, const float *b, size_t n) {
    double product = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)a[i], y = (double)b[i];
        product += x * y;
        aa += x * x;
        bb += y * y;
    }
    if (aa == 0 || bb == 0) return 0;
    return product / (sqrt(aa) * sqrt(bb));
}

rk_status rk_nearest_new(rk_nearest **out, const float *query, size_t n_columns, size_t most,
                         rk_error *err) {
    rk_nearest *n = NULL;
    rk_status status = RK_OK;
    if (most == 0) {
        status = rk__fail(err, RK_ERR_ARGUMENT, "the best 0 of all rows");
        goto out;
    }
    status = rk__alloc((void **)&n, 1, sizeof *n, err);
    if (status != RK_OK) goto out;
    n->n_columns = n_columns;
    n->most = most;
    status = rk__alloc((void **)&n->query, n_columns, sizeof *n->query, err);
    if (status == RK_OK) status = rk__alloc((void **)&n->found, most, sizeof *n->found, err);
    if (status != RK_OK) goto out;
    memcpy(n->query, query, n_columns * sizeof *query);
out:
    if (status != RK_OK) rk_nearest_free(&n);
    *out = n;
    return status;
}

void rk_nearest_free(rk_nearest **nearest) {
    if (*nearest == NULL) return;
    rk__free((*nearest)->query);
    rk__free((*nearest)->found);
    rk__free(*nearest);
    *nearest = NULL;
}

void rk_nearest_add(rk_nearest *nearest, uint64_t row, const float *vector) {
    const double similarity = rk_cosine(nearest->query, vector, nearest->n_columns);
    if (isnan(similarity)) return;
    rk_neighbour *const found = nearest->found;
    if (nearest->count == nearest->most) {
        if (similarity <= found[nearest->count - 1].similarity) return;
        nearest->count--;
    }
    size_t at = nearest->count++;
    for (; at > 0 && found[at - 1].similarity < similarity; at--) found[at] = found[at - 1];
    found[at] = (rk_neighbour){row, similarity};
}

const rk_neighbour *rk_nearest_found(const rk_nearest *nearest, size_t *count) {
    *count = nearest->count;
    return nearest->found;
}
