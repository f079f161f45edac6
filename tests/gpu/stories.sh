#!/bin/bash
# The demo models write on a GPU, alone, split and streamed, what they write on the CPU: of two devices that compute in
# float32 the most probable tokens are the same.
#
# usage: stories.sh RWKV_RUN MODELS N_TOKENS

set -euo pipefail

program=$1
models=$2
n_tokens=$3

story() { # model, strategy
  "$program" "$1" --strategy "$2" -p "Once upon a time" -n "$n_tokens" --greedy --echo --quiet
}

for model in demo-rwkv4 demo-rwkv7; do
  file=$models/demo/$model.pth
  wanted=$(story "$file" "cpu fp32")
  for strategy in "cuda fp32" "cuda fp32 *2 -> cpu fp32" "cuda fp32 *2+" "auto fp32"; do
    found=$(story "$file" "$strategy")
    if [[ $found != "$wanted" ]]; then
      printf '%s, %s:\n%s\nthe CPU:\n%s\n' "$model" "$strategy" "$found" "$wanted"
      exit 1
    fi
    echo "$model, $strategy: $n_tokens tokens as on the CPU"
  done
  echo "$found"
done
