#!/bin/bash
# The report: its structure, with names that are markup, commands and no UTF-8; with gnuplot where it is
# installed, without it, and with one that breaks.
#
# usage: report.sh PERPLEXITY DEMO_FOLDER CHECK_REPORT.py

set -euo pipefail

perplexity=$1
model=$2/demo-rwkv4.pth
text=$2/data/test.txt
check=("$3")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

fail() {
  echo "$1"
  exit 1
}

# ---- names that are no harmless text

hostile=$'<img src=x onerror=alert(1)>&amp;"\'`touch pwned`$(touch pwned)@000@\n\xff.pth'
ln -s "$model" "$hostile"
ln -s "$text" '<h1><script>alert(2)<\script>.txt'
sweep=("$perplexity" "$hostile" "$model" -f '<h1><script>alert(2)<\script>.txt' --limit 1500
  --types Q8_0,Q4_0 --base "$model" --latency --repetitions 1 -j 1 --quiet)
figures=0
if command -v gnuplot >/dev/null; then figures=6; fi
"${sweep[@]}" --report report.html >table
[[ ! -e pwned ]] || fail "a name was run"
python3 "${check[@]}" report.html "$figures" 'alert(2)<\script>.txt' \
  '<img src=x onerror=alert(1)>&amp;"'\''`touch pwned`$(touch pwned)@000@' \
  'one stream from the empty state' "SHA-256 of demo-rwkv4.pth: $(sha256sum "$model" | cut -c 1-64)" \
  'Q4_0' 'commit ' 'nats a token'
if ((figures > 0)); then # and the pictures have their labels
  grep -q '<text>Q8_0 &lt;img src=x onerror=aler' report.html || fail "no label in the pictures"
fi

# ---- without gnuplot, and with others of that name

mkdir bin
short=("$perplexity" "$model" -f "$text" --limit 600 --quiet)
PATH=$scratch/bin "${short[@]}" --report none.html >table
python3 "${check[@]}" none.html 0 'There are no pictures: gnuplot, which draws them, is not installed.'

for body in 'exit 1' 'exec >&-; sleep 100' 'echo "<svg>"; cat >/dev/null' 'echo "</svg>"' \
  'yes "" | head -c 20000000'; do
  printf '#!/bin/sh\n%s\n' "$body" >bin/gnuplot
  chmod +x bin/gnuplot
  PATH=$scratch/bin:/usr/bin:/bin "${short[@]}" --report broken.html >table || fail "$body: failed"
  python3 "${check[@]}" broken.html 0 'Pictures are missing: gnuplot did not draw them.'
done

# ---- files

code=0
"${short[@]}" --report missing/report.html >table 2>errors || code=$?
[[ $code == 1 && $(cat errors) == 'perplexity: missing/report.html: cannot be written: '* ]] ||
  fail "a folder that is not there: exit code $code, $(cat errors)"
[[ -z $(find . -name 'report.html.*' -o -name 'none.html.*') ]] || fail "temporary files are left"
((figures > 0)) || echo "(without gnuplot: pictures were not looked at)"
