#!/bin/bash
# What of include/rk the example programs in docs/examples use. Fails when one of the headers is not used at all, and
# prints the functions that are not.
#
# usage: tour_coverage.sh SOURCE-DIR

set -euo pipefail

examples=$1/docs/examples
mentioned=$(grep -ohE '\b(rk|RK)_[A-Za-z0-9_]+' "$examples"/*.c | sort -u)
status=0 functions=0
unused=()

# names_of HEADER PATTERN: what it declares and defines, comments left out.
names_of() {
  sed 's|//.*||' "$1" | grep -oE "$2" | tr -d '(' | sort -u
}

for header in "$1"/include/rk/*.h; do
  names=$(names_of "$header" '\b(rk|RK)_[A-Za-z0-9_]+\b' | grep -vE '_H$')
  if ! grep -qxF "$mentioned" <<<"$names"; then
    echo "no example uses rk/$(basename "$header")"
    status=1
  fi
  while read -r function; do
    functions=$((functions + 1))
    grep -qxF "$function" <<<"$mentioned" || unused+=("$(basename "$header"): $function")
  done < <(names_of "$header" '\brk_[a-z0-9_]+\(')
done
echo "$((functions - ${#unused[@]})) of $functions functions are used"
for name in "${unused[@]}"; do echo "  not $name"; done
exit $status
