#!/bin/bash
# Kills each of the programs that write files at random moments, 20 times or RWKV_TEST_KILLS times: under the output's
# name there is always the old complete file or the new complete one, and what killed processes leave behind does not
# pile up.
#
# usage: killed.sh BIN MAKE_FAULTS_INPUT

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/faults.bash"
make_inputs

kills=${RWKV_TEST_KILLS:-20}
hit=0
for job in "${jobs[@]}"; do
  out=$work/out/$job.bin
  declare -A times=([old]=0 [new]=0)
  for ((i = 1; i <= kills; i++)); do
    put_old_file "$out"
    moment=$(random_moment "$job")
    set_command "$job" "$work/in" "$out"
    {
      "${command[@]}" &
      sleep "$moment"
      status=0
      kill -KILL $! || true
      wait $! || status=$?
    } 2>/dev/null
    ((status != 137)) || hit=$((hit + 1))
    if ((status != 137 && status != 0)); then complain "$job ended with $status before it was killed"; fi
    is_whole "$job" "$out" || complain "$job, killed after $moment s: the output is neither old nor new"
    ((status != 0)) || [[ $found == new ]] || complain "$job ended well without its output"
    times[$found]=$((${times[$found]-0} + 1))
    left=$(count_temporaries "$work/out")
    ((left <= 1)) || complain "$job, killed $i times: $left temporary files"
  done
  # The next run that is left in peace takes away what the last one left.
  set_command "$job" "$work/in" "$out"
  "${command[@]}"
  is_whole "$job" "$out" && [[ $found == new ]] || complain "$job: the run after the kills went wrong"
  left=$(count_temporaries "$work/out")
  ((left == 0)) || complain "$job: $left temporary files after a run that was not killed"
  echo "$job (${duration[$job]} us): $kills times started, ${times[old]} times the old file, ${times[new]} times the new one"
  rm -f "$out"
done
echo "$hit of $((kills * ${#jobs[@]})) were killed while they ran"
((hit >= kills)) || complain "too few were killed while they ran for this test to mean anything"
exit $failed
