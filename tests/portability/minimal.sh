#!/bin/bash
# A minimal build (RWKV_MINIMAL) needs cmake, a C compiler and zlib alone, and its rwkv-run writes what that of a whole
# build writes. What needs other libraries is refused in one line.
#
# usage: minimal.sh SOURCE BIN C_COMPILER GENERATOR [COMPILER_LAUNCHER]

set -euo pipefail

source=$1
whole=$2/rwkv-run
compiler=$3
generator=$4
launcher=${5-}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# These libraries may be installed here: whoever includes their headers does not compile.
for header in cblas.h cjson/cJSON.h f77blas.h histedit.h mpi.h openssl/evp.h pcre2.h utf8proc.h zip.h; do
  mkdir -p "$(dirname "$folder/absent/$header")"
  echo "#error $header is not there in a minimal build" >"$folder/absent/$header"
done

options=(-DCMAKE_BUILD_TYPE=Release -DRWKV_MINIMAL=ON -DRWKV_CUDA=OFF -DRWKV_TESTS=OFF -DRWKV_WERROR=ON
  "-DCMAKE_C_COMPILER=$compiler" "-DCMAKE_C_COMPILER_LAUNCHER=$launcher" "-DCMAKE_C_FLAGS=-I$folder/absent")
cmake -S "$source" -B "$folder/build" -G "$generator" "${options[@]}" >/dev/null
cmake --build "$folder/build" --parallel 2 >"$folder/log" 2>&1 || {
  cat "$folder/log"
  exit 1
}
minimal=$folder/build/bin/rwkv-run

fail() {
  echo "$*"
  exit 1
}

foreign=$(ldd "$minimal" | grep -v -E 'lib(z|m|c|pthread|gcc_s)\.so|linux-vdso|/ld-linux' || true)
[[ -z $foreign ]] || fail "linked with more than zlib: $foreign"

# Both programs, with the same arguments and standard input, print the same, which is not nothing.
same() {
  local input=$1 wanted found
  shift
  wanted=$("$whole" "$@" --quiet <<<"$input")
  found=$("$minimal" "$@" --quiet <<<"$input")
  [[ -n $found && $found == "$wanted" ]] || fail "$*: '$found' instead of '$wanted'"
}

models=$source/models/demo
same "" "$models/demo-rwkv4.pth" -p "Once upon a time" -n 80 --greedy --echo
same "" "$models/demo-rwkv7.pth" -p "Once upon a time" -n 80 --strategy "cpu q8_0" --seed 7
same "" "$models/demo-rwkv4.pth" -p "Once" -n 5 --greedy --logprobs 2
same "" "$models/demo-rwkv4.pth" -p "Once" -n 20 --beams 3
same "Hello" "$models/demo-rwkv4.pth" --chat -n 20 --greedy
{
  for byte in {0..255}; do printf "%d b'\\\\x%02x' 1\n" $((byte + 1)) "$byte"; done
  echo "257 'llo' 3"
} >"$folder/world.txt"
same "Hällo" --tokenize --tokenizer "$folder/world.txt"

# The program ends with a code and a line.
refuses() {
  local wanted=$1 pattern=$2 code=0
  shift 2
  "$minimal" "$@" >"$folder/out" 2>"$folder/err" </dev/null || code=$?
  ((code == wanted)) || fail "$*: exit code $code, not $wanted"
  [[ ! -s $folder/out ]] || fail "$*: printed something"
  grep -q -E "^rwkv-run: $pattern" "$folder/err" || fail "$*: $(cat "$folder/err")"
}

refuses 2 '--json and --jsonl: a minimal build .* has no JSON$' "$models/demo-rwkv4.pth" -p Once --json
refuses 2 '--json and --jsonl: a minimal build .* has no JSON$' "$models/demo-rwkv4.pth" --jsonl
echo '{"model": {}}' >"$folder/tokenizer.json"
refuses 1 '.*tokenizer.json: a minimal build .* reads no tokenizer.json$' --tokenize -p Once \
  --tokenizer "$folder/tokenizer.json"
printf '\x40\0\0\0\0\0\0\0{"a":{}}' >"$folder/model.safetensors"
refuses 1 '.*model.safetensors: a minimal build .* reads no JSON$' "$folder/model.safetensors" -p Once

echo "a minimal build does what it can, and says what it cannot"
