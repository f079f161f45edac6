// Checks every kernel of every instruction set that this machine has.
//
//     check_kernels [-k PATTERN] [--list] [SEED]
//
// Walks the levels upward, lets the library fill its table for each, and checks the kernels that a
// level replaces. RWKV_CPU limits the levels. Exit code 0: all good; 1: a kernel is wrong or has
// crashed; 77: nothing was checked.
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static const char *current_isa = "";

static void write_text(const char *text) {
    const ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written; // nothing to be done about it here
}

// Only what is safe in a signal handler.
static void report_crash(int signal_number) {
    write_text("\ncheck_kernels: signal ");
    char digits[3] = {(char)('0' + signal_number / 10 % 10), (char)('0' + signal_number % 10), 0};
    write_text(digits);
    write_text(" in ");
    write_text(check_current());
    write_text(" (");
    write_text(current_isa);
    write_text(")\n");
    _exit(1);
}

static void catch_crashes(void) {
    const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    const struct sigaction action = {.sa_handler = report_crash};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        sigaction(signals[i], &action, NULL);
    }
}

static int usage(void) {
    fprintf(stderr, "usage: check_kernels [-k PATTERN] [--list] [SEED]\n");
    return 2;
}

// False: misuse.
static bool parse_arguments(check_options *options, int argc, char **argv) {
    static const struct option long_options[] = {{"list", no_argument, NULL, 'l'}, {0}};
    *options = (check_options){.seed = (uint64_t)time(NULL)};
    for (int c; (c = getopt_long(argc, argv, "k:", long_options, NULL)) != -1;) {
        switch (c) {
        case 'k':
            options->pattern = optarg;
            break;
        case 'l':
            options->list = true;
            break;
        default:
            return false;
        }
    }
    if (optind < argc) {
        char *end;
        options->seed = strtoull(argv[optind], &end, 0);
        if (*end != '\0' || end == argv[optind]) return false;
        optind++;
    }
    return optind == argc;
}

// The table of the level below: the scalar level has none, so that all its kernels count as new.
static void init_level(check_level *level, rk__isa isa) {
    memset(level, 0, sizeof *level);
    rk__kernels_init(&level->scalar, RK__ISA_SCALAR);
    rk__kernels_init(&level->tested, isa);
    if (isa > RK__ISA_SCALAR) rk__kernels_init(&level->below, (rk__isa)(isa - 1));
}

int main(int argc, char **argv) {
    check_options options;
    size_t checked = 0, failed = 0;
    if (!parse_arguments(&options, argc, argv)) return usage();
    catch_crashes();
    check_setup(&options);
    if (!options.list) printf("seed %llu\n", (unsigned long long)options.seed);
    for (int isa = RK__ISA_SCALAR; isa <= (int)rk__isa_available(); isa++) {
        static check_level level;
        if (!rk__isa_exists((rk__isa)isa)) continue;
        current_isa = rk__isa_name((rk__isa)isa);
        printf("%s\n", current_isa);
        init_level(&level, (rk__isa)isa);
        check_activations(&level);
        check_products(&level);
        check_planes(&level);
        check_rows(&level);
        check_search(&level);
        check_elementary(&level);
        const size_t known = check_vectors(&level) + check_recurrences(&level);
        if (known != sizeof(rk__vector) / sizeof(void (*)(void))) {
            fprintf(stderr, "check_kernels: rk__vector has members that no check knows\n");
            return 1;
        }
        const check_counts counts = check_take_counts();
        if (!options.list) printf("  %zu kernels, %zu wrong\n", counts.checked, counts.failed);
        checked += counts.checked;
        failed += counts.failed;
    }
    if (checked == 0) return 77;
    return failed == 0 ? 0 : 1;
}
