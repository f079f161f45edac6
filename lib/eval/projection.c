// Random projection by a sparse matrix of signs: column i of the input is added to four outputs,
// one in each quarter, with a sign (the block construction of Kane and Nelson, "Sparser
// Johnson-Lindenstrauss transforms", 2014). One block of Philox numbered i holds the four places
// and signs, so the matrix takes no memory.
#include "rk/projection.h"

#include <string.h>

#include "base/memory.h"
#include "base/random.h"

enum { ENTRIES = RK_PROJECTION_LEAST };

// Where a column goes, and with what sign.
typedef struct column {
    size_t place[ENTRIES];
    double sign[ENTRIES]; // +1/2 or -1/2: four of them have length 1
} column;

static column column_of(const rk_projection *p, size_t index) {
    const uint64_t n = index;
    const uint32_t counter[4] = {(uint32_t)n, (uint32_t)(n >> 32)};
    const uint32_t key[2] = {(uint32_t)p->seed, (uint32_t)(p->seed >> 32)};
    uint32_t words[4];
    rk__philox(words, counter, key);
    column c;
    for (size_t i = 0; i < ENTRIES; i++) {
        const uint64_t begin = p->n_out * i / ENTRIES, end = p->n_out * (i + 1) / ENTRIES;
        c.place[i] = (size_t)(begin + ((end - begin) * (words[i] >> 1) >> 31));
        c.sign[i] = (words[i] & 1) != 0 ? 0.5 : -0.5;
    }
    return c;
}

rk_status rk_project(float *out, const rk_projection *projection, const float *rows, size_t n_rows,
                     rk_error *err) {
    const size_t n_in = projection->n_in, n_out = projection->n_out;
    if (n_out < RK_PROJECTION_LEAST || n_out > UINT32_MAX) {
        return rk__fail(err, RK_ERR_ARGUMENT, "a projection to %zu columns; at least %d", n_out,
                        RK_PROJECTION_LEAST);
    }
    double *sums = NULL;
    size_t n_sums;
    if (!rk_size_mul(&n_sums, n_rows, n_out)) return rk__fail_memory(err, SIZE_MAX);
    RK_TRY(rk__alloc((void **)&sums, n_sums, sizeof *sums, err));
    for (size_t i = 0; i < n_in; i++) {
        const column c = column_of(projection, i);
        for (size_t r = 0; r < n_rows; r++) {
            const double value = (double)rows[r * n_in + i];
            double *const sum = sums + r * n_out;
            for (size_t k = 0; k < ENTRIES; k++) sum[c.place[k]] += c.sign[k] * value;
        }
    }
    for (size_t i = 0; i < n_sums; i++) out[i] = (float)sums[i];
    rk__free(sums);
    return RK_OK;
}
