#!/bin/bash
# Typing in a chat: characters of several bytes, lines that go on, pasting, the history, Ctrl-C and Ctrl-D at the
# prompt. The model is given nothing; --print-prompt shows what it would be given.
#
# usage: editing.sh BIN MODELS

set -euo pipefail
bin=$1 model=$2/demo/demo-rwkv7.pth
source "$(dirname "${BASH_SOURCE[0]}")/terminal.bash"
chat="${bin@Q}/rwkv-run ${model@Q} --chat --print-prompt -n 0"

terminal_start 80 40 "$chat; echo \"status \$?\"; cat"
ready
# The cursor goes over whole characters, wide ones too.
type 'größer 日本語!'
key Left Left Left
type 'x'
key Home
key C-d
type 'G'
key End
key BSpace
key Enter
# A turn of several lines: with backslashes, with Alt-Enter, pasted.
say 'one \'
say 'two\'
ready
key Enter
ready
type 'three'
key M-Enter
type 'four'
key Enter
ready
paste $'five\n\n\tsix  \nseven'
key Enter
# What begins with a slash and is no command.
say '//etc is a folder'
say '/etc is none'
screen editing
clear

# Up goes back, also over lines and to other conversations.
key Up Up Up
see '^> five$'
key Enter
ready
type 'given up'
see '^> given up$'
key C-c
ready
key C-c
screen interrupted
key C-d
see '^status 0$'

terminal_start 80 24 "$chat; cat"
ready
key C-r
type 'ößer'
see '^bck:ößer$'
key Enter
screen history
cat >expected <<'END'
Größer 日x本語
one \ntwo\n
three\nfour
five\n\n	six  \nseven
//etc is a folder
/etc is none
five\n\n	six  \nseven
Größer 日x本語
END
diff expected .local/state/rwkv-tools/chat_history || fail 'the history file is another one'
