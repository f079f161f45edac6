#!/bin/bash
# Compiles the programs in docs/library.md as they stand there, and runs them with the demo model: the text must
# go on as its training taught it, and through both interfaces alike.
#
# usage: library.sh ROOT BUILD C_COMPILER [FLAG...]

set -euo pipefail

root=$1
build=$2
c_compiler=$3
flags=("${@:4}")
model=$root/models/demo/demo-rwkv4.pth
[[ -r $model ]] || { echo "skipped: $model is not here"; exit 77; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A block of C that begins with "// NAME.c: ..." is the file NAME.c.
awk -v folder="$scratch" '
  /^```c$/ { first = 1; next }
  /^```$/ { out = ""; next }
  first && /^\/\/ [a-z]+\.c:/ { out = folder "/" substr($2, 1, length($2) - 1) }
  { first = 0; if (out != "") print > out }
' "$root/docs/library.md"

for name in continue greedy; do
  [[ -s $scratch/$name.c ]] || { echo "docs/library.md has no $name.c"; exit 1; }
  "$c_compiler" -std=c17 -Wall -Wextra -Werror "${flags[@]}" "$scratch/$name.c" -I"$root/include" \
    -L"$build/lib" -Wl,-rpath,"$build/lib" -lrwkv -o "$scratch/$name"
  "$scratch/$name" "$model" "Once upon a time" >"$scratch/$name.text"
  echo "$name: $(cat "$scratch/$name.text")"
  [[ $(cat "$scratch/$name.text") == ", in a house "* ]] || { echo "$name: not how stories go on"; exit 1; }
done

# A file that is none ends in one line that names it.
if "$scratch/continue" "$root/README.md" x 2>"$scratch/errors"; then exit 1; fi
[[ $(wc -l <"$scratch/errors") == 1 ]] && grep -q "README.md" "$scratch/errors"
