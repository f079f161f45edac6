// The binary heap: no child has a larger score than its parent.
#include "text/heap.h"

// Restores the heap below `parent`, the one place where it may be broken.
static void sift_down(rk__heap_item *heap, size_t n, size_t parent) {
    const rk__heap_item item = heap[parent];
    for (size_t child; (child = 2 * parent + 1) < n; parent = child) {
        if (child + 1 < n && heap[child + 1].score > heap[child].score) child++;
        if (heap[child].score <= item.score) break;
        heap[parent] = heap[child];
    }
    heap[parent] = item;
}

void rk__heap_make(rk__heap_item *items, size_t n) {
    for (size_t i = n / 2; i-- > 0;) sift_down(items, n, i);
}

rk__heap_item rk__heap_pop(rk__heap_item *heap, size_t *n) {
    const rk__heap_item largest = heap[0];
    heap[0] = heap[--*n];
    if (*n > 0) sift_down(heap, *n, 0);
    return largest;
}
