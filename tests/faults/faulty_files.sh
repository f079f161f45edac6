#!/bin/bash
# Lets reads and writes of every program that writes a file go wrong, one call at a time (faulty_files.c). A call that is
# short or interrupted changes nothing: the same output. An error is one line and exit code 1; then the old file stands
# as it was, or the new one complete, and nothing is left beside it.
#
# usage: faulty_files.sh BIN FAULTY_FILES_LIBRARY ROOT [MOST]    (of each call, at most MOST are made to fail: 4)

set -euo pipefail

bin=$1 library=$2 root=$3 most=${4-4}
work=$(mktemp -d "${TMPDIR:-/tmp}/rwkv-faults-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/out"
cd "$work"

cp "$root/models/demo/demo-rwkv7.pth" model.pth
"$bin/pth2bin" model.pth model.bin --quiet
head -c 2000 "$root/models/demo/data/test.txt" >text.txt
grep -v "^$" text.txt | head -n 4 >texts.txt
"$bin/embed" model.bin -f texts.txt --stats-fit stats.bin --quiet

# Each writes FILE.
declare -A commands=(
  [convert]="pth2bin model.pth FILE --type Q5_1 --quiet"
  [quantize]="quantize model.bin FILE Q4_0 --quiet"
  [merge]="lora_merge $root/models/demo/demo-rwkv4.pth $root/models/demo/demo-lora.pth FILE --alpha 16 --quiet"
  [imatrix]="quantize --collect-imatrix FILE -f text.txt model.bin --quiet"
  [logits]="perplexity model.bin -f text.txt --save-logits FILE"
  [vectors]="embed model.bin -f texts.txt --stats-apply stats.bin -o FILE --quiet"
  [statistics]="embed model.bin -f texts.txt --stats-fit FILE --quiet"
  [session]="rwkv-run model.bin -p Once -n 3 --seed 1 --state-out FILE"
)

failed=0
faults=0
complain() {
  echo "$job, $fault: $*"
  failed=1
}

run() {
  local status=0
  # shellcheck disable=SC2086 # words are options
  env LD_PRELOAD="$library" "$@" "$bin"/${commands[$job]/FILE/$file} >printed 2>errors </dev/null || status=$?
  return $status
}

count_calls() {
  fault="$1 none 0"
  rm -f "$file"
  run RWKV_FAULT="$1 none 0" RWKV_FAULT_COUNT=count || complain "fails by itself: $(<errors)"
  cat count
}

check_fault() {
  local status=0
  fault="$1 $2 $3"
  faults=$((faults + 1))
  cp old "$file"
  run RWKV_FAULT="$fault" || status=$?
  case $2:$status in
  *:0) cmp -s good "$file" || complain "another output" ;;
  short:* | eintr:*) complain "fails: $(<errors)" ;;
  *:1)
    [[ $(wc -l <errors) == 1 ]] || complain "not one line: $(<errors)"
    cmp -s good "$file" || cmp -s old "$file" || complain "neither the old file nor the new one"
    ;;
  *) complain "exit code $status: $(<errors)" ;;
  esac
  [[ $(find out -mindepth 1 | wc -l) == 1 ]] || complain "left behind: $(ls -A out)"
  find out -name '.*' -delete
}

echo "the old file" >old
for job in "${!commands[@]}"; do
  fault=none
  rm -rf out && mkdir out
  file=out/file
  [[ $job != vectors ]] || file=out/file.npy
  rm -f "$file"
  run || complain "fails by itself: $(<errors)"
  cp "$file" good
  for call in read pread write pwrite fsync rename; do
    n=$(count_calls "$call")
    kinds=(short eintr eio)
    case $call in
    write | pwrite) kinds+=(enospc) ;;
    fsync | rename) kinds=(eio) ;;
    esac
    tried=$((n < most ? n : most))
    for ((i = 0; i < tried; i++)); do
      for kind in "${kinds[@]}"; do check_fault "$call" "$kind" $((1 + i * n / tried)); done
    done
  done
done
echo "$faults faults in ${#commands[@]} jobs"
((faults > 100)) || { echo "too few: is the library loaded?"; failed=1; }
exit $failed
