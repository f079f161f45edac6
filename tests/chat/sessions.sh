#!/bin/bash
# Keeping a conversation and going on with it; what is no such file; settings; being ended from outside.
#
# usage: sessions.sh BIN MODELS

set -euo pipefail
bin=$1 models=$2/demo
source "$(dirname "${BASH_SOURCE[0]}")/terminal.bash"

"$bin/rwkv-run" "$models/demo-rwkv4.pth" -p Once -n 1 -q --state-out other.session >/dev/null
cp "$models/demo-rwkv7.pth" model.pth
chat="${bin@Q}/rwkv-run model.pth --chat --seed 2 -n 60 --cpu scalar -j 1"

terminal_start 80 60 "stty -a >before; $chat; echo \"status \$?\"
  stty -a >after; cmp before after && echo 'the terminal is as it was'; cat"
say '/save talk.session'
say 'Who is there?'
say '/save talk.session'
say '/save model.pth'
say '/load other.session'
say '/load nothing.session'
say '/load'
say '/prompt One more'
say '/reset'
say '/prompt One more'
say '/load talk.session'
say '/prompt One more'
screen sessions
cmp model.pth "$models/demo-rwkv7.pth" || fail 'the model has changed'
clear

say '/set'
say '/set top_p 0.5'
say '/set top-p 2x'
say '/set greedy on'
say '/set greedy perhaps'
say '/set chat-preset g1-no-think'
say '/set chat-preset alpaca'
say '/set colour red'
say '/show'
say 'Who is there?'
say '/set temp default'
say '/set top-p default'
say '/set greedy off'
say '/show'
screen settings

kill -TERM "$(pgrep -P "$(terminal display-message -p '#{pane_pid}')")"
see '^the terminal is as it was$'
is_seen '^status 130$' || fail 'it did not end with 130'

# The conversation that was kept, in another one.
terminal_start 80 24 "$chat --state-in talk.session; echo \"status \$?\"; cat"
say '/retry'
say '/prompt One more'
screen resumed
say '/quit'
see '^status 0$'
