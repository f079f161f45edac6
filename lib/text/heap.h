// A heap of numbers with a companion each: gives the largest first, without sorting all of them.
#ifndef RK_HEAP_H
#define RK_HEAP_H

#include <stddef.h>

typedef struct rk__heap_item {
    double score; // what is compared
    double p;     // what comes along
} rk__heap_item;

// Makes a heap of any items.
void rk__heap_make(rk__heap_item *items, size_t n);

// Takes out the item of the largest score; *n > 0 becomes one less.
rk__heap_item rk__heap_pop(rk__heap_item *heap, size_t *n);

#endif
