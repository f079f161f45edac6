// What is said about this machine: there, in order, and possible.
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "cli/machine_info.h"
#include "cli/read_speed.h"

Test(machine_info, is_described) {
    cli_machine m;
    memset(&m, 0xee, sizeof m);
    cli_machine_describe(&m);
    cr_assert_gt(strlen(m.processor), 0);
    cr_assert_null(strchr(m.processor, '\n'));
    cr_assert(m.cores >= 1 && m.cores < 100000);
    cr_assert(m.memory > (uint64_t)64 << 20);
    cr_assert_gt(strlen(m.system), 0);
    cr_assert_gt(strlen(m.commit), 0);
    int year, month, day, hour, minute, second, end = 0;
    cr_assert_eq(sscanf(m.time, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &year, &month, &day, &hour, &minute,
                        &second, &end),
                 6);
    cr_assert_eq((size_t)end, strlen(m.time), "%s", m.time);
    cr_assert(year >= 2020 && month >= 1 && month <= 12, "%s", m.time);
}

Test(machine_info, reads_memory) {
    cr_assert(cli_read_speed(NULL) > 0);
}
