// The links of a sampler's chain. Each takes candidates with probabilities that sum to 1 and leaves
// them so (candidates.h). Where a filter keeps "the most probable first until ...", candidates that
// are equal to the last one kept survive too, unless said otherwise.
#ifndef RK_FILTERS_H
#define RK_FILTERS_H

#include "text/candidates.h"

// Drops what is less probable than the candidate at which the running sum, from the most probable
// on down, first reaches top_p >= 0. top_p >= 1 changes nothing.
void rk__filter_top_p(rk__candidates *candidates, double top_p);

// Leaves exactly the k most probable, of equal ones those with the smaller tokens. 0, or at least
// as many as there are, changes nothing.
void rk__filter_top_k(rk__candidates *candidates, size_t k);

// Drops what is less probable than min_p times the most probable. At least 1 leaves that one and
// its equals.
void rk__filter_min_p(rk__candidates *candidates, double min_p);

// The same with top_a times the square of the largest probability.
void rk__filter_top_a(rk__candidates *candidates, double top_a);

// Locally typical sampling (Meister et al., 2022): keeps those whose surprise -log p is nearest to
// the entropy, until they make up `mass`. 0 and from 1 on: changes nothing.
void rk__filter_typical(rk__candidates *candidates, double mass);

// Tail-free sampling: sorted by size, the absolute second differences of the probabilities,
// normalised to sum 1, tell where the tail begins; keeps one candidate more than there are leading
// ones whose running sum stays within z. 0 and from 1 on, fewer than three candidates, or
// differences that are all zero: changes nothing.
void rk__filter_tail_free(rk__candidates *candidates, double z);

// Mirostat 2.0 (Basu et al., 2021): drops what is more surprising than `mu` bits, but the most
// probable and its equals stay.
void rk__filter_surprise(rk__candidates *candidates, double mu);

// p becomes p^(1 / temperature), in the domain of logarithms: no temperature is so small or so
// large that all probabilities vanish. 0 is the limit: the most probable, equal ones equally.
void rk__filter_temperature(rk__candidates *candidates, double temperature);

#endif
