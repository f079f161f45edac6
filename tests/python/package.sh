#!/bin/bash
# Runs the Python package's tests and examples with the first Python that has numpy and pytest.
#
# usage: package.sh ROOT LIBRARY

set -euo pipefail

root=$1
export RWKV_LIBRARY=$2 RWKV_ROOT=$root PYTHONPATH=$root/python/src PYTHONDONTWRITEBYTECODE=1

for python in python3 /usr/bin/python3 none; do
  if [[ $python == none ]]; then
    echo "skipped: no Python with numpy and pytest (Debian: python3-numpy python3-pytest)"
    exit 77
  fi
  ! "$python" -c 'import numpy, pytest' 2>/dev/null || break
done

"$python" -m pytest -q -p no:cacheprovider "$root/python/tests"

# The examples are programs that people begin with.
model=$root/models/demo/demo-rwkv4.pth
answer=$(echo 'Tell me a story.' | "$python" "$root/python/examples/chat.py" "$model")
[[ ${#answer} -gt 20 ]] || {
  echo "chat.py answered '$answer'"
  exit 1
}
stories=$("$python" "$root/python/examples/stories.py" "$model" "Once upon a time" 2)
grep -q '^--- 1$' <<<"$stories"
wrapper=$("$python" "$root/python/examples/wrapper.py" "$model")
grep -q '^Once upon a time, ' <<<"$wrapper"
