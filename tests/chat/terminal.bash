# A terminal for tests: a program runs in tmux, is typed to, and its screen is compared with a file.
#
#   terminal_start COLUMNS LINES COMMAND   runs a shell command in a fresh terminal
#   type TEXT                              types it, as it is, without Enter
#   key KEY...                             presses keys, by tmux's names: Enter, C-c, M-Enter, Up
#   say TEXT                               waits for a prompt, types it there and presses Enter
#   paste TEXT                             as a terminal does that brackets what is pasted
#   ready                                  waits for a prompt with nothing behind it
#   see REGEX                              waits for a line that matches (extended)
#   screen NAME                            waits until the screen is that of screens/NAME.txt
#   colored                                prints the screen with its colours
#   clear                                  empties the screen, which has a prompt and nothing typed behind it
#   everything                             prints all that was shown, wrapped lines as one
#
# Nothing here depends on how long something takes: each step waits for what it needs to see, for at most
# $patience seconds. Ctrl-C makes the terminal forget what has been typed and not been read: see it first.
#
# The scripts of this folder source it; they run in a scratch folder, which is also HOME there.
# RWKV_UPDATE_SCREENS=1 writes the files anew, to be looked at in git diff.
# shellcheck shell=bash

set -euo pipefail

patience=240
screens=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/screens
scratch=$(mktemp -d)
n_terminals=0
socket=$scratch/tmux-0
cd "$scratch"

terminal() { tmux -S "$socket" -f /dev/null -u "$@"; }

terminal_end() {
  terminal kill-server 2>/dev/null || true
  rm -rf "$scratch"
}
trap terminal_end EXIT

fail() {
  echo "$*"
  echo "--- the screen:"
  terminal capture-pane -p 2>&1 || true
  exit 1
}

terminal_start() {
  # A locale without UTF-8 in there: editing has to work all the same. And bash, since other shells take
  # Ctrl-C personally although the program that it was meant for goes on.
  local clean=(env -u XDG_STATE_HOME -u NO_COLOR -u EDITRC HOME="$scratch" LC_ALL=C TERM=screen)
  terminal kill-server 2>/dev/null || true
  socket=$scratch/tmux-$((++n_terminals)) # the old server may still be about to end
  LC_ALL=C.UTF-8 terminal new-session -d -x "$1" -y "$2" cat \; \
    set-option -g default-terminal screen \; set-option -g history-limit 200000 \; \
    set-option -g status off \; \
    respawn-pane -k "${clean[@]}" bash -c "$3"
}

type() { terminal send-keys -l -- "$1"; }
key() { terminal send-keys "$@"; }
paste() {
  terminal set-buffer -- "$1"
  terminal paste-buffer -p
}
everything() { terminal capture-pane -p -J -S -; }

# wait_until COMMAND...: false when patience is at its end.
wait_until() {
  local end=$((SECONDS + patience))
  until "$@"; do
    ((SECONDS < end)) && terminal has-session 2>/dev/null || return 1
    sleep 0.05
  done
}

is_seen() { terminal capture-pane -p 2>/dev/null | grep -qE -- "$1"; }
see() { wait_until is_seen "$1" || fail "not seen: $1"; }

is_clear() { [[ $(picture) == '>' ]]; }
clear() {
  ready
  key C-l
  wait_until is_clear || fail 'the screen has not been cleared'
}

# The line that the cursor is in; is it a prompt with nothing behind it, or with something?
cursor_line() {
  local row
  row=$(terminal display-message -p '#{cursor_y}')
  terminal capture-pane -p | sed -n "$((row + 1))p"
}
is_ready() { [[ $(cursor_line) =~ ^[\>.]$ ]]; }
is_typed() { ! is_ready; }
ready() { wait_until is_ready || fail 'there is no prompt'; }

# Where nobody reads yet, the terminal itself would show what is typed, and the editor would again.
say() {
  ready
  type "$1"
  wait_until is_typed || fail "nothing is shown: $1"
  key Enter
}

# The screen without the empty lines at its end, and without how fast it was.
picture() {
  terminal capture-pane -p 2>/dev/null |
    sed -E -e 's|[0-9]+\.[0-9] tokens/s|N tokens/s|g' -e :a -e '/^\n*$/{$d;N;ba' -e '}'
}
colored() { terminal capture-pane -p -e; }

is_picture() {
  picture >picture
  cmp -s picture "$1"
}
screen() {
  local file=$screens/$1.txt
  if [[ -n ${RWKV_UPDATE_SCREENS-} ]]; then
    sleep 3
    picture >"$file"
    return
  fi
  wait_until is_picture "$file" || {
    diff -u "$file" picture || true
    fail "the screen is not $1"
  }
}
