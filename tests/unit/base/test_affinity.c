// Processors: the list follows the affinity mask, and threads can be bound to its members.
#include <criterion/criterion.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/affinity.h"

Test(affinity, the_list_is_the_mask) {
    cpu_set_t mask;
    cr_assert_eq(sched_getaffinity(0, sizeof mask, &mask), 0);
    rk__processors processors;
    cr_assert_eq(rk__processors_init(&processors, NULL), RK_OK);
    cr_assert_eq(processors.count, (size_t)CPU_COUNT(&mask));
    cr_assert(processors.n_cores >= 1 && processors.n_cores <= processors.count);
    for (size_t i = 0; i < processors.count; i++) {
        cr_assert(CPU_ISSET(processors.numbers[i], &mask), "%zu is not ours, or twice there",
                  processors.numbers[i]);
        CPU_CLR(processors.numbers[i], &mask);
    }
    rk__processors_fini(&processors);
    cr_assert_null(processors.numbers);
}

Test(affinity, one_processor_is_one_core) {
    rk__processors processors;
    cr_assert_eq(rk__processors_init(&processors, NULL), RK_OK);
    const size_t last = processors.numbers[processors.count - 1];
    rk__processors_fini(&processors);

    // Also when its sibling, which leads the core, is not in the mask.
    cr_assert(rk__bind_thread(pthread_self(), last));
    cr_assert_eq(rk__processors_init(&processors, NULL), RK_OK);
    cr_assert_eq(processors.count, 1);
    cr_assert_eq(processors.n_cores, 1);
    cr_assert_eq(processors.numbers[0], last);
    cr_assert_eq(sched_getcpu(), (int)last);
    rk__processors_fini(&processors);
}

Test(affinity, a_processor_that_is_not_there) {
    cr_assert_not(rk__bind_thread(pthread_self(), 60000));
}

// Writes the system's file about one processor into a folder of our own.
static void write_siblings(const char *folder, size_t processor, const char *list) {
    static const char *const levels[] = {"", "/topology", "/topology/thread_siblings_list"};
    char path[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/cpu%zu%s", folder, processor, levels[i]);
        if (i < 2) mkdir(path, 0700);
    }
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fprintf(file, "%s\n", list);
    fclose(file);
}

static void remove_siblings(const char *folder, size_t processor) {
    static const char *const levels[] = {"/topology/thread_siblings_list", "/topology", ""};
    char path[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/cpu%zu%s", folder, processor, levels[i]);
        remove(path);
    }
}

static void assert_scan(const char *folder, const cpu_set_t *mask, const size_t *expected,
                        size_t count, size_t n_cores) {
    rk__processors processors;
    cr_assert_eq(rk__processors_scan(&processors, mask, CPU_SETSIZE, folder, NULL), RK_OK);
    cr_assert_eq(processors.count, count);
    cr_assert_eq(processors.n_cores, n_cores, "%zu cores", processors.n_cores);
    for (size_t i = 0; i < count; i++) cr_assert_eq(processors.numbers[i], expected[i]);
    rk__processors_fini(&processors);
}

Test(affinity, processors_that_share_a_core_count_once) {
    char folder[] = "/tmp/rk-affinity-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    // Two cores as most machines number them, two as others do, one alone, one that nothing is said
    // about.
    write_siblings(folder, 0, "0,2");
    write_siblings(folder, 2, "0,2");
    write_siblings(folder, 1, "1,3");
    write_siblings(folder, 3, "1,3");
    for (size_t i = 4; i < 6; i++) write_siblings(folder, i, "4-5");
    write_siblings(folder, 6, "6");
    cpu_set_t mask;
    CPU_ZERO(&mask);
    for (size_t i = 0; i < 8; i++) CPU_SET(i, &mask);
    assert_scan(folder, &mask, (const size_t[]){0, 1, 4, 6, 7, 5, 3, 2}, 8, 5);

    // Without 0 and 5 in the mask, 2 and 4 are what is left of their cores.
    CPU_CLR(0, &mask);
    CPU_CLR(5, &mask);
    assert_scan(folder, &mask, (const size_t[]){1, 2, 4, 6, 7, 3}, 6, 5);
    for (size_t i = 0; i < 8; i++) remove_siblings(folder, i);
    rmdir(folder);
}
