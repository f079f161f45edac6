#!/bin/bash
# A sweep of the demo model with limits that a change for the worse would break, and one with a limit
# that is meant to break: exit code 3, with the reason.
#
# usage: gates.sh PERPLEXITY DEMO_FOLDER

set -euo pipefail

sweep=("$1" "$2/demo-rwkv4.pth" -f "$2/data/test.txt" --limit 8000 --types Q8_0,Q5_1,Q4_0
  --base "$2/demo-rwkv4.pth" --bootstrap 0 --quiet)

"${sweep[@]}" --fail-ppl-above 1.14 --fail-kl-above 0.001 --fail-top1-below 98.5

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
code=0
"${sweep[@]}" --fail-kl-above 0.0001 >"$scratch/out" 2>"$scratch/err" || code=$?
cat "$scratch/err"
[[ $code == 3 ]] || { echo "exit code $code, not 3"; exit 1; }
grep -q '^perplexity: demo-rwkv4\.pth (Q4_0): KL divergence 0\.000[0-9]* is above 0\.0001$' "$scratch/err"
if grep -q 'Q8_0\|Q5_1' "$scratch/err"; then exit 1; fi
grep -q '^against demo-rwkv4\.pth (BF16)$' "$scratch/out" # the report is there all the same
