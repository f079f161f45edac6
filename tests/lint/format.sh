#!/bin/bash
# Checks what every file of ours looks like: clang-format 14, no trailing blanks, a final newline, 100
# columns, names of sources unique in the tree, no source over 800 lines.
#
# usage: format.sh ROOT

set -euo pipefail

cd "$1"
folders=()
for folder in .ci bench cmake docs include lib scripts tests tools; do
  [[ ! -d $folder ]] || folders+=("$folder")
done
failed=0

# Prints a headline and the lines of stdin, if there are any, and remembers that something is wrong.
complain_about() {
  local lines
  lines=$(cat)
  if [[ -n $lines ]]; then
    printf '%s:\n%s\n' "$1" "$lines"
    failed=1
  fi
}

mapfile -t sources < <(find "${folders[@]}" -name '*.[ch]' | LC_ALL=C sort)
# Not ours to shape: what tests read, which may be no text at all.
data=(-path tests/data -prune -o -path tests/fuzz/corpus -prune -o -path tests/fuzz/fixtures -prune -o)
mapfile -t texts < <(
  find "${folders[@]}" "${data[@]}" -type f -print | LC_ALL=C sort
  find . -maxdepth 1 -type f ! -name '*.user.json' ! -name compile_commands.json
)

# In the patterns of tests/cli a blank at the end means one.
complain_about "trailing blanks" < <(
  printf '%s\0' "${texts[@]}" | grep -zv '\.case$' | xargs -0 grep -HInE '[[:blank:]]+$' || true
)
complain_about "no newline at the end" < <(
  for file in "${texts[@]}"; do
    [[ ! -s $file || $(tail -c 1 "$file" | od -An -tu1) == *" 10" ]] || echo "$file"
  done
)
# A character may have several bytes, so this one needs a UTF-8 locale.
complain_about "lines over 100 columns" < <(LC_ALL=C.UTF-8 grep -nE '^.{101,}$' "${sources[@]}" || true)
# Programs are named by their folder: each has its main.c.
complain_about "names that occur twice" < <(
  printf '%s\n' "${sources[@]##*/}" | grep -vx main.c | LC_ALL=C sort | uniq -d
)
complain_about "over 800 lines" < <(
  for file in "${sources[@]}"; do
    lines=$(wc -l <"$file")
    ((lines <= 800)) || echo "$file: $lines lines"
  done
)

formatter=
for candidate in clang-format-14 clang-format; do
  if command -v "$candidate" >/dev/null && [[ $("$candidate" --version) == *" version 14."* ]]; then
    formatter=$candidate
    break
  fi
done
if [[ -n $formatter ]]; then
  complain_about "clang-format" < <("$formatter" --dry-run "${sources[@]}" 2>&1 | grep -E 'warning|error' || true)
fi

((failed == 0)) || exit 1
if [[ -z $formatter ]]; then
  echo "skipped: clang-format 14 is not here; everything else is fine"
  exit 77
fi
