// What this build and this machine are, in one line.
#include "rk/version.h"

#include <pthread.h>
#include <stdio.h>

#include "kernels/cpu_features.h"

static char text[128];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void describe(void) {
    (void)snprintf(text, sizeof text, "rwkv-tools %s, CPU kernels: %s", rk_version(),
                   rk__isa_name(rk__isa_available()));
}

const char *rk_system_info(void) {
    pthread_once(&once, describe);
    return text;
}
