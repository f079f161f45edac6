#!/bin/bash
# Runs the commands of a documentation page as they stand there, one block after the other in one folder:
#
#   ```sh        commands that must succeed
#   ```console   commands behind "$ ", and what they print: every line, in order; "..." stands for any lines
#
# A word behind `sh` or `console` says why a block is left out: `slow` (minutes), `clone` (it builds; it is run in a
# fresh clone), `download`, `gpu`, `mpi`. --with slow and --with clone run these too. `machine`: the block is run, but what
# it prints depends on the machine and is not compared.
#
# usage: commands.sh [--with WORD]... ROOT BUILD PAGE

set -euo pipefail

wanted=' '
while [[ ${1-} == --with ]]; do
  wanted+="$2 "
  shift 2
done
root=$(realpath "$1") build=$(realpath "$2") page=$(realpath "$3")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PATH=$build/bin:$build/bench:$PATH TERM=dumb

# The folder that commands see: the project's own folders, and files with the names that pages use for a reader's.
make_folder() {
  local demo=$root/models/demo name
  mkdir "$scratch/folder"
  cd "$scratch/folder"
  # Links to files: scripts look for what lies beside the folder that they are in.
  for name in bench docs include models python scripts tests README.md; do cp -rs "$root/$name" .; done
  ln -s "$build" build
  cp "$demo/demo-rwkv4.pth" . && cp "$demo/demo-rwkv4.pth" model.pth && cp "$demo/demo-lora.pth" adapter.pth
  pth2bin model.pth model.bin --quiet
  head -c 3000 "$demo/data/test.txt" >text.txt
  cp text.txt test.txt && cp text.txt long.txt
  head -c 3000 "$demo/data/valid.txt" >train.txt
  grep -v '^$' text.txt | head -n 12 >docs.txt
  head -n 4 docs.txt >new.txt
  cp "$root"/tests/data/foreign/{nested,prefixed}.pth .
  jq -cR '{text: .}' docs.txt >docs.jsonl
  [[ $page != */README.md ]] || echo '{"prompt": "Once upon a time", "n": 20}' >requests.jsonl
  { grep -v '^$' train.txt; cat docs.txt; } | head -n 40 >varied.txt
  grep -m 40 -v "^$" "$demo/data/valid.txt" |
    jq -cR '{text: ., label: (if test("happy|kind|cheer") then "good" else "other" end)}' >moods.jsonl
  lora_merge model.pth adapter.pth tuned.pth --alpha 16 --quiet
  [[ $page != */lora_merge.md ]] || make_merged
}

# An adapter without replacements, and a small model that it has been merged into.
make_merged() {
  local adapters=$root/tests/data/adapters
  cp "$adapters/miss.safetensors" .
  lora_merge "$adapters/base.safetensors" miss.safetensors tuned.bin --quiet
}

# Cuts the page into blocks: NUMBER.sh or NUMBER.console, with the word behind it in NUMBER.word and the line in
# NUMBER.line.
cut_page() {
  awk -v folder="$scratch" '
    /^```(sh|console)( |$)/ {
      n++
      out = sprintf("%s/%03d.%s", folder, n, substr($1, 4))
      printf "%s", $2 > sprintf("%s/%03d.word", folder, n)
      printf "%d", NR > sprintf("%s/%03d.line", folder, n)
      printf "" > out
      next
    }
    /^```$/ { out = ""; next }
    out != "" { print > out }
  ' "$page"
}

fail() {
  echo "${page#"$root"/}:$(<"${1%.*}.line"): $2"
  failed=1
}

run_commands() {
  bash -eu "$1" >"$scratch/out" 2>&1 </dev/null || fail "$1" "$(cat "$1" "$scratch/out")"
}

# Runs the command in $command and compares what it prints with $expected.
compare_one() {
  [[ -n $command ]] || return 0
  # What a page shows of a file that nothing has made is the file.
  if [[ $command =~ ^cat\ ([a-z0-9.-]+)$ && ! -e ${BASH_REMATCH[1]} ]]; then
    printf '%s' "$expected" >"${BASH_REMATCH[1]}"
    return
  fi
  bash -uo pipefail -c "$command" >"$scratch/out" 2>&1 </dev/null || true
  if [[ $word == machine ]]; then
    [[ -z $expected || -s $scratch/out ]] || fail "$1" "$command: prints nothing"
    return
  fi
  printf '%s' "$expected" >"$scratch/expected"
  awk '
    NR == FNR { want[++n] = $0; next }
    { got[++m] = $0 }
    END {
      i = 1
      for (j = 1; j <= m; j++) {
        if (want[i] == "..." && i < n && got[j] == want[i + 1]) i += 2
        else if (want[i] == "...") continue
        else if (i <= n && got[j] == want[i]) i++
        else { printf "printed:  %s\nexpected: %s\n", got[j], want[i]; exit 1 }
      }
      if (want[i] == "...") i++
      if (i <= n) { printf "printed no: %s\n", want[i]; exit 1 }
    }
  ' "$scratch/expected" "$scratch/out" >"$scratch/difference" ||
    fail "$1" "$command"$'\n'"$(<"$scratch/difference")"
}

run_transcript() {
  local line more=0
  command='' expected=''
  while IFS= read -r line || [[ -n $line ]]; do
    if ((more)); then
      command+=$'\n'$line
    elif [[ $line == '$ '* ]]; then
      compare_one "$1"
      command=${line#??} expected=''
    else
      expected+=$line$'\n'
    fi
    if [[ $line == *\\ && ($line == '$ '* || $more == 1) ]]; then more=1; else more=0; fi
  done <"$1"
  compare_one "$1"
}

# A clone of the last commit for blocks marked `clone`, which run in its root and find what they install. The page's
# programs in C are there: a block that begins with "// NAME.c: ..." as NAME.c, any other as example.c.
enter_clone() {
  if ! [[ -d $scratch/clone ]]; then
    git clone -q "$root" "$scratch/clone"
    cp "$root/models/demo/demo-rwkv4.pth" "$scratch/clone/model.pth"
    awk -v folder="$scratch/clone/" '
      /^```c$/ { first = 1; next }
      /^```$/ { out = ""; next }
      first { out = folder ($0 ~ /^\/\/ [a-z]+\.c:/ ? substr($2, 1, length($2) - 1) : "example.c") }
      { first = 0; if (out != "") print > out }
    ' "$page"
  fi
  cd "$scratch/clone"
  if [[ ! -d $scratch/home ]]; then
    export HOME=$scratch/home
    cmake --install "$build" --prefix "$HOME/.local" >/dev/null
    local programs=(*.c)
    [[ ! -e ${programs[0]} ]] || cp "${programs[0]}" program.c
  fi
  export PKG_CONFIG_PATH=$HOME/.local/lib/pkgconfig LD_LIBRARY_PATH=$HOME/.local/lib
}

failed=0
ran=0
make_folder
cut_page
for block in "$scratch"/[0-9]*.sh "$scratch"/[0-9]*.console; do
  [[ -e $block ]] || continue
  echo "$block"
done | sort >"$scratch/blocks"
while read -r block; do
  word=$(<"${block%.*}.word")
  [[ -z $word || $word == machine || $wanted == *" $word "* ]] || continue
  cd "$scratch/folder"
  [[ $word != clone ]] || enter_clone
  ran=$((ran + 1))
  if [[ $block == *.sh ]]; then run_commands "$block"; else run_transcript "$block"; fi
done <"$scratch/blocks"

echo "${page#"$root"/}: $ran of $(wc -l <"$scratch/blocks") blocks run"
if ! [[ -s $scratch/blocks ]]; then
  echo "the page has no commands"
  exit 1
fi
exit $failed
