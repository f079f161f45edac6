#!/bin/bash
# Runs docs/examples/story.c twice: it tells two stories, the same both times, and leaves a session file. In one go, by
# the program rwkv-run, the first of them is told with the same words.
#
# usage: story.sh PROGRAM MODEL RWKV-RUN

set -euo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$1" "$2" "$scratch/session" >"$scratch/one" 2>"$scratch/perplexities"
"$1" "$2" "$scratch/session" >"$scratch/two" 2>/dev/null
cmp "$scratch/one" "$scratch/two"
[[ $(wc -l <"$scratch/one") == 2 ]] || { echo "not two stories"; exit 1; }
[[ $(head -c 7 "$scratch/session") == rksessn ]] || { echo "no session file"; exit 1; }
[[ $(grep -c '^perplexity [1-9][0-9]*\.[0-9]*$' "$scratch/perplexities") == 4 ]] || { echo "no perplexities"; exit 1; }
"$3" "$2" -p "Tim had a dog. Once upon a" -n 120 --seed 1 --stop $'\n\n' >"$scratch/whole"
head -n 1 "$scratch/one" | head -c -1 | cmp - "$scratch/whole"
