// The file that an output is written to before it gets its name. It lies beside the target and is
// locked as long as the process that writes it lives, so that what a killed process left behind can
// be told from what another one is writing.
#ifndef RK_BASE_TEMPORARY_FILE_H
#define RK_BASE_TEMPORARY_FILE_H

#include <limits.h>
#include <stdbool.h>

typedef struct rk__temporary {
    char name[NAME_MAX + 1]; // relative to the directory; "" when there is none
    int fd;                  // to write to
    int lock;                // a second descriptor: the file stays locked when fd is closed; or -1
} rk__temporary;

// Creates ".<target>.<process>-<random>.tmp" in a directory, with as much of the target's name as
// fits, and locks it. Where the file system knows no locks, it is created all the same. False with
// errno set, and with nothing to release, when there can be no such file.
bool rk__temporary_create(rk__temporary *temporary, int directory, const char *target);

// Removes the temporary files of this target whose writers are gone without having removed them.
// What cannot be told or removed stays; nothing is reported.
void rk__temporary_clean(int directory, const char *target);

#endif
