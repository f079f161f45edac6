#!/bin/bash
# Builds a program made for rwkv.cpp's library with the installed header, and runs it with the installed
# shared library: all functions, cloned contexts in threads, and many rounds under valgrind.
#
# usage: abi.sh BUILD ROOT JOB C_COMPILER [FLAG...]      JOB: run, or valgrind

set -euo pipefail

build=$1
root=$2
job=$3
c_compiler=$4
flags=("${@:5}")

if [[ $job == valgrind ]] && ! command -v valgrind >/dev/null; then
  echo "skipped: valgrind is missing"
  exit 77
fi

prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
DESTDIR='' cmake --install "$build" --prefix "$prefix" >/dev/null
library=$(dirname "$(find "$prefix" -name librwkv.so)")
program=$prefix/abi_program

# Alone in a folder, so that nothing but the installed header can be found.
mkdir "$prefix/alone"
cp "$root/tests/install/abi_program.c" "$prefix/alone"
cd "$prefix/alone"
"$c_compiler" -std=c17 -D_DEFAULT_SOURCE -O1 -g -Wall -Wextra -Werror "${flags[@]}" abi_program.c \
  -I"$prefix/include" -L"$library" -lrwkv -pthread -o "$program"
export LD_LIBRARY_PATH=$library

# The interface, no more and no less.
expected=$(sort <<'EOF'
rwkv_clone_context
rwkv_eval
rwkv_eval_sequence
rwkv_eval_sequence_in_chunks
rwkv_free
rwkv_get_last_error
rwkv_get_logits_buffer_element_count
rwkv_get_logits_len
rwkv_get_n_embed
rwkv_get_n_layer
rwkv_get_n_vocab
rwkv_get_print_errors
rwkv_get_state_buffer_element_count
rwkv_get_state_len
rwkv_get_system_info_string
rwkv_gpu_offload_layers
rwkv_init_from_file
rwkv_init_state
rwkv_quantize_model_file
rwkv_set_print_errors
EOF
)
used=$(nm -u "$program" | awk '{ print $2 }' | grep -E '^(rk|rwkv)_' | sed 's/@.*//' | sort)
if [[ $used != "$expected" ]]; then
  echo "the program does not use exactly the interface's functions:"
  diff <(echo "$expected") <(echo "$used") || true
  exit 1
fi

"$build/bin/pth2bin" --quiet --type FP32 "$root/tests/data/models/v4.pth" "$prefix/v4.bin"
if [[ $job == valgrind ]]; then
  # OpenBLAS keeps what it allocates when it is loaded: reachable, and the same after any number of rounds.
  valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect,possible \
    --show-leak-kinds=definite,indirect,possible "$program" rounds "$prefix/v4.bin" 1000
  exit
fi
for name in v4 v5.2 v6 v7; do
  model=$prefix/$name.bin
  "$build/bin/pth2bin" --quiet --type FP32 "$root/tests/data/models/$name.pth" "$model"
  "$program" functions "$model" "$prefix"
  "$program" clones "$model" "$prefix"
  "$program" rounds "$model" 20
done
