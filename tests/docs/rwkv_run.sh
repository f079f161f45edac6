#!/bin/bash
# docs/rwkv-run.md: its commands run as they stand there, what they print without chance is printed there, and it knows
# every option of the program but those of conversations, which have a page of their own.
#
# usage: rwkv_run.sh ROOT BIN

set -euo pipefail

page=$1/docs/rwkv-run.md
export PATH=$2:$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "$1/models/demo/demo-rwkv4.pth" "$scratch"
head -c 3000 "$1/models/demo/data/test.txt" >"$scratch/long.txt"
sed -n 's/^    \({"id".*"prompt".*\)$/\1/p' "$page" >"$scratch/requests.jsonl"
cd "$scratch"

failed=0
n=0
while IFS= read -r command; do
  n=$((n + 1))
  bash -c "$command" >out 2>err || [[ $command == *jsonl* ]] || { echo "failed: $command: $(<err)"; failed=1; }
  [[ $command == *greedy* ]] || continue
  while IFS= read -r line || [[ -n $line ]]; do
    grep -qxF -- "    $line" "$page" || { echo "$command prints '$line'"; failed=1; }
  done <out
done < <(sed -n 's/^    \$ //p' "$page")
((n >= 9)) || { echo "$n commands only"; failed=1; }

for option in $(rwkv-run --help | sed '/^Conversations:/,/^$/d; /^Common options:/,/^$/d' |
  grep -o '^ .\{5\}--[a-z-]*' | grep -o -- '--.*'); do
  name=${option#--}
  case $name in prompt | file | tokens) continue ;; esac # -p, -f, -n
  grep -q -- "--$name\b\|\`$name\`" "$page" || { echo "$option is not on the page"; failed=1; }
done
exit $failed
