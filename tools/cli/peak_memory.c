// Peak memory, from Linux's /proc where there is one.
#include "cli/peak_memory.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

bool cli_peak_memory_reset(void) {
    // What has been freed is given back first, or it would count for whoever comes next.
    malloc_trim(0);
    const int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool done = write(fd, "5", 1) == 1; // proc(5): reset the peak resident set size
    close(fd);
    return done;
}

uint64_t cli_peak_memory(void) {
    unsigned long kib = 0;
    FILE *status = fopen("/proc/self/status", "re");
    if (status != NULL) {
        char line[256];
        while (fgets(line, sizeof line, status) != NULL) {
            if (sscanf(line, "VmHWM: %lu kB", &kib) == 1) break;
        }
        fclose(status);
    }
    if (kib == 0) {
        // The same since the start of the process; no reset reaches it.
        struct rusage usage;
        if (getrusage(RUSAGE_SELF, &usage) == 0) kib = (unsigned long)usage.ru_maxrss;
    }
    return (uint64_t)kib * 1024;
}
