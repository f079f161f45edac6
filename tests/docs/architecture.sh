#!/bin/bash
# The files and functions that docs/architecture.md names are there.
#
# usage: architecture.sh ROOT

set -euo pipefail

cd "$1"
page=docs/architecture.md
failed=0

# Files by name; rwkvN.c and its like stand for those to come.
for file in $(grep -oE '\b[a-z0-9_]+\.(c|h|cu|sh|py|md)\b' $page | sort -u); do
  [[ -n $(find bench docs include lib tools tests scripts -name "$file" -print -quit) ]] ||
    { echo "$page: there is no $file"; failed=1; }
done

# Functions, tables and types: `words` in backquotes that are identifiers with an underscore.
for name in $(grep -oE '`[a-z]+_[a-z0-9_]+`' $page | tr -d '`' | sort -u); do
  grep -rqw "$name" bench include lib tools tests || { echo "$page: nothing is called $name"; failed=1; }
done
exit $failed
