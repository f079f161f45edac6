#!/bin/bash
# Installs into an empty folder and builds a program with what pkg-config and find_package say there,
# shared and static.
#
# usage: install.sh BUILD C_COMPILER VERSION CONSUMER.c

set -euo pipefail

build=$1
c_compiler=$2
version=$3
consumer=$4

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Moved after it was installed: nothing in it may know where it was.
DESTDIR='' cmake --install "$build" --prefix "$folder/first" >/dev/null
mv "$folder/first" "$folder/prefix"
prefix=$folder/prefix

pkgconfig=$(dirname "$(find "$prefix" -name rwkv.pc)")
export PKG_CONFIG_PATH=$pkgconfig
library=$(dirname "$pkgconfig")

found=$(pkg-config --modversion rwkv)
if [[ $found != "$version" ]]; then
  echo "pkg-config says version $found, not $version"
  exit 1
fi

read -ra shared_flags < <(pkg-config --cflags --libs rwkv)
"$c_compiler" -std=c17 "$consumer" "${shared_flags[@]}" -o "$prefix/shared"
LD_LIBRARY_PATH=$library "$prefix/shared" "$version"

for kind in rwkv static; do
  cmake -S "$here/package" -B "$folder/$kind" -DCMAKE_C_COMPILER="$c_compiler" -DVERSION="$version" \
    -DKIND="$kind" -DCONSUMER="$consumer" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
  cmake --build "$folder/$kind" >/dev/null
  LD_LIBRARY_PATH=$library "$folder/$kind/consumer" "$version"
done

# The static library alone, with everything that it says it needs.
rm "$library"/librwkv.so*
read -ra static_flags < <(pkg-config --static --cflags --libs rwkv)
"$c_compiler" -std=c17 "$consumer" "${static_flags[@]}" -o "$prefix/static"
"$prefix/static" "$version"

# Every program brings its manual page and what bash completes.
for program in "$prefix"/bin/*; do
  name=${program##*/}
  page=$prefix/share/man/man1/$name.1
  grep -q '^\.SH "SYNOPSIS"' "$page"
  if command -v groff >/dev/null; then
    complaints=$(groff -man -ww -z "$page" 2>&1)
    [[ -z $complaints ]] || {
      echo "$complaints"
      exit 1
    }
  fi
  # shellcheck disable=SC1090
  source "$prefix/share/bash-completion/completions/$name"
  function=$(complete -p "$name" | grep -o '_rwkv_tools_[a-z0-9_]*')
  COMP_WORDS=("$name" --vers) COMP_CWORD=1
  "$function"
  [[ ${COMPREPLY[*]} == --version ]] || {
    echo "$name: --vers completes to '${COMPREPLY[*]}'"
    exit 1
  }
done

[[ -f $prefix/share/doc/rwkv-tools/LICENSE ]] || {
  echo "the licence is not installed"
  exit 1
}
