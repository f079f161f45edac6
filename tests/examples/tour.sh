#!/bin/bash
# Runs the two halves of the guided tour, docs/examples/tour.c and tour_measuring.c, which check what they see.
#
# usage: tour.sh TOUR TOUR-MEASURING MODEL TEXT

set -euo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$1" "$3" "$4" "$scratch"
"$2" "$3" "$4" "$scratch"
for gone in nothing nothing.npy; do # files that were given up
  [[ ! -e "$scratch/$gone" ]] || { echo "$gone is there"; exit 1; }
done
