#!/bin/bash
# perplexity and embed by several processes: the same figures and files as from one, to the last digit; what cannot
# be shared is refused; a process that is lost or fails ends the job.
#
# usage: mpi.sh BIN_FOLDER DEMO_FOLDER DATA_FOLDER MPIEXEC

set -euo pipefail

export PATH=$1:$PATH
demo=$2
model=$2/demo-rwkv4.pth
data=$3
mpiexec=$4
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

together() { # processes command...
  local n=$1 options=(--oversubscribe --bind-to none)
  [[ $(id -u) != 0 ]] || options+=(--allow-run-as-root)
  "$mpiexec" "${options[@]}" -np "$n" "${@:2}"
}

fail() {
  echo "$1"
  [[ ! -s errors ]] || cat errors
  exit 1
}

# ---- figures

# Everything but times and what is about the machine.
figures() {
  jq -S 'del(.time, .processes, .read_bytes_per_s) | .results[] |= del(
    .load_seconds, .scoring_tokens_per_s, .prefill_tokens_per_s, .decode_tokens_per_s,
    .peak_rss_bytes, .peak_rss_is_own, .latency)' "$1"
}

same_figures() { # name arguments...
  local name=$1 n
  shift
  perplexity "$@" -j 1 --quiet --json >one.json
  figures one.json >one
  [[ $(wc -c <one) -gt 1000 ]] || fail "$name: no figures"
  for n in 2 3; do
    together $n perplexity "$@" -j 1 --quiet --json >several.json 2>errors || fail "$name: $n failed"
    jq -e ".processes == $n" several.json >/dev/null || fail "$name: not $n processes"
    figures several.json >several
    cmp one several || { diff one several | head -5; fail "$name: other figures from $n processes"; }
  done
}

head -c 30000 "$demo/data/test.txt" | grep . | jq -Rc '{text: .}' >documents.jsonl
# Float weights too: what is computed together must not depend on who computes it.
same_figures documents "$model" -f documents.jsonl --types FP32,Q4_0 --base "$model"
same_figures contexts "$model" -f "$demo/data/test.txt" --limit 30000 --ctx 1000 --bos 10 --types FP16
same_figures lambada "$model" --task lambada -f "$data/perplexity/lambada.jsonl"
same_figures choice "$model" --task choice -f "$data/perplexity/choice.jsonl"

# A sweep that was begun by one process is ended by two.
sweep=(perplexity "$model" -f documents.jsonl --quiet -j 1 --json)
"${sweep[@]}" --types Q8_0,Q4_0 >one.json
"${sweep[@]}" --types Q8_0 --resume kept.json >first.json
together 2 "${sweep[@]}" --types Q8_0,Q4_0 --resume kept.json >several.json 2>errors || fail "resume"
cmp <(figures one.json) <(figures several.json) || fail "resumed: other figures"
cmp <(jq '.results[0]' first.json) <(jq '.results[0]' several.json) || fail "measured again"

# ---- what is refused, once and with its reason

refused() { # code regex arguments...
  local code=0 wanted=$1 regex=$2
  shift 2
  together 2 "$@" >out 2>errors || code=$?
  [[ $code == "$wanted" ]] || fail "$*: exit code $code, not $wanted"
  [[ $(grep -cE "$regex" errors) == 1 ]] || fail "$*: not one line of $regex"
  [[ $(grep -c "^${1##*/}: " errors) == 1 ]] || fail "$*: not one message"
}

refused 1 '^perplexity: .*test\.txt: one stream cannot be shared by 2 processes, since ' \
  perplexity "$model" -f "$demo/data/test.txt"
refused 1 '^perplexity: --save-logits: ' perplexity "$model" -f documents.jsonl --save-logits l.bin
refused 1 '^perplexity: nothing\.jsonl: No such file' perplexity "$model" -f nothing.jsonl
refused 1 '^perplexity: nothing\.bin: ' perplexity nothing.bin -f documents.jsonl
refused 3 '^perplexity: .*perplexity [0-9.]* is above 1$' \
  perplexity "$model" -f documents.jsonl --fail-ppl-above 1
[[ ! -e l.bin ]] || fail "logits were written"

# One that has something else than rank 0, or lacks it, is named.
differs() { # regex rank 1's program and arguments...
  local code=0 regex=$1
  shift
  together 1 "${first[@]}" : -np 1 "$@" >out 2>errors || code=$?
  [[ $code == 1 ]] || fail "$*: exit code $code, not 1"
  [[ $(grep -cE "^${1}: rank 1 on [^ :]+: $regex" errors) == 1 ]] || fail "$*: not one line of $regex"
}

head -20 documents.jsonl >fewer.jsonl
first=(perplexity "$model" -f documents.jsonl --quiet -j 1)
differs ".*demo-rwkv4\.pth: the model or the text is not rank 0's: BF16 " \
  perplexity "$model" -f fewer.jsonl --quiet -j 1
differs ".*demo-rwkv7\.pth: the model or the text is not rank 0's: " \
  perplexity "$demo/demo-rwkv7.pth" -f documents.jsonl --quiet -j 1
differs 'nothing\.bin: ' perplexity nothing.bin -f documents.jsonl --quiet -j 1
first=(embed "$model" some words -o x.npy --quiet -j 1)
differs ".*demo-rwkv4\.pth: the vectors are not rank 0's: " \
  embed "$model" some words -o x.npy --quiet -j 1 --l2
[[ ! -e x.npy ]] || fail "half a file"

# ---- embeddings: the same bytes

grep . "$demo/data/test.txt" | cut -c 1-300 | head -150 >texts.txt
same_rows() { # options...
  embed "$model" -f texts.txt "$@" -o one.npy --index one.idx --quiet -j 1
  for n in 2 3; do
    together $n embed "$model" -f texts.txt "$@" -o several.npy --index several.idx --quiet -j 1 \
      2>errors || fail "embed $*: $n failed"
    cmp one.npy several.npy || fail "embed $*: other rows from $n processes"
    cmp <(tail -n +2 one.idx) <(tail -n +2 several.idx) || fail "embed $*: another order"
  done
}
same_rows
same_rows --batch 3 --l2 --project 64
same_rows --source hidden --pool mean
embed "$model" -f texts.txt --stats-fit one.stats --quiet -j 1
together 2 embed "$model" -f texts.txt --stats-fit several.stats --quiet -j 1
cmp one.stats several.stats || fail "other statistics"
same_rows --stats-apply one.stats
together 2 embed "$model" -f - -o piped.npy --quiet -j 1 <texts.txt
embed "$model" -f texts.txt -o one.npy --quiet -j 1
cmp one.npy piped.npy || fail "other rows from standard input"

{ head -20 texts.txt; printf 'bad \xff\n'; } >broken.txt
refused 1 '^embed: broken\.txt:21: byte 5 of the text is no UTF-8$' embed "$model" -f broken.txt -o x.npy
[[ ! -e x.npy ]] || fail "half a file"

# ---- who is lost is named, and soon

# The process that is rank 1 of the job under way.
find_worker() { # program
  local id
  for id in $(pgrep -x "$1" || true); do
    if { tr '\0' '\n' <"/proc/$id/environ"; } 2>/dev/null |
      grep -cE "^(OMPI_COMM_WORLD_RANK=1|RWKV_TEST_JOB=$scratch)$" | grep -qx 2; then
      echo "$id"
      return
    fi
  done
}

lost() { # signal program arguments...
  local signal=$1 code=0 start worker=
  shift
  RWKV_TEST_JOB=$scratch together 2 "$@" >out 2>errors &
  local job=$!
  for _ in $(seq 100); do
    worker=$(find_worker "$1")
    [[ -z $worker ]] || break
    sleep 0.1
  done
  [[ -n $worker ]] || fail "$1: no second process"
  sleep 1
  start=$SECONDS
  kill "-$signal" "$worker" || fail "$1: was over too soon"
  wait "$job" || code=$?
  ((SECONDS - start < 10)) || fail "$1: took $((SECONDS - start)) s"
  [[ $code != 0 ]] || fail "$1: exit code 0"
  grep -qE '\brank 1\b' errors || fail "$1: rank 1 is not named"
}

for _ in 1 2 3 4 5 6; do cat "$demo/data/test.txt"; done >long.txt
lost KILL perplexity "$model" -f long.txt --ctx 500 --bos 10 -j 1 --quiet
lost TERM perplexity "$model" -f long.txt --ctx 500 --bos 10 -j 1 --quiet
for _ in $(seq 20); do cat texts.txt; done >many.txt
lost KILL embed "$model" -f many.txt -o lost.npy -j 1 --quiet
[[ ! -e lost.npy ]] || fail "half a file after a loss"
echo "the same from 1, 2 and 3 processes"
