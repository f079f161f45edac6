#!/bin/bash
# docs/rwkv-run.md knows every option of the program but those of conversations, which have a page of their own.
#
# usage: rwkv_run.sh ROOT BIN

set -euo pipefail

page=$1/docs/rwkv-run.md
export PATH=$2:$PATH

failed=0
for option in $(rwkv-run --help | sed '/^Conversations:/,/^$/d; /^Common options:/,/^$/d' |
  grep -o '^ .\{5\}--[a-z-]*' | grep -o -- '--.*'); do
  name=${option#--}
  case $name in prompt | file | tokens) continue ;; esac # -p, -f, -n
  grep -q -- "--$name\b\|\`$name\`" "$page" || { echo "$option is not on the page"; failed=1; }
done
exit $failed
