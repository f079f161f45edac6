// The version, as the build knows it: CMakeLists.txt defines RK_VERSION_TEXT from project(VERSION).
#include "rk/version.h"

const char *rk_version(void) {
    return RK_VERSION_TEXT;
}
