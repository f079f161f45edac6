#!/bin/bash
# The program in README.md: compiled as it stands there and run with the demo model; and with what is no model.
#
# usage: readme.sh ROOT BUILD C_COMPILER [FLAG...]

set -euo pipefail

root=$1
build=$2
c_compiler=$3
flags=("${@:4}")

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$root/README.md" >"$scratch/example.c"
[[ -s $scratch/example.c ]] || { echo "README.md has no program"; exit 1; }
"$c_compiler" -std=c17 -Wall -Wextra -Werror "${flags[@]}" "$scratch/example.c" -I"$root/include" \
  -L"$build/lib" -Wl,-rpath,"$build/lib" -lrwkv -o "$scratch/example"

said=$("$scratch/example" "$root/models/demo/demo-rwkv4.pth")
[[ $said == "after \"Once upon\" comes ' '" ]] || { echo "it said: $said"; exit 1; }
if "$scratch/example" "$root/README.md" 2>"$scratch/errors"; then exit 1; fi
grep -q "README.md" "$scratch/errors"
