#!/bin/bash
# Compiles every header alone: public ones as C17 and C++17, those of lib/ and tools/ as C17. Those for an instruction
# set (*_avx2.h) get its flags; *_tiles.h and *_256.h are no headers of their own but what the files of several instruction
# sets include after their definitions, and are compiled with these.
#
# usage: headers_alone.sh ROOT C_COMPILER

set -euo pipefail

root=$1
c_compiler=$2
warnings=(-Wall -Wextra -Wconversion -Wshadow -Wundef -Werror)
failed=0

# compile COMPILER LANGUAGE STANDARD FLAG... -- HEADER
compile() {
  local header=${*: -1}
  if ! printf '#include "%s"\n' "$header" |
    "${@:1:$#-2}" "${warnings[@]}" -fsyntax-only -; then
    echo "$header does not compile alone as ${3#-std=}"
    failed=1
  fi
}

cxx_compiler=
for candidate in g++ clang++; do
  if command -v "$candidate" >/dev/null; then
    cxx_compiler=$candidate
    break
  fi
done

cd "$root"
while IFS= read -r header; do
  compile "$c_compiler" -xc -std=c17 -Iinclude -- "${header#include/}"
  [[ -z $cxx_compiler ]] || compile "$cxx_compiler" -xc++ -std=c++17 -Iinclude -- "${header#include/}"
done < <(find include -name '*.h' | LC_ALL=C sort)

while IFS= read -r header; do
  instructions=()
  case $header in
    *_tiles.h | *_256.h) continue ;;
    *_avx2.h)
      [[ $("$c_compiler" -dumpmachine) == x86_64* ]] || continue
      instructions=(-mavx2 -mfma -mf16c)
      ;;
  esac
  compile "$c_compiler" -xc -std=c17 "${instructions[@]}" -D_GNU_SOURCE -Iinclude -Ilib -Itools -- "${header#*/}"
done < <(find lib tools -name '*.h' | LC_ALL=C sort)

((failed == 0)) || exit 1
if [[ -z $cxx_compiler ]]; then
  echo "skipped: there is no C++ compiler; as C the headers are fine"
  exit 77
fi
