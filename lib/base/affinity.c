// Processors and cores on Linux: the affinity mask, and sysfs for what shares a core.
#include "base/affinity.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { FIRST_LIMIT = 1024, LAST_LIMIT = 1 << 16 }; // processors a mask can name

// The lowest processor of the mask among `text`, a list such as "0,32" or "4-5"; `self` if there is
// none.
static size_t first_sibling(const char *text, const cpu_set_t *mask, size_t mask_bytes,
                            size_t self) {
    while (*text >= '0' && *text <= '9') {
        char *end;
        const unsigned long first = strtoul(text, &end, 10);
        const unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
        for (unsigned long i = first; i <= last && i < self; i++) {
            if (CPU_ISSET_S(i, mask_bytes, mask)) return i;
        }
        text = *end == ',' ? end + 1 : end;
    }
    return self;
}

// Is this the first processor of the mask on its core?
static bool leads_core(size_t processor, const cpu_set_t *mask, size_t mask_bytes,
                       const char *folder) {
    char path[4096], text[256];
    snprintf(path, sizeof path, "%s/cpu%zu/topology/thread_siblings_list", folder, processor);
    FILE *file = fopen(path, "re");
    if (!file) return true;
    const bool read = fgets(text, sizeof text, file) != NULL;
    fclose(file);
    return !read || first_sibling(text, mask, mask_bytes, processor) == processor;
}

rk_status rk__processors_scan(rk__processors *processors, const cpu_set_t *mask, size_t limit,
                              const char *folder, rk_error *err) {
    *processors = (rk__processors){0};
    const size_t bytes = CPU_ALLOC_SIZE(limit);
    const size_t count = (size_t)CPU_COUNT_S(bytes, mask);
    void *memory;
    RK_TRY(rk__alloc(&memory, count, sizeof *processors->numbers, err));
    processors->numbers = memory;
    processors->count = count;

    // Those that lead a core from the front, the others from the end, which then stand in reverse.
    size_t others = count;
    for (size_t i = 0; i < limit; i++) {
        if (!CPU_ISSET_S(i, bytes, mask)) continue;
        if (leads_core(i, mask, bytes, folder)) {
            processors->numbers[processors->n_cores++] = i;
        } else {
            processors->numbers[--others] = i;
        }
    }
    return RK_OK;
}

// A new set that names the processors below *limit that we may run on; NULL with errno on failure.
static cpu_set_t *read_mask(size_t *limit) {
    for (*limit = FIRST_LIMIT; *limit <= LAST_LIMIT; *limit *= 2) {
        cpu_set_t *mask = CPU_ALLOC(*limit);
        if (!mask) return NULL;
        if (sched_getaffinity(0, CPU_ALLOC_SIZE(*limit), mask) == 0) return mask;
        const int reason = errno;
        CPU_FREE(mask);
        errno = reason;
        if (reason != EINVAL) return NULL; // EINVAL: the system has more processors than this
    }
    return NULL;
}

rk_status rk__processors_init(rk__processors *processors, rk_error *err) {
    *processors = (rk__processors){0};
    size_t limit;
    cpu_set_t *mask = read_mask(&limit);
    if (!mask) return rk__fail_errno(err, errno, "cannot read the affinity mask");
    const rk_status status =
        rk__processors_scan(processors, mask, limit, "/sys/devices/system/cpu", err);
    CPU_FREE(mask);
    return status;
}

void rk__processors_fini(rk__processors *processors) {
    rk__free(processors->numbers);
    *processors = (rk__processors){0};
}

bool rk__bind_thread(pthread_t thread, size_t processor) {
    cpu_set_t *mask = CPU_ALLOC(processor + 1);
    if (!mask) return false;
    const size_t bytes = CPU_ALLOC_SIZE(processor + 1);
    CPU_ZERO_S(bytes, mask);
    CPU_SET_S(processor, bytes, mask);
    const bool bound = pthread_setaffinity_np(thread, bytes, mask) == 0;
    CPU_FREE(mask);
    return bound;
}
