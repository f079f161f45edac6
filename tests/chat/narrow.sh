#!/bin/bash
# A narrow terminal with colours, where text wraps; thoughts are dimmed, NO_COLOR is obeyed.
#
# usage: narrow.sh BIN MODELS

set -euo pipefail
bin=$1 model=$2/demo/demo-rwkv7.pth
source "$(dirname "${BASH_SOURCE[0]}")/terminal.bash"

cat >thinking.chat <<'END'
turn = "User: {text}\n\nAssistant:"
answer_begin = " <think>\nA story, then.\n</think>\nThere"
answer_end = "\n\n"
stop = ". "
END
chat="${bin@Q}/rwkv-run ${model@Q} --chat --chat-template thinking.chat --greedy --cpu scalar -j 1"

terminal_start 30 24 "$chat; cat"
say 'Erzähl mir eine 長い物語 von dem Kater, bitte!'
say '/retry again'
screen narrow
colored >colors
grep -qE $'^\e\\[[0-9;]*1m.*> Erz' colors || fail 'the prompt is not bold'
grep -qE $'^\e\\[2m<think>' colors || fail 'the thoughts are not dimmed'
grep -qE $'^\e\\[0m.*There' colors || fail 'the answer is not plain again'
key C-d

terminal_start 30 24 "NO_COLOR=1 $chat; cat"
say 'Hm?'
screen narrow-no-color
colored >colors
! grep $'\e' colors || fail 'there are colours'

