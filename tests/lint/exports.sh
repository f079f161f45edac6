#!/bin/bash
# Checks what librwkv.so exports: exactly the functions that the public headers declare, under its SONAME.
#
# usage: exports.sh ROOT LIBRARY SONAME

set -euo pipefail

root=$1
library=$2
soname=$3
failed=0

exported=$(nm -D --defined-only "$library" | awk '{ print $NF }' | LC_ALL=C sort -u)
# A name directly before a parenthesis is a function's, comments aside.
declared=$(sed 's://.*$::' "$root"/include/rk/*.h "$root"/include/*.h |
  grep -oE '\b(rk|rwkv)_[a-z0-9_]+\(' | tr -d '(' | LC_ALL=C sort -u)

if foreign=$(grep -vE '^(rk|rwkv)_[a-z]' <<<"$exported"); then
  printf 'exported, but not in our name space:\n%s\n' "$foreign"
  failed=1
fi
surplus=$(LC_ALL=C comm -23 <(echo "$exported") <(echo "$declared"))
if [[ -n $surplus ]]; then
  printf 'exported, but in no public header:\n%s\n' "$surplus"
  failed=1
fi
missing=$(LC_ALL=C comm -13 <(echo "$exported") <(echo "$declared"))
if [[ -n $missing ]]; then
  printf 'declared in a public header, but not exported:\n%s\n' "$missing"
  failed=1
fi
if ! readelf -d "$library" | grep -qF "soname: [$soname]"; then
  echo "the SONAME is not $soname:"
  readelf -d "$library" | grep -F SONAME || true
  failed=1
fi
exit "$failed"
