// Amounts of bytes and stretches of time for people.
#ifndef CLI_SIZES_H
#define CLI_SIZES_H

#include <stdint.h>

double cli_mib(uint64_t bytes);

// "713 bytes", "9.56 KiB", "512 MiB", "1.23 GiB": three digits. Returns text.
enum { CLI_SIZE_TEXT = 24 };
char *cli_size_format(char text[CLI_SIZE_TEXT], double bytes);

// "0:07", "12:34", "3:04:05"; returns text.
enum { CLI_TIME_TEXT = 24 };
char *cli_time_format(char text[CLI_TIME_TEXT], double seconds);

// Seconds on a clock that only runs forward.
double cli_now(void);

#endif
