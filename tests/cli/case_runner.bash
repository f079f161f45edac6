# Runs the case files of tests/cli/cases. A case is a text file; each line is a comment (#), or a
# key and its value:
#
#   prepare COMMAND  a shell command that makes the case's files; may be repeated
#   stdin FILE       standard input of the run; without it, an empty one
#   run COMMAND      what is tested: a shell command, run in an empty scratch folder that holds what
#                    `prepare` made
#   input FILE       instead of `run`: every line of readers.txt is run, with IN replaced by FILE
#   except WORDS     with `input`: leave out the readers that begin like this; may be repeated
#   exit N           the exit code; 0 when there is no such line
#   stdout empty     nothing was printed (without any such line, anything may be)
#   stdout = LINE    with all lines of this kind, in order, the whole output
#   stdout ~ REGEX   some line matches this extended regular expression; may be repeated
#   stderr ...       the same for standard error
#   json FILTER      standard output is one JSON value for which jq gives true; may be repeated
#   present FILE     this file exists afterwards, and did not before; may be repeated
#   check COMMAND    a shell command that succeeds afterwards; may be repeated
#
# With `input`, IN and PROGRAM in an expression stand for the file and the reader's first word.
#
# Four rules hold without being written down:
#   - files appear only where `present` says so: no half outputs, no temporary files; and none of
#     the old ones is gone;
#   - exit 0: standard error is empty, unless a line of the case speaks of it;
#   - exit 1: standard error is one line that begins with the program's name;
#   - exit 2: it is followed by one line that begins with "Try `".
#
# Commands see $DEMO (the demo checkpoint), $MODEL (it as FP16 model file), $LORA (its adapter),
# $SEVEN (a checkpoint of RWKV-7), $DATA (tests/data), $TEXT (2,000 bytes of text), $TEXTS (texts, one a line) and
# $MAKE_FILES (a program that makes models and states: make_files.c).
#
# The caller sets `suite` (this folder) and `work` (a folder for the case's files).
# shellcheck shell=bash disable=SC2154,SC2034

shopt -s globstar dotglob nullglob

# Complaints go to stdout; a complaint makes the case fail.
complain() {
  failed=1
  printf '%s: %s\n' "$label" "$*"
}

# Reads a case into the arrays named like its keys.
read_case() { # file
  local line key
  prepare=() stdin=() run=() input=() except=() exit=()
  stdout=() stderr=() json=() present=() check=()
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in '' | '#'*) continue ;; esac
    key=${line%% *}
    case $key in
      prepare | stdin | run | input | except | exit | stdout | stderr | json | present | check)
        local -n values=$key
        values+=("${line#* }")
        ;;
      *) complain "unknown key: $line" ;;
    esac
  done <"$1"
  [ $((${#run[@]} + ${#input[@]})) = 1 ] || complain "needs one line 'run' or 'input'"
}

# Is there a line that matches?
matches() { # regex line...
  local regex=$1 line
  shift
  for line; do
    [[ $line =~ $regex ]] && return
  done
  return 1
}

# Compares the lines of a stream with what the case says about it.
check_stream() { # name line...
  local name=$1 rule regex exact=0 expected=()
  local -n rules=$name
  shift
  for rule in "${rules[@]}"; do
    case $rule in
      empty) [ $# = 0 ] || complain "$name is not empty: $1" ;;
      '= '*) exact=1 expected+=("${rule#= }") ;;
      '~ '*)
        regex=${rule#'~ '}
        [ ${#input[@]} = 0 ] || regex=${regex//PROGRAM/$program} regex=${regex//IN/${input[0]}}
        matches "$regex" "$@" || complain "no line of $name matches '$regex': ${*:1:3}"
        ;;
      *) complain "unknown rule: $name $rule" ;;
    esac
  done
  [ $exact = 0 ] || [ "${expected[*]}" = "$*" ] || complain "$name is '$*', not '${expected[*]}'"
}

# The unwritten rules about standard error.
check_manners() { # code line...
  local code=$1
  shift
  case $code in
    0) [ $# = 0 ] || [ ${#stderr[@]} != 0 ] || complain "stderr: ${*:1:3}" ;;
    1) [ $# = 1 ] || complain "$# lines on stderr: ${*:1:3}" ;;
    2) [[ $# = 2 && $2 == 'Try `'* ]] || complain "no hint, or more, on stderr: ${*:1:3}" ;;
    *) return ;;
  esac
  [ "$code" = 0 ] || [[ $1 =~ ^${program:-[a-z0-9_-]+}:\ . ]] || complain "stderr: $1"
}

# Which files are there that `prepare` did not make and `present` does not name, and which are not?
check_files() { # file... (before)
  local -A wanted=()
  local file
  for file in "$@" "${present[@]}"; do wanted[$file]=1; done
  for file in **; do
    [ -n "${wanted[$file]:-}" ] || complain "left behind: $file"
    unset "wanted[$file]"
  done
  for file in "${!wanted[@]}"; do complain "missing: $file"; done
}

# Runs one command of a case in a folder of its own.
run_command() { # command
  local command=$1 code=0 line before out err
  rm -rf "$work/scratch" && mkdir "$work/scratch" && cd "$work/scratch" || return
  for line in "${prepare[@]}"; do bash -c "$line" || complain "failed: prepare $line"; done
  before=(**)
  bash -c "$command" <"${stdin[0]:-/dev/null}" >"$work/out" 2>"$work/err" || code=$?
  mapfile -t out <"$work/out"
  mapfile -t err <"$work/err"
  [ "$code" = "${exit[0]:-0}" ] ||
    complain "exit code $code, not ${exit[0]:-0}: $command: ${err[*]:0:3}"
  check_stream stdout "${out[@]}"
  check_stream stderr "${err[@]}"
  check_manners "$code" "${err[@]}"
  for line in "${json[@]}"; do
    jq -e "$line" "$work/out" >/dev/null 2>"$work/log" ||
      complain "not true of stdout: $line $(<"$work/log")"
  done
  check_files "${before[@]}"
  for line in "${check[@]}"; do
    bash -c "$line" &>"$work/log" || complain "failed: check $line: $(<"$work/log")"
  done
}

# Runs a case file: 0 when all of it held. Files of its own go to $work.
run_case() { # file
  local failed=0 name=${1##*/cases/} label=${1##*/cases/} program='' reader exception
  local prepare stdin run input except exit stdout stderr json present check
  read_case "$1"
  if [ ${#run[@]} != 0 ]; then
    run_command "${run[0]}"
    return $failed
  fi
  while IFS= read -r reader; do
    for exception in '#' "${except[@]}"; do
      case $reader in "$exception"*) continue 2 ;; esac
    done
    program=${reader%% *}
    label="$name ($reader)"
    run_command "${reader//IN/${input[0]}}"
  done <"$suite/readers.txt"
  return $failed
}
