#!/bin/bash
# A sweep of seven formats with latency, its report, and the report in headless Chromium.
#
# usage: report_page.sh PERPLEXITY DEMO_FOLDER SCRIPTS_FOLDER [OUT_FOLDER]
#
# Leaves report.html, light.png and dark.png in OUT_FOLDER where one is given, to be looked at.

set -euo pipefail

command -v chromium >/dev/null || command -v chromium-browser >/dev/null || {
  echo "skipped: Chromium is not installed"
  exit 77
}
command -v gnuplot >/dev/null || {
  echo "skipped: gnuplot is not installed"
  exit 77
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
out=${4:-$scratch}

"$1" "$2/demo-rwkv4.pth" -f "$2/data/test.txt" --types FP32,FP16,Q8_0,Q5_1,Q5_0,Q4_1,Q4_0 \
  --base "$2/demo-rwkv4.pth" --latency --repetitions 2 --limit "${LIMIT:-8000}" --quiet \
  --report "$out/report.html" >"$scratch/table"
python3 "$3/check_report.py" "$out/report.html" 6 demo-rwkv4.pth
python3 "$3/report_in_chromium.py" "$out/report.html" "$out"
