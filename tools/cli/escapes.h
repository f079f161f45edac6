// Backslash escapes in texts that people type.
#ifndef CLI_ESCAPES_H
#define CLI_ESCAPES_H

#include <stdbool.h>

#include "cli/options.h"

// A copy with \n \r \t \" \' \\ \xHH \uXXXX \UXXXXXXXX replaced by what they stand for; \u and \U
// are characters, in UTF-8. Release: free. NULL, with one clause in `reason`, for other escapes,
// for numbers that are no character, and for a zero byte, which would end the text.
char *cli_unescape(const char *text, char reason[CLI_REASON]);

#endif
