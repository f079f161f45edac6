#!/bin/bash
# Checks every #include "..." of the tree against the dependency line of docs/conventions.md.
#
# usage: include_graph.sh ROOT

set -euo pipefail

# Left to right; a folder sees the groups before its own. Folders of one group do not see each other.
dependency_line='base | tensor | kernels | checkpoint arch | weights | stage |
  cpu cuda convert text | model | generate eval | compat'

# Prints a line for each include under ROOT that the line forbids.
violations() {
  local root=$1
  {
    cd "$root"
    find include lib tools -name '*.[ch]' | LC_ALL=C sort |
      xargs grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' || true # none is fine
  } |
    awk -v line="$dependency_line" -v root="$root" '
      BEGIN {
        n = split(line, groups, "|")
        for (g = 1; g <= n; g++) {
          m = split(groups[g], folders, " ")
          for (f = 1; f <= m; f++) rank[folders[f]] = g
        }
      }
      function complain(why) { print file ":" number ": includes \"" target "\": " why }
      function exists(path) { return (getline ignored < (root "/" path)) >= 0 }
      {
        match($0, /:[0-9]+:/)
        file = substr($0, 1, RSTART - 1)
        number = substr($0, RSTART + 1, RLENGTH - 2)
        target = $0
        sub(/^[^"]*"/, "", target)
        sub(/".*$/, "", target)
        split(file, from, "/")
        parts = split(target, to, "/")

        if (target ~ /^rk\//) {
          if (!exists("include/" target)) complain("there is no such file")
        } else if (from[1] == "include") {
          complain("public headers see only public headers")
        } else if (target == "rwkv.h") {
          if (from[1] == "lib" && from[2] != "compat") complain("that is the business of lib/compat")
        } else if (from[1] == "tools") {
          if (parts != 2 || (to[1] != "cli" && to[1] != from[2]))
            complain("tools see rk/, cli/ and their own folder")
          else if (!exists("tools/" target)) complain("there is no such file")
        } else if (!(from[2] in rank)) {
          complain("folder " from[2] " has no place in the dependency line")
        } else if (parts != 2 || !(to[1] in rank)) {
          complain("not of the form folder/file.h with a folder of lib/")
        } else if (!exists("lib/" target)) {
          complain("there is no such file")
        } else if (to[1] != from[2] && rank[to[1]] >= rank[from[2]]) {
          complain(from[2] " does not see " to[1])
        } else if (to[1] != from[2] && to[1] != "base" && target ~ /_internal\.h$/) {
          complain("it stays inside its folder")
        }
      }'
}

# Does the check find what it is there to find? One made-up violation a line.
self_check() {
  local tree=$1 path target
  mkdir -p "$tree"/include/rk "$tree"/lib/{base,tensor,checkpoint,arch,cpu,model} "$tree"/tools/{cli,run}
  touch "$tree"/include/rk/error.h "$tree"/lib/{base/file,model/model_internal,arch/arch}.h
  touch "$tree"/lib/{checkpoint/checkpoint_internal,cpu/cpu_internal}.h "$tree"/tools/cli/help.h
  printf '#include "%s"\n' rk/error.h base/file.h >"$tree"/lib/arch/fine.c
  printf '#include "%s"\n' rk/error.h cli/help.h >"$tree"/tools/run/fine.c
  [[ -z $(violations "$tree") ]] || { echo "self-check: a correct tree is refused"; return 1; }

  while read -r path target; do
    printf '#include "%s"\n' "$target" >"$tree/$path"
    if [[ $(violations "$tree") != "$path:1: includes \"$target\": "* ]]; then
      echo "self-check: $path may not include $target, but nothing is said"
      return 1
    fi
    rm "$tree/$path"
  done <<'END'
lib/base/up.c arch/arch.h
lib/arch/sideways.c checkpoint/checkpoint_internal.h
lib/model/internal.c cpu/cpu_internal.h
lib/model/missing.c cpu/nothing.h
lib/tensor/compat.c rwkv.h
include/rk/public.h base/file.h
tools/run/main.c base/file.h
tools/cli/tool.c run/run.h
lib/strange/new.c base/file.h
END
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/lib/strange"
self_check "$scratch"

found=$(violations "$1")
if [[ -n $found ]]; then
  printf '%s\n' "$found"
  exit 1
fi
