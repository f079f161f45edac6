#!/usr/bin/env bats
# The programs as their users meet them: exit codes, standard output, standard error, files. The
# cases are data, one file each (see case_runner.bash); this file only runs them, a folder a test.
#
# usage: RWKV_BIN=build/bin RWKV_MODELS=models bats tests/cli/programs.bats

suite=$BATS_TEST_DIRNAME
source "$suite/case_runner.bash"

setup_file() {
  export PATH=$RWKV_BIN:$PATH
  export DEMO=$RWKV_MODELS/demo/demo-rwkv4.pth LORA=$RWKV_MODELS/demo/demo-lora.pth
  export SEVEN=$RWKV_MODELS/demo/demo-rwkv7.pth DATA=$suite/../data
  export MODEL=$BATS_FILE_TMPDIR/demo.bin
  export TEXT=$BATS_FILE_TMPDIR/text.txt TEXTS=$BATS_FILE_TMPDIR/texts.txt
  pth2bin "$DEMO" "$MODEL" --quiet
  head -c 2000 "$RWKV_MODELS/demo/data/test.txt" >"$TEXT"
  grep . "$TEXT" >"$TEXTS"
}

# Runs all cases of a folder, also after one has failed.
run_folder() {
  local work=$BATS_TEST_TMPDIR file n=0 bad=0
  for file in "$suite/cases/$1"/*.case; do
    n=$((n + 1))
    (run_case "$file") || bad=$((bad + 1))
  done
  echo "$n cases, $bad failed"
  [ $n -gt 0 ] && [ $bad = 0 ]
}

@test "common: help, version, standard streams" { run_folder common; }
@test "inputs: files that are no model" { run_folder inputs; }
@test "pth2bin" { run_folder pth2bin; }
@test "quantize" { run_folder quantize; }
@test "perplexity" { run_folder perplexity; }
@test "lora_merge" { run_folder lora_merge; }
@test "embed" { run_folder embed; }
@test "rwkv-run" { run_folder rwkv-run; }
@test "chat: rwkv-run --chat" { run_folder chat; }
