#!/bin/bash
# Programs that were built without MPI, started by mpirun: several of them would all do the whole job and write one
# file. One alone is as good as any.
#
# usage: without_mpi.sh BIN_FOLDER DEMO_FOLDER

set -euo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
model=$2/demo-rwkv4.pth

refused() { # program arguments...
  local code=0
  OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=1 "$bin/$1" "${@:2}" >out 2>errors || code=$?
  [[ $code == 1 && $(cat errors) == "$1: one of 2 processes, but built without MPI (-DRWKV_MPI=ON)" && ! -s out ]] ||
    { echo "$*: exit code $code, $(cat errors)"; exit 1; }
}

bin=$1
refused perplexity "$model" -f "$2/data/test.txt" --limit 300
refused embed "$model" words -o out.npy
[[ ! -e out.npy ]]
OMPI_COMM_WORLD_SIZE=1 "$bin/embed" "$model" words -o one.npy --quiet
[[ -s one.npy ]]
