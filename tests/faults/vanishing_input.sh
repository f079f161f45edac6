#!/bin/bash
# Cuts, and removes, the input of each of the programs that write files, at random moments while it is read:
# the new complete file, or one line that names the input and the old file as it was.
#
# usage: vanishing_input.sh BIN MAKE_FAULTS_INPUT

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/faults.bash"
make_inputs
mkdir "$work/copy"

cut_input() { truncate -s $(($(stat -c %s "$1") * RANDOM / 32768)) "$1"; }
remove_input() { rm "$1"; }

for job in "${jobs[@]}"; do
  out=$work/out/$job.bin
  for fault in cut_input remove_input; do
    declare -A times=([0]=0 [1]=0)
    for ((i = 0; i < 10; i++)); do
      put_old_file "$out"
      cp "$work"/in/* "$work/copy/"
      input=$work/copy/$(input_of "$job")
      moment=$(random_moment "$job")
      set_command "$job" "$work/copy" "$out"
      "${command[@]}" >"$work/stdout" 2>"$work/stderr" &
      sleep "$moment"
      $fault "$input"
      status=0
      wait $! || status=$?
      times[$status]=$((${times[$status]-0} + 1))
      label="$job, $fault after $moment s"
      is_whole "$job" "$out" || complain "$label: the output is neither old nor new"
      case $status in
      0) [[ $found == new ]] || complain "$label: no error, and no new file" ;;
      1)
        [[ $found == old ]] || complain "$label: an error, and a new file"
        (($(wc -l <"$work/stderr") == 1)) || complain "$label: not one line: $(<"$work/stderr")"
        grep -qF "$input" "$work/stderr" || complain "$label: the input is not named: $(<"$work/stderr")"
        ;;
      *) complain "$label: exit code $status: $(<"$work/stderr")" ;;
      esac
      left=$(count_temporaries "$work/out")
      ((left == 0)) || complain "$label: $left temporary files"
    done
    echo "$job, $fault: ${times[0]} times done all the same, ${times[1]} times refused"
    ((${times[1]} > 0)) || [[ $fault == remove_input ]] || complain "$job never noticed the cut"
    rm -f "$out"
  done
done
exit $failed
