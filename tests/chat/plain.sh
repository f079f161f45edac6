#!/bin/bash
# The chat of a build without libedit, which reads lines as the terminal gives them.
#
# usage: plain.sh PROGRAM MODELS

set -euo pipefail
program=$1 model=$2/demo/demo-rwkv7.pth
source "$(dirname "${BASH_SOURCE[0]}")/terminal.bash"

chat="${program@Q} ${model@Q} --chat --seed 2 -n 60 --cpu scalar -j 1"
terminal_start 80 48 "$chat; echo \"status \$?\"; cat"
say 'Who is \'
say 'there?'
ready
type 'never mind'
see '^> never mind'
key C-c
ready
key C-c
see '^> \^C$' # an empty prompt goes, too
say '/retry'
say '/prompt größer'
say '/help'
screen plain
say '/set tokens 1000000000'
say '/set chat-preset g1-think'
say 'Go on'
see '^<think.{30}'
key C-c
say '/undo'
ready
key C-d
see '^status 0$'
