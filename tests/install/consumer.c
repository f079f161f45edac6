// A program as a user would write it: installed headers and library only.
#include <rk/error.h>
#include <rk/version.h>

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc != 2 || strcmp(rk_version(), argv[1]) != 0) {
        printf("the library says version %s\n", rk_version());
        return 1;
    }
    return strcmp(rk_status_name(RK_OK), "OK") != 0;
}
