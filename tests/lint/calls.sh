#!/bin/bash
# Checks what the library's objects call and define: nothing that prints or ends the program (lib/compat
# may print, as the interface it imitates does), no allocation beside base/memory.c, no global name
# outside of rk_ and rwkv_.
#
# usage: calls.sh LIBRARY.a

set -euo pipefail

found=$(nm "$1" | awk '
  BEGIN {
    n = split("printf vprintf puts putchar perror stdout stderr vwarn warn warnx", words, " ")
    for (i = 1; i <= n; i++) prints[words[i]]
    n = split("exit _exit _Exit quick_exit abort raise err errx verr", words, " ")
    for (i = 1; i <= n; i++) ends[words[i]]
    n = split("malloc calloc realloc aligned_alloc posix_memalign strdup strndup asprintf", words, " ")
    for (i = 1; i <= n; i++) allocates[words[i]]
  }
  /^[^ ]+\.o:$/ { object = substr($0, 1, length($0) - 1); next }
  NF < 2 { next }
  {
    name = $NF
    type = $(NF - 1)
    sub(/@.*/, "", name)
    plain = name
    if (plain ~ /^__.*_chk$/) plain = substr(plain, 3, length(plain) - 6) # fortified
  }
  type == "U" && plain in prints && object !~ /^rwkv/ { print object ": prints (" name ")" }
  # What nvcc writes around kernels ends the program where the runtime and the kernels are of two versions.
  type == "U" && plain in ends && object !~ /\.cu\.o$/ { print object ": ends the program (" name ")" }
  type == "U" && plain in allocates && object != "memory.c.o" {
    print object ": allocates (" name "), not through base/memory.h"
  }
  # nvcc gives what stands in an unnamed namespace a name of its own, and makes it global.
  type ~ /^[A-TV-Z]$/ && name !~ /^(rk_|rwkv_)/ && !(object ~ /\.cu\.o$/ && name ~ /_GLOBAL__N_/) { print object ": defines the global name " name }
')
if [[ -n $found ]]; then
  printf '%s\n' "$found"
  exit 1
fi
