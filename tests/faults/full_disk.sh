#!/bin/bash
# Runs each of the programs that write files on a disk that is full after 8 MB (a tmpfs in a name space of its
# own): one line that says so, exit code 1, the old file as it was, and nothing left behind.
#
# usage: full_disk.sh BIN MAKE_FAULTS_INPUT

set -euo pipefail

if [[ ${1-} != --inside ]]; then
  # Root needs no name space of users, and others may not be allowed to have one.
  for options in --mount "--mount --user --map-root-user"; do
    # shellcheck disable=SC2086 # these are several words
    if unshare $options mount -t tmpfs -o size=1m tmpfs /mnt 2>/dev/null; then
      exec unshare $options "${BASH_SOURCE[0]}" --inside "$@"
    fi
  done
  echo "skipped: may not mount a tmpfs"
  exit 77
fi
shift

source "$(dirname "${BASH_SOURCE[0]}")/faults.bash"
make_inputs
disk=$work/disk
mkdir "$disk"
mount -t tmpfs -o size=8m tmpfs "$disk"
trap 'umount "$disk"; rm -rf "$work"' EXIT

# try JOB WHAT: the job has to fail as described above.
try() {
  local job=$1 out=$disk/model.bin status=0
  put_old_file "$out"
  set_command "$job" "$work/in" "$out"
  "${command[@]}" >"$work/stdout" 2>"$work/stderr" || status=$?
  ((status == 1)) || complain "$job, $2: exit code $status"
  [[ ! -s $work/stdout ]] || complain "$job, $2: prints something on stdout"
  (($(wc -l <"$work/stderr") == 1)) || complain "$job, $2: not one line: $(<"$work/stderr")"
  grep -qF "$out: " "$work/stderr" || complain "$job, $2: the file is not named: $(<"$work/stderr")"
  grep -q "No space left on device" "$work/stderr" || complain "$job, $2: the reason is not named: $(<"$work/stderr")"
  is_whole "$job" "$out" && [[ $found == old ]] || complain "$job, $2: the old file is gone"
  (($(find "$disk" -type f | wc -l) == $3)) || complain "$job, $2: leaves files: $(ls -A "$disk")"
}

for job in "${jobs[@]}"; do try "$job" "8 MB free" 1; done
# Not a single page.
dd if=/dev/zero of="$disk/rest" bs=4096 2>/dev/null || true
for job in "${jobs[@]}"; do try "$job" "nothing free" 2; done
umount "$disk"
mount -t tmpfs -o size=8m,nr_inodes=2 tmpfs "$disk" # the folder and one file
for job in "${jobs[@]}"; do try "$job" "no file more" 1; done
exit $failed
