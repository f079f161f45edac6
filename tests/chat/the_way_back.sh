#!/bin/bash
# A conversation in a terminal: a turn, Ctrl-C in the middle of an answer, answering again, undo, reset, exit.
#
# usage: the_way_back.sh BIN MODELS

set -euo pipefail
bin=$1 model=$2/demo/demo-rwkv7.pth
source "$(dirname "${BASH_SOURCE[0]}")/terminal.bash"

# Nothing ends these answers but their length.
cat >endless.chat <<'END'
turn = "User: {text}\n\nAssistant:"
answer_end = "\n\n"
END
# The scalar kernels give the same numbers everywhere.
chat=("$bin/rwkv-run" "$model" --chat --chat-template endless.chat --seed 3 -n 110 --cpu scalar -j 1)

terminal_start 80 24 "stty -a >before; ${chat[*]@Q}; echo \"status \$?\"
  stty -a >after; cmp before after && echo 'the terminal is as it was'; cat"
screen start
say 'Tell me about a cat.'
screen turn

# An answer that would take hours is stopped. How far it has come by then is up to the machine.
say '/set tokens 1000000000'
clear
say 'And about a dog?'
see '^[^>].{25}'
key C-c
ready
everything | sed -n '/^> And about a dog? *$/,$p' | sed -e '1d' -e '/^> *$/,$d' >interrupted
# The terminal's own ^C stands where the answer was; the line's end and the empty line are the chat's; blanks
# at the ends of lines may be the screen's.
sed -zi -e 's/\^C//' -e 's/ *\n/\n/g' -e 's/[ \n]*$//' interrupted
n=$(wc -c <interrupted)
((n > 10)) || fail "only $n bytes of the answer that was interrupted"
printf '%s\n' 'Tell me about a cat.' "/set tokens $((n + 100))" 'And about a dog?' |
  "${chat[@]}" | sed -e '1,/^$/d' -e 's/ *$//' >uninterrupted
cmp -n "$n" interrupted uninterrupted || fail 'what was interrupted is not the beginning of the answer'

clear
say '/set tokens 110'
say '/retry same'
screen retry-same
say '/retry'
screen retry
clear
say '/undo'
say '/prompt And about a dog?'
say '/undo'
say '/undo'
say '/prompt And about a dog?'
screen undo
clear
say 'And about a dog?'
say '/reset'
say '/set seed 3'
say 'Tell me about a cat.'
screen reset
say '/exit'
see '^the terminal is as it was$'
is_seen '^status 0$' || fail 'it did not end with 0'
