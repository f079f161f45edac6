// What a measurement ran on: machine, system, build.
#ifndef CLI_MACHINE_INFO_H
#define CLI_MACHINE_INFO_H

#include <stdint.h>

typedef struct cli_machine {
    char processor[96]; // "AMD EPYC 9654", or "unknown"
    uint64_t cores;     // processors that this program may run on
    uint64_t memory;    // bytes
    char system[160];   // "Linux 6.1.0 x86_64"
    char commit[48];    // of the source this was built from: "3f2a91c", with "-dirty"; "unknown"
    char time[24];      // now, in UTC: "2026-11-21T13:45:00Z"
} cli_machine;

void cli_machine_describe(cli_machine *machine);

#endif
