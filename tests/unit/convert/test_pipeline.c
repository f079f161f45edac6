// The ordered pipeline: order, exclusion, slots, and which failure is told.
#include <criterion/criterion.h>

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "convert/pipeline.h"

enum { MOST_ITEMS = 400, MOST_SLOTS = 16, NEVER = MOST_ITEMS };

// A job that watches how it is run. The fields `*_fails` name the item at which to fail.
typedef struct probe {
    rk__pipeline pipeline;
    size_t make_fails, finish_fails, watch_fails;
    atomic_size_t in_slot[MOST_SLOTS]; // the item in it plus 1, or 0
    atomic_int finishing;
    atomic_size_t next;             // to be finished
    atomic_size_t n_made;           // called for so many items
    size_t watched;                 // the last number it was told
    atomic_int complaints;          // broken promises
    int made_by[MOST_ITEMS];        // thread + 1
    unsigned made_with[MOST_ITEMS]; // what make left behind for finish
} probe;

static void expect(probe *p, bool holds) {
    if (!holds) atomic_fetch_add(&p->complaints, 1);
}

// A little work, more for some items than for others, so that they overtake one another.
static void work(size_t item) {
    const struct timespec some = {.tv_nsec = (long)(item * 7919 % 13) * 20000};
    nanosleep(&some, NULL);
}

static rk_status make(void *self, size_t item, size_t slot, size_t thread, rk_error *err) {
    probe *p = self;
    size_t empty = 0;
    expect(p, slot == item % p->pipeline.n_slots);
    expect(p, atomic_compare_exchange_strong(&p->in_slot[slot], &empty, item + 1));
    atomic_fetch_add(&p->n_made, 1);
    p->made_by[item] = (int)thread + 1;
    p->made_with[item] = (unsigned)item * 31 + 5;
    work(item);
    if (item != p->make_fails) return RK_OK;
    return rk__fail(err, RK_ERR_RANGE, "make %zu", item);
}

static rk_status finish(void *self, size_t item, size_t slot, rk_error *err) {
    probe *p = self;
    expect(p, atomic_fetch_add(&p->finishing, 1) == 0);
    expect(p, atomic_load(&p->next) == item);
    expect(p, p->made_with[item] == item * 31 + 5);
    if (item % 3 == 0) work(item + 1);
    size_t full = item + 1;
    expect(p, atomic_compare_exchange_strong(&p->in_slot[slot], &full, 0));
    atomic_fetch_sub(&p->finishing, 1);
    if (item == p->finish_fails) return rk__fail(err, RK_ERR_IO, "finish %zu", item);
    atomic_fetch_add(&p->next, 1);
    return RK_OK;
}

static rk_status watch(void *self, size_t n_finished, rk_error *err) {
    probe *p = self;
    expect(p, n_finished >= p->watched && n_finished <= p->pipeline.n_items);
    p->watched = n_finished;
    if (n_finished < p->watch_fails) return RK_OK;
    return rk__fail(err, RK_ERR_CANCELLED, "watch");
}

static void probe_init(probe *p, size_t n_items, size_t n_slots) {
    *p = (probe){.make_fails = NEVER, .finish_fails = NEVER, .watch_fails = NEVER + 1};
    p->pipeline = (rk__pipeline){.n_items = n_items,
                                 .n_slots = n_slots,
                                 .make = make,
                                 .finish = finish,
                                 .watch = watch,
                                 .self = p};
}

static rk_status run(probe *p, size_t n_threads, rk_error *err) {
    rk_pool *pool = NULL;
    const rk_pool_options options = {.n_threads = n_threads};
    cr_assert_eq(rk_pool_new(&pool, &options, NULL), RK_OK);
    const rk_status status = rk__pipeline_run(&p->pipeline, pool, err);
    rk_pool_free(&pool);
    cr_expect_eq(atomic_load(&p->complaints), 0, "%d broken promises, %zu threads, %zu slots",
                 atomic_load(&p->complaints), n_threads, p->pipeline.n_slots);
    return status;
}

static const size_t threads[] = {1, 2, 3, 7};
enum { N_THREADS = sizeof threads / sizeof threads[0] };

Test(pipeline, finishes_all_in_order) {
    for (size_t t = 0; t < N_THREADS; t++) {
        for (size_t n_slots = 1; n_slots <= MOST_SLOTS; n_slots *= 2) {
            static probe p;
            probe_init(&p, 150, n_slots);
            cr_assert_eq(run(&p, threads[t], NULL), RK_OK);
            cr_assert_eq(atomic_load(&p.next), 150);
            cr_assert_eq(atomic_load(&p.n_made), 150);
        }
    }
}

Test(pipeline, several_threads_make) {
    static probe p;
    probe_init(&p, MOST_ITEMS, 8);
    cr_assert_eq(run(&p, 4, NULL), RK_OK);
    bool seen[5] = {false};
    for (size_t i = 0; i < MOST_ITEMS; i++) seen[p.made_by[i]] = true;
    cr_assert(seen[1] && seen[2] && seen[3] && seen[4]);
}

Test(pipeline, few_items) {
    for (size_t t = 0; t < N_THREADS; t++) {
        for (size_t n_items = 0; n_items <= 3; n_items++) {
            static probe p;
            probe_init(&p, n_items, 4);
            cr_assert_eq(run(&p, threads[t], NULL), RK_OK);
            cr_assert_eq(atomic_load(&p.next), n_items);
        }
    }
}

// Whatever else fails behind it: the first item that fails is told, after all before it are done.
Test(pipeline, tells_the_first_failure) {
    static const size_t items[] = {0, 1, 17, 99};
    for (size_t t = 0; t < N_THREADS; t++) {
        for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
            static probe p;
            rk_error err = {0};
            char text[32];
            probe_init(&p, 100, 6);
            p.make_fails = items[i];
            cr_assert_eq(run(&p, threads[t], &err), RK_ERR_RANGE);
            (void)snprintf(text, sizeof text, "make %zu", items[i]);
            cr_assert_str_eq(err.message, text);
            cr_assert_eq(atomic_load(&p.next), items[i]);
            cr_assert(atomic_load(&p.n_made) <= items[i] + 6);

            probe_init(&p, 100, 6);
            p.finish_fails = items[i];
            p.make_fails = items[i] + 2;
            cr_assert_eq(run(&p, threads[t], &err), RK_ERR_IO);
            (void)snprintf(text, sizeof text, "finish %zu", items[i]);
            cr_assert_str_eq(err.message, text);
            cr_assert_eq(atomic_load(&p.next), items[i]);
        }
    }
}

Test(pipeline, stops_when_it_is_told_to) {
    for (size_t t = 0; t < N_THREADS; t++) {
        static probe p;
        rk_error err = {0};
        probe_init(&p, MOST_ITEMS, 4);
        p.watch_fails = 20;
        cr_assert_eq(run(&p, threads[t], &err), RK_ERR_CANCELLED);
        cr_assert_str_eq(err.message, "watch");
        cr_assert(p.watched >= 20);
        cr_assert(atomic_load(&p.next) < MOST_ITEMS, "%zu", atomic_load(&p.next));
    }
}

Test(pipeline, runs_without_a_pool) {
    static probe p;
    probe_init(&p, 30, 2);
    cr_assert_eq(rk__pipeline_run(&p.pipeline, NULL, NULL), RK_OK);
    cr_assert_eq(atomic_load(&p.next), 30);
    for (size_t i = 0; i < 30; i++) cr_assert_eq(p.made_by[i], 1);
    p.make_fails = 3;
    atomic_store(&p.next, 0);
    p.watched = 0;
    cr_assert_eq(rk__pipeline_run(&p.pipeline, NULL, NULL), RK_ERR_RANGE); // nobody asks why
}
