#!/bin/bash
# Compiles the program in docs/checkpoints.md as it stands there, and runs it on files of several kinds: the same tensors
# with the same magnitudes, and one line for a file that is none.
#
# usage: checkpoints.sh ROOT BUILD C_COMPILER [FLAG...]

set -euo pipefail

root=$1
build=$2
c_compiler=$3
flags=("${@:4}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

complain() {
  echo "$*"
  exit 1
}

# A block of C that begins with "// NAME.c: ..." is the file NAME.c.
awk -v folder="$scratch" '
  /^```c$/ { first = 1; next }
  /^```$/ { out = ""; next }
  first && /^\/\/ [a-z]+\.c:/ { out = folder "/" substr($2, 1, length($2) - 1) }
  { first = 0; if (out != "") print > out }
' "$root/docs/checkpoints.md"
[[ -s $scratch/magnitudes.c ]] || complain "docs/checkpoints.md has no magnitudes.c"
"$c_compiler" -std=c17 -Wall -Wextra -Werror "${flags[@]}" "$scratch/magnitudes.c" -I"$root/include" \
  -L"$build/lib" -Wl,-rpath,"$build/lib" -lrwkv -lm -o "$scratch/magnitudes"

# A small model as PyTorch has it, with dictionaries around it, and as a model file of the same values. Its values are
# as PyTorch has them but for the decay.
data=$root/tests/data/foreign
"$build/bin/pth2bin" "$data/plain.pth" "$scratch/plain.bin" --type FP32 --quiet
"$scratch/magnitudes" "$data/plain.pth" >"$scratch/pth.txt"
"$scratch/magnitudes" "$scratch/plain.bin" >"$scratch/bin.txt"
[[ $(wc -l <"$scratch/pth.txt") == 24 ]] || complain "not the 24 tensors of the model"
grep -Eq '^emb\.weight FP32 \[6, 4\] 0\.[0-9]+$' "$scratch/pth.txt" || complain "no emb.weight"
for name in emb.weight blocks.0.ffn.value.weight head.weight; do
  [[ $(grep "^$name" "$scratch/pth.txt") == "$(grep "^$name" "$scratch/bin.txt")" ]] ||
    complain "$name differs"
done

# Whatever it is, what is wrong is one line.
if "$scratch/magnitudes" "$root/README.md" 2>"$scratch/errors" >"$scratch/out"; then exit 1; fi
[[ $(wc -l <"$scratch/errors") == 1 ]] && grep -q "README.md: no weights file" "$scratch/errors"
