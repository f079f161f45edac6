#!/bin/bash
# Runs docs/examples/story.c twice: it prints a text, the same both times, and leaves a session file.
#
# usage: story.sh PROGRAM MODEL

set -euo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$1" "$2" "$scratch/session" >"$scratch/one"
"$1" "$2" "$scratch/session" >"$scratch/two"
cmp "$scratch/one" "$scratch/two"
size=$(stat -c %s "$scratch/one")
((size >= 20 && size <= 200)) || { echo "a story of $size bytes"; exit 1; }
[[ $(head -c 7 "$scratch/session") == rksessn ]] || { echo "no session file"; exit 1; }
