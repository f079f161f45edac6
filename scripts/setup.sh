# shellcheck shell=bash
# shellcheck disable=SC2034 # the arrays are used by name
#
# Setting up: sourced by scripts that need the project built, from its root.
#
#   setup_build_tools             what the library and the programs are built with is there
#   setup_test_tools              and what the tests need besides
#   setup_fuzz_tools              and libFuzzer
#   setup_tidy_tools              and clang-tidy
#   setup_build PRESET [OPTION..] configures and builds; options are cmake's
#
# Missing Debian packages are installed through apt-get where we may (root, or sudo without a password);
# otherwise they are named with the command to type, and the script ends with 1.

# Command, and the package that brings it. Commands count wherever they come from.
build_commands=(cc:gcc cmake:cmake make:make pkg-config:pkg-config)
tests_commands=(g++:g++ nm:binutils bats:bats jq:jq tmux:tmux clang-format:clang-format)
fuzz_commands=(clang:clang llvm-symbolizer:llvm)
tidy_commands=(clang:clang run-clang-tidy:clang-tidy)

# Libraries with their headers; the first of several is the one that is installed.
build_libraries=(libc6-dev zlib1g-dev libcjson-dev libpcre2-dev libutf8proc-dev libssl-dev
  libedit-dev 'libopenblas-serial-dev|libopenblas-pthread-dev|libopenblas-openmp-dev')
tests_libraries=(libcriterion-dev libzip-dev python3-numpy python3-pytest)
fuzz_libraries=('libclang-rt-dev|libclang-rt-14-dev')
tidy_libraries=()

# is_installed 'PACKAGE|PACKAGE...': is one of them?
is_installed() {
  local alternatives package status
  IFS='|' read -ra alternatives <<<"$1"
  for package in "${alternatives[@]}"; do
    status=$(dpkg-query -W -f ' ${db:Status-Status} ' "$package" 2>/dev/null) || continue
    [[ $status != *' installed '* ]] || return 0
  done
  return 1
}

# missing_packages GROUP...: one a line.
missing_packages() {
  local group entry
  for group in "$@"; do
    local -n commands=${group}_commands libraries=${group}_libraries
    for entry in "${commands[@]}"; do
      command -v "${entry%%:*}" >/dev/null || echo "${entry#*:}"
    done
    for entry in "${libraries[@]}"; do
      is_installed "$entry" || echo "${entry%%|*}"
    done
  done
}

# Can packages be installed without asking anybody? Sets as_root to what goes before the command.
may_install() {
  as_root=()
  [[ $(id -u) != 0 ]] || return 0
  as_root=(sudo -n)
  command -v sudo >/dev/null && sudo -n true 2>/dev/null
}

install_packages() {
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
  echo "Installing through apt-get: $*" >&2
  # A fresh machine has no lists of packages yet; old lists name files that are gone.
  if ! apt-get --simulate install "$@" >/dev/null 2>&1; then
    "${apt[@]}" update >&2
  fi
  "${apt[@]}" install --no-install-recommends "$@" >&2 || {
    "${apt[@]}" update >&2
    "${apt[@]}" install --no-install-recommends "$@" >&2
  }
}

require_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is no Debian; on one, scripts/setup.sh would look for what is needed." >&2
    return 0
  fi
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} > 0)) || return 0
  if may_install; then
    install_packages "${missing[@]}"
    return
  fi
  echo "These packages are missing: ${missing[*]}" >&2
  echo "Install them, then start again:" >&2
  echo "  sudo apt-get update && sudo apt-get install ${missing[*]}" >&2
  exit 1
}

setup_build_tools() {
  require_packages build
}

setup_test_tools() {
  require_packages build tests
}

setup_fuzz_tools() {
  require_packages build tests fuzz
}

setup_tidy_tools() {
  require_packages build tests tidy
}

# What the tools say goes to stderr: stdout is for what the calling script has to say.
setup_build() {
  local preset=$1
  local options=("${@:2}")
  if command -v ccache >/dev/null; then
    options+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
  fi
  echo "Building ($preset)" >&2
  cmake --preset "$preset" "${options[@]}" >/dev/null
  cmake --build --preset "$preset" --parallel "$(nproc)" >&2
}
