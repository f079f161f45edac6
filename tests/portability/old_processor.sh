#!/bin/bash
# Runs programs on an emulated processor of 2006, without AVX, SSE 4.1 and the like: no newer instruction may have
# found its way into the code for all of them, and the results are those of the scalar kernels here, bit for bit.
#
# usage: old_processor.sh BIN ROOT

set -euo pipefail

bin=$1 model=$2/models/demo/demo-rwkv7.pth text=$2/models/demo/data/test.txt
command -v qemu-x86_64 >/dev/null || { echo "skipped: qemu-x86_64 is not here (Debian: qemu-user)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
head -c 300 "$text" >text.txt

old() { qemu-x86_64 -cpu core2duo "$bin/$1" "${@:2}"; }
here() { RWKV_CPU=scalar "$bin/$1" "${@:2}"; }

for processor in old here; do
  mkdir $processor
  $processor pth2bin "$model" $processor/model.bin --quiet
  $processor quantize $processor/model.bin $processor/q4.bin Q4_1 --quiet
  $processor perplexity $processor/q4.bin -f text.txt --save-logits $processor/logits >/dev/null
  $processor embed $processor/model.bin -f text.txt --skip-empty -o $processor/vectors.npy --quiet
  $processor rwkv-run $processor/q4.bin -p "Once upon a time" -n 20 --seed 1 >$processor/text
done
for file in model.bin q4.bin vectors.npy text; do cmp "old/$file" "here/$file"; done
# The header of a logits file names its model's path, which differs; the rows behind it do not.
cmp <(tail -c 20000 old/logits) <(tail -c 20000 here/logits)
