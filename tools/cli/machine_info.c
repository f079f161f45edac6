// What a measurement ran on.
#include "cli/machine_info.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifndef CLI_COMMIT
#define CLI_COMMIT "unknown"
#endif

// Copies the value of a line "model name : ..." of Linux's description of the processors.
static void read_processor(char *out, size_t size) {
    snprintf(out, size, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (file == NULL) return;
    char line[512];
    while (fgets(line, sizeof line, file) != NULL) {
        const char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || value == NULL) continue;
        value += 1 + strspn(value + 1, " \t");
        snprintf(out, size, "%.*s", (int)strcspn(value, "\n"), value);
        break;
    }
    fclose(file);
}

static uint64_t count_cores(void) {
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask) == 0) return (uint64_t)CPU_COUNT(&mask);
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (uint64_t)n : 1;
}

void cli_machine_describe(cli_machine *machine) {
    *machine = (cli_machine){.cores = count_cores()};
    read_processor(machine->processor, sizeof machine->processor);
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) machine->memory = (uint64_t)pages * (uint64_t)page;
    struct utsname name;
    if (uname(&name) == 0) {
        snprintf(machine->system, sizeof machine->system, "%.20s %.80s %.40s", name.sysname,
                 name.release, name.machine);
    }
    snprintf(machine->commit, sizeof machine->commit, "%.40s", CLI_COMMIT);
    const time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL) {
        (void)strftime(machine->time, sizeof machine->time, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
}
