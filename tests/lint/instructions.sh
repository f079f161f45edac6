#!/bin/bash
# Checks that instructions which not every x86 processor has stand in the objects alone that are chosen at
# run time for processors with them: those of AVX in files called *_avx..., those of AVX-512 in *_avx512.
#
# usage: instructions.sh LIBRARY.a

set -euo pipefail

if ! command -v objdump >/dev/null; then
  echo "skipped: objdump is missing"
  exit 77
fi

found=$(objdump -d --no-show-raw-insn "$1" | awk '
  /^[^ ]+\.o:/ { object = $1; sub(/\.c\.o:$/, "", object); next }
  /%zmm|%[xy]mm(1[6-9]|2[0-9]|3[01])|\{%k[0-7]\}/ { if (object !~ /_avx512$/) wrong[object] = $0 }
  /%ymm/ { if (object !~ /_avx/) wrong[object] = $0 }
  /vpdpbusd/ { if (object !~ /_avx512$|_avxvnni$/) wrong[object] = $0 }
  END { for (object in wrong) print object ".c: " wrong[object] }
')
if [[ -n $found ]]; then
  printf 'instructions that the processor may not have:\n%s\n' "$found"
  exit 1
fi
