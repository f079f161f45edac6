# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # variables of the scripts that source this
#
# What the tests of this folder share: inputs, the three jobs, and what has to hold after a fault. Sourced
# with the arguments BIN MAKE_FAULTS_INPUT; sets work, bin, seed.

bin=$1
make_input=$2
seed=${RWKV_TEST_SEED:-$((RANDOM + 32768 * (RANDOM % 1000)))}
echo "seed $seed (RWKV_TEST_SEED=$seed repeats it)"
RANDOM=$((seed % 32768))

work=$(mktemp -d "${TMPDIR:-/tmp}/rwkv-faults-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/in" "$work/out" "$work/good"
jobs=(pth2bin quantize lora_merge)
failed=0

complain() {
  echo "$*" >&2
  failed=1
}

# Sets `command` to a job's command line, from the inputs in one folder to the file `out`.
set_command() {
  local job=$1 in=$2 out=$3
  case $job in
  pth2bin) command=("$bin/pth2bin" "$in/model.pth" "$out" --type Q5_1) ;;
  quantize) command=("$bin/quantize" "$in/model.bin" "$out" Q4_0) ;;
  lora_merge) command=("$bin/lora_merge" "$in/model.pth" "$in/adapter.pth" "$out" --alpha 32) ;;
  esac
  command+=(--quiet --threads 2)
}

# The job's main input, that which is cut and removed.
input_of() {
  case $1 in
  quantize) echo model.bin ;;
  *) echo model.pth ;;
  esac
}

# Makes the inputs and, from them, what each job gives when nothing goes wrong: good/JOB, and how long that
# took in microseconds: duration[JOB].
declare -A duration=()
make_inputs() {
  local job begin
  "$make_input" "$work/in/model.pth" "$work/in/adapter.pth"
  "$bin/pth2bin" "$work/in/model.pth" "$work/in/model.bin" --type FP32 --quiet --no-sync
  for job in "${jobs[@]}"; do
    set_command "$job" "$work/in" "$work/good/$job"
    "${command[@]}" # once for the caches
    begin=${EPOCHREALTIME/./}
    "${command[@]}"
    duration[$job]=$((${EPOCHREALTIME/./} - begin))
  done
}

# A random moment between the beginning and a little after the end of a job, in seconds.
random_moment() {
  local most=$((${duration[$1]} * 11 / 10))
  local moment=$((most * RANDOM / 32768))
  printf '%d.%06d' $((moment / 1000000)) $((moment % 1000000))
}

count_temporaries() { find "$1" -name '.*.tmp' | wc -l; }

put_old_file() { echo "the old file" >"$1"; }

# is_whole JOB FILE: is it the old file, or what the job gives? Sets `found` to old or new.
is_whole() {
  if cmp -s "$work/good/$1" "$2"; then
    found=new
  elif [[ $(head -c 20 "$2" 2>/dev/null) == "the old file" ]]; then
    found=old
  else
    found=neither
    return 1
  fi
}
